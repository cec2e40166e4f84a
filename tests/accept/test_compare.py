"""What can be said of a cell from its runs on both sides; no number of retries makes red green."""

from __future__ import annotations

import pytest

from harness.accept.compare import REJECTING, Outcome, compare, differing, worst_first
from tests.accept.results import runs, side

ALL = {
    ("pppppp", "pppppp"): Outcome.SAME,
    ("pppppp", "ffffff"): Outcome.REGRESSION,
    ("p", "f"): Outcome.SUSPECT,
    ("pppppp", "pfpppp"): Outcome.SUSPECT,
    ("pppppp", "vvvvvv"): Outcome.REGRESSION,
    ("ffffff", "pppppp"): Outcome.FIXED,
    ("f", "p"): Outcome.BETTER,
    ("ff", "ff"): Outcome.RED_BEFORE,
    ("fp", "ffpp"): Outcome.RED_BEFORE,
    ("p", "i"): Outcome.UNKNOWN,
    ("i", "p"): Outcome.UNKNOWN,
    ("p", "ip"): Outcome.SAME,
}


@pytest.mark.parametrize(("base", "series"), ALL)
def test_outcome(base: str, series: str) -> None:
    (found,) = compare(side(a=base), side(a=series))
    assert found.outcome is ALL[base, series]
    assert (found.p is None) is (found.outcome in (Outcome.SAME, Outcome.RED_BEFORE, Outcome.UNKNOWN))


def test_a_red_run_stays_whatever_follows() -> None:
    """With one red run among ever more green ones the series never becomes the base's equal."""
    for more in range(40):
        (found,) = compare(side(a="p" * 10), side(a="f" + "p" * more))
        assert found.outcome in REJECTING


def test_infra_is_no_run() -> None:
    assert (runs("a", "ipf").rate.red, runs("a", "ipf").rate.runs) == (1, 2)


def test_what_is_said_and_how_it_is_reproduced() -> None:
    (found,) = compare(side(a="p"), side(a="pf"))
    assert found.series_says == "a is fail"
    assert found.command == "./nvh run a --seed 2"
    assert found.base_says == ""


def test_many_cells_are_many_chances() -> None:
    """What is significant alone is not so among many; all broken is all regressions."""
    base = {f"c{number}": runs(f"c{number}", "pppp") for number in range(20)}
    broken = {cell: runs(cell, "ffff") for cell in base}
    assert {each.outcome for each in compare(base, broken)} == {Outcome.REGRESSION}
    some = {cell: runs(cell, "ffff" if cell == "c0" else "fppp") for cell in base}
    (first, *_) = compare(base, some)
    assert first.p is not None
    assert first.p > 0.05
    assert first.outcome is Outcome.SUSPECT


def test_what_differs_and_in_which_order() -> None:
    base = side(a="p", b="f", c="p", d="i", e="pf")
    series = side(a="p", b="p", c="f", d="p", e="ppff")
    assert differing(base, series) == ["b", "c"]
    assert [each.cell for each in worst_first(compare(base, series))] == ["c", "d", "b", "e", "a"]
