"""The verdicts of the bench: a table that says `met` for a missed target would be worse than none."""

from __future__ import annotations

import pytest

from tests.bench.table import Row, Spread, Target, compared, markdown


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(1.6, at_most=1.6), True),
        (Target(1.604, at_most=1.6), False),
        (Target(0.9, at_least=0.9), True),
        (Target(0.899, at_least=0.9), False),
        (Target(float("nan"), at_most=1.6), False),
        (Target(float("nan"), at_least=0.9), False),
    ],
)
def test_a_target_is_met_or_not(target: Target, met: bool) -> None:
    assert target.met is met


def test_a_missed_target_is_seen_in_the_table() -> None:
    good, bad = compared("good", "1 s", "1 s", 1.0, at_most=1.6), compared("bad", "2 s", "1 s", 2.0, at_most=1.6)
    plain = Row("plain", "3 s")
    assert [row.missed for row in (good, bad, plain)] == [False, True, False]
    lines = markdown([good, bad, plain]).splitlines()
    assert [("NOT MET" in line, "met" in line) for line in lines[2:]] == [
        (False, True),
        (True, False),
        (False, False),
    ]
    assert len({len(line) for line in lines}) == 1


def test_a_bar_in_a_cell_is_no_column() -> None:
    assert markdown([Row("cat | ssh", "1")]).splitlines()[2].count(" | ") == 5


def test_the_middle_is_taken_and_the_range_shown() -> None:
    assert Spread.of([3.0, 1.0, 2.0]).text("s", 1) == "2.0 (1.0-3.0) s"
    assert Spread.of([2.0]).text("s", 1) == "2.0 s"
    with pytest.raises(ValueError, match="nothing"):
        Spread.of([])
