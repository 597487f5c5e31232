"""Why a beat got its class: evidence, reasons, and all that is known of one beat (`Case`).

This package can be called: ``arrhythmia.explain(classifier, record, 75)`` gives the `Case` of a
beat. (The face of the project names a function and a package alike; a module may have a class of
its own, see "Customizing module attribute access" in the Python reference.)
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arrhythmia.classifier import Classifier
    from arrhythmia.explain.case import Case
    from arrhythmia.records import Record


class _ExplainPackage(ModuleType):
    def __call__(
        self,
        classifier: Classifier,
        record: Record,
        beat: int,
        method: str | None = None,
        target_class: str | None = None,
        lead: str | None = None,
        source: str | None = None,
    ) -> Case:
        """Explain the class of one beat; see `arrhythmia.interface.Classifier.explain`."""
        from arrhythmia.explain.gather import explain_beat
        from arrhythmia.explain.method_names import DEFAULT_METHOD

        return explain_beat(
            classifier, record, beat, beats=classifier.find_beats(record, lead, source),
            method=method or DEFAULT_METHOD, target_class=target_class,
        )  # fmt: skip


sys.modules[__name__].__class__ = _ExplainPackage
