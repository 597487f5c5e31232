"""The error that a user can cause."""


class InputError(ValueError):
    """Input that cannot be used; its message is one line with the value and the remedy.

    The commands print the message and leave with exit code 2.
    """


class SomeFailedError(Exception):
    """Some of several recordings could not be used; the others were. Exit code 3."""
