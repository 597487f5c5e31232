"""Why a beat got its class: evidence, reasons, and all that is known of one beat (`Case`).

This package can be called: ``arrhythmia.explain(classifier, record, 75)`` gives the `Case` of a
beat. (The face of the project names a function and a package alike; a module may have a class of
its own, see "Customizing module attribute access" in the Python reference.)
"""

from __future__ import annotations

import sys
from types import ModuleType


class _ExplainPackage(ModuleType):
    def __call__(self, *args: object, **kwargs: object) -> object:
        """Give `arrhythmia.explain.case.explain_beat` of the same arguments."""
        from arrhythmia.explain.case import explain_beat

        return explain_beat(*args, **kwargs)


sys.modules[__name__].__class__ = _ExplainPackage
