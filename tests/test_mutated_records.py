"""Records whose files are mutated, through ``annotate``: an answer, or a line of error.

A bounded part of what ``make fuzz`` does, with one seed.
"""

from __future__ import annotations

import random
import time
import warnings
from pathlib import Path

import pytest
from conftest import MakeRecord

from arrhythmia.__main__ import main

COUNT = 96
VALUES = (
    "0", "-1", "nan", "inf", "1e308", "1e-308", "9" * 400, "99999999999999999999", "250000", "80",
    "", "x", "\x00", "\x1b[31m", "\u0663\u0666\u0660", "é", "%s%n", "1/1", "360/0(0)", "0x10",
    "16x4", "212:5", "16+3", "0(0)/mV", "1e-160/mV", "200(99999999999999999999)/mV", "../x.dat",
    "/dev/zero", "..", "~", "r.hea", "http://x/y.dat", "a::b", "u" * 3000, "<script>", "\udcff",
)  # fmt: skip
BYTES = (b"", b"\xff", b"\0\x80", b"\0\xec", b"\xff\xff\xff\xff", b"\0\xf4", b"\n", b" ", b"#")


def mutate_text(text: str, rng: random.Random) -> bytes:
    """Fields and lines of a header, replaced, left out or doubled."""
    lines = [line.split(" ") for line in text.splitlines()]
    for _ in range(rng.randint(1, 3)):
        line = rng.choice(lines)
        place = rng.randrange(len(line))
        change = rng.randrange(5)
        if change < 3:
            line[place] = rng.choice(VALUES)
        elif change == 3:
            lines.insert(rng.randrange(len(lines)), list(line))
        elif len(line) > 1:
            del line[place]
    return "\n".join(map(" ".join, lines)).encode("utf-8", "surrogateescape")


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Bytes replaced, put in, left out; the rest cut off."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 5, 200))):
        place = rng.randrange(len(changed))
        changed[place : place + rng.randrange(4)] = rng.choice(BYTES) or rng.randbytes(2)
    return bytes(changed[: rng.choice((None, None, rng.randrange(len(changed))))])


@pytest.mark.slow
def test_a_mutated_record_is_answered_or_refused_in_a_line(
    tmp_path: Path, make_record: MakeRecord, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_record(tmp_path / "whole", "r", seconds=20)
    whole = {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".hea", ".dat", ".atr")}
    answered = 0
    for number in range(COUNT):
        rng = random.Random(number)
        place = tmp_path / str(number)
        place.mkdir()
        kind = rng.choice((".hea", ".hea", ".dat", ".atr"))
        for suffix, content in whole.items():
            mutated = content
            if suffix == kind == ".hea":
                mutated = mutate_text(content.decode(), rng)
            elif suffix == kind:
                mutated = mutate_bytes(content, rng)
            (place / f"r{suffix}").write_bytes(mutated)
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            code = main(["annotate", str(place / "r"), "--output-dir", str(place / "out")])
        assert time.process_time() - began < 10
        printed, told = capfd.readouterr()
        assert all(c.isprintable() or c == "\n" for c in printed + told)
        errors = [line for line in told.splitlines() if not line.startswith("note: ")]
        assert (code, len(errors)) in ((0, 0), (2, 1)), (number, told)
        made = {file.name for file in (place / "out").glob("*")}
        assert made == ({"r.ai", "r.beats.csv", "r.json"} if code == 0 else set()), number
        answered += code == 0
    assert 5 <= answered <= COUNT - 5
