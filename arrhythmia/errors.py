"""The error that a user can cause."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 300
"""Characters of a message, whatever it quotes."""


def printable(text: str) -> str:
    """Text whose control characters, and bytes that are no UTF-8, are escaped.

    A terminal would obey the one, and no file or page can hold the other.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """Text as one line that is safe on a terminal, of at most `LONGEST` characters.

    It is `printable`. Of a longer text the beginning and the end are kept: what is wrong, and the
    remedy.
    """
    text = printable(" ".join(text[: 100 * LONGEST].split()))
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[: half - 5]} ... {text[-half:]}"


class InputError(ValueError):
    """Input that cannot be used; its message is one line with the value and the remedy.

    The commands print the message and leave with exit code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class MissingError(InputError):
    """Input that lacks something which its user may know.

    Parameters
    ----------
    message : str
    what : str
        ``"fs"`` or ``"lead"``.
    """

    def __init__(self, message: str, what: str) -> None:
        super().__init__(message)
        self.what = what


class SomeFailedError(Exception):
    """Some of several recordings could not be used; the others were. Exit code 3."""
