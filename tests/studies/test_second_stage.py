"""Tests of `studies.second_stage`: what is stored is whole, and is shown."""

from __future__ import annotations

from studies.results import RESULTS, read_json
from studies.second_stage import ARMS, FILE, WITHOUT, format_second_stage

RESULT = read_json(RESULTS / FILE)


def test_every_arm_is_measured_on_all_records_and_the_same_beats() -> None:
    for part, records in (("DS1", 22), ("svdb", 39)):
        assert set(RESULT[part]) == set(ARMS)
        beats = {
            arm: {record: sum(map(sum, matrix)) for record, matrix in of.items()}
            for arm, of in RESULT[part].items()
        }
        assert all(len(of) == records and of == beats[WITHOUT] for of in beats.values())


def test_the_table_has_a_row_for_each_arm() -> None:
    lines = format_second_stage(RESULT).splitlines()
    rows = lines[2 : 2 + len(ARMS)]
    assert all(row.startswith(arm) for row, arm in zip(rows, ARMS, strict=True))
    assert any(line.startswith("DS1 without record 208") for line in lines)


def test_weights_of_the_folds_are_near_that_of_all() -> None:
    weights = RESULT["weights"]
    assert len(weights["folds"]) == 4
    assert all(abs(weight - weights["DS1"]) < 0.3 for weight in weights["folds"])
