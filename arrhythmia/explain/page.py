"""One explained beat as an interactive page: a single HTML file that needs no network.

Python draws the figures and says every sentence; ``page.html``, beside this module, lays them
out and swaps them when another method or class is chosen. Names of records, leads and symbols
come from strangers' files: on the page they are text and nothing else.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np

from arrhythmia.drawing import CLASS_COLORS, MV_PER_SECOND, clock
from arrhythmia.explain.case import Case
from arrhythmia.explain.explanation import PARTS, Explanation
from arrhythmia.explain.method_names import METHOD_NAMES
from arrhythmia.explain.page_figures import (
    bars_figure,
    ecg_figure,
    heat_dots,
    heat_scale,
    on_paper,
    plain,
    tachogram,
)
from arrhythmia.explain.reasons import Reasons
from arrhythmia.explain.vocabulary import sentence
from arrhythmia.explain.waves import WAVES
from arrhythmia.explain.wording import (
    DISCLAIMER,
    RR_NAMES,
    empty_words,
    evidence_words,
    part_name,
    rr_values,
    what_if,
    what_if_title,
)
from arrhythmia.files import whole_file
from arrhythmia.labels import BEAT_CLASSES, CLASS_NAMES, SYMBOL_CLASS
from arrhythmia.rr import irregularity
from arrhythmia.sequences import beat_ratios

TEMPLATE = Path(__file__).with_name("page.html")


def write_page(path: str | Path, case: Case) -> None:
    """Write one HTML file with everything in it, plotly too.

    Parameters
    ----------
    path : str or Path
        About 5 MB, nearly all of it plotly.
    case : Case

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from plotly.offline import get_plotlyjs

    data = json.dumps(page_data(case), allow_nan=False, separators=(",", ":"))
    data = data.replace("<", r"\u003c")  # or "</script>" in a name would end the data
    letter = case.letter(case.beat)
    title = f"{letter} – beat {case.beat} of record {case.record.name}"
    page = TEMPLATE.read_text(encoding="utf-8")
    before, page = page.split("{{title}}")
    middle, page = page.split("{{data}}")
    last, end = page.split("{{plotly}}")
    with whole_file(path) as part:
        part.write_text(
            "".join([before, escape(title), middle, data, last, get_plotlyjs(), end]),
            encoding="utf-8",
            errors="replace",  # a name may hold bytes that are no text
        )


def page_data(case: Case) -> dict:
    """All that the page shows: text, numbers, and figures as plotly takes them."""
    explanation = case.explanation
    known_class = SYMBOL_CLASS.get(case.symbol, "no class")
    reference = f"{case.reference} (class {known_class})" if case.symbol else None
    reference_differs = case.assessable and bool(case.symbol) and known_class != case.called
    said = (case.alike, case.in_leads)
    methods = dict.fromkeys(method for method, _ in case.explanations)
    return {
        "start": {"method": case.method, "class": case.target_class},
        "assessable": case.assessable,
        "letter": case.letter(case.beat),
        "winner": case.called if case.assessable else None,
        "methods": {m: METHOD_NAMES[m] for m in methods},
        "classes": dict(CLASS_NAMES),
        "colors": CLASS_COLORS,
        "heading": case.headline.removeprefix(f"{case.called} – "),
        "reference": reference,
        "reference_differs": reference_differs,
        "where": f"record {case.record.name} · lead {case.lead.name} · beat {case.beat} of "
        f"{len(case.beats)} (from 0) · {clock(case.seconds, 3)}",
        "probabilities": _probabilities(case),
        "confidence": [*case.trust, *(filter(None, said) if case.assessable else ())],
        "notes": list(case.notes),
        "disclaimer": DISCLAIMER,
        "parts": [part_name(part, explanation.waves) for part in PARTS],
        "waves": [WAVES[i] for i in explanation.waves.of_samples(len(explanation.samples))],
        "what_if_title": what_if_title(case.lead_named),
        "reasons": {c: _reasons(case, r) for c, r in case.reasons_for.items()},
        "explanations": {
            m: {c: _evidence(e) for (k, c), e in case.explanations.items() if k == m}
            for m in methods
        },
        "rr": _rr_rows(case),
        "neighbours": [_neighbour(case, int(step)) for step in explanation.neighbours],
        "figures": {
            "ecg": json.loads(ecg_figure(case).to_json()),
            "bars": json.loads(bars_figure().to_json()),
            "tachogram": json.loads(tachogram(case).to_json()),
        },
        "at": case.seconds,
        "segment": {"start": case.segment_start, "fs": case.beats.fs},
        "mv_per_second": MV_PER_SECOND if on_paper(case) else None,
        "heat": heat_scale(),
        "dots": heat_dots(case),
    }


def _probabilities(case: Case) -> dict[str, float]:
    """Of each class; none where the signal cannot be read."""
    row = case.probabilities[case.beat]
    return dict(zip(BEAT_CLASSES, plain(row), strict=True)) if case.assessable else {}


def _reasons(case: Case, reasons: Reasons) -> dict:
    if not case.assessable:
        return {"sentence": case.sentence, "what_if": []}
    said = sentence(reasons.target_class, reasons.called, reasons.measured)
    return {"sentence": said, "what_if": what_if(reasons)}


def _evidence(explanation: Explanation) -> dict:
    e = explanation
    return {
        "samples": plain(e.samples),
        "heat": plain(e.heat, 4),
        "rr": plain(e.rr),
        "neighbour_shapes": plain(e.neighbour_shapes),
        "neighbour_timing": plain(e.neighbour_timing),
        "percent": plain(np.array([e.percent[part] for part in PARTS])),
        "parts": plain(np.array([e.parts[part] for part in PARTS])),
        "words": evidence_words(e),
        "message": empty_words(e),
        "unit": "" if e.method.startswith("grad-cam") else "log odds",
    }


def _rr_rows(case: Case) -> list[dict]:
    """What the network is told of the timing of the beat, before limits and logarithms."""
    beats, beat = case.beats, case.beat
    similarity = float(beats.p_wave_similarity[beat])
    irregular = float(irregularity(beats.rr_pre)[beat])
    values = rr_values(beat_ratios(beats)[beat], irregular, similarity)
    return [{"name": n, "value": v} for n, v in zip(RR_NAMES, values, strict=True)]


def _neighbour(case: Case, step: int) -> str:
    """Name of a beat read with the one explained: ``-1 (N)``."""
    place = case.beat + step
    letter = case.letter(place) if 0 <= place < len(case.beats) else ""
    return f"{step:+d}".replace("-", "−") + (f" ({letter})" if letter else "")
