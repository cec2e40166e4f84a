# SPDX-License-Identifier: GPL-2.0-only
"""What can be said of a cell from its runs on both sides; no number of retries makes red green."""

from __future__ import annotations

import dataclasses

import pytest

from harness.accept.compare import REJECTING, CellRuns, SeriesEffect, compare, differing, worst_first
from harness.check.finding import Finding
from harness.verdict import Verdict
from tests.accept.results import result, runs, side

ALL = {
    ("pppppp", "pppppp"): SeriesEffect.SAME,
    ("pppppp", "ffffff"): SeriesEffect.REGRESSION,
    ("p", "f"): SeriesEffect.SUSPECT,
    ("pppppp", "pfpppp"): SeriesEffect.SUSPECT,
    ("pppppp", "vvvvvv"): SeriesEffect.REGRESSION,
    ("ffffff", "pppppp"): SeriesEffect.FIXED,
    ("f", "p"): SeriesEffect.BETTER,
    ("ff", "ff"): SeriesEffect.RED_BEFORE,
    ("fp", "ffpp"): SeriesEffect.RED_BEFORE,
    ("p", "i"): SeriesEffect.UNKNOWN,
    ("i", "p"): SeriesEffect.UNKNOWN,
    ("p", "ip"): SeriesEffect.SAME,
}


@pytest.mark.parametrize(("base", "series"), ALL)
def test_outcome(base: str, series: str) -> None:
    (found,) = compare(side(a=base), side(a=series))
    assert found.outcome is ALL[base, series]
    assert (found.p is None) is (
        found.outcome in (SeriesEffect.SAME, SeriesEffect.RED_BEFORE, SeriesEffect.UNKNOWN)
    )


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


def test_a_failure_is_reported_before_the_infrastructure_error_that_came_first() -> None:
    (found,) = compare(side(a="p"), side(a="ivfp"))
    assert (found.series_says, found.command) == ("a is fail", "./nvh run a --seed 3")


def test_many_cells_are_many_chances() -> None:
    """What is significant alone is not so among many; all broken is all regressions."""
    base = {f"c{number}": runs(f"c{number}", "pppp") for number in range(20)}
    broken = {cell: runs(cell, "ffff") for cell in base}
    assert {each.outcome for each in compare(base, broken)} == {SeriesEffect.REGRESSION}
    some = {cell: runs(cell, "ffff" if cell == "c0" else "fppp") for cell in base}
    (first, *_) = compare(base, some)
    assert first.p is not None
    assert first.p > 0.05
    assert first.outcome is SeriesEffect.SUSPECT


def test_what_differs_and_in_which_order() -> None:
    base = side(a="p", b="f", c="p", d="i", e="pf")
    series = side(a="p", b="p", c="f", d="p", e="ppff")
    assert differing(base, series) == ["b", "c"]
    assert [each.cell for each in worst_first(compare(base, series))] == ["c", "d", "b", "e", "a"]


def red(cell: str, *findings: str) -> CellRuns:
    """Runs of a cell, each red at the finding of that name; ``p`` passes."""
    made = []
    for seed, name in enumerate(findings, 1):
        plain = result(cell, Verdict.PASS if name == "p" else Verdict.FAIL, seed)
        finding = Finding(name, "result", Verdict.FAIL, f"{name} is wrong")
        made.append(plain if name == "p" else dataclasses.replace(plain, findings=(finding,), reason=""))
    return CellRuns(made)


def test_a_cell_that_is_red_for_a_new_cause_is_not_red_before() -> None:
    """What is known to be red hides nothing new."""
    base, series = {"a": red("a", "old", "old", "old")}, {"a": red("a", "old", "new", "old")}
    assert differing(base, series) == ["a"]
    (found,) = compare(base, series)
    assert found.outcome is SeriesEffect.SUSPECT
    assert found.series_says == "a cause that the base never showed: new: new is wrong"
    assert found.command == "./nvh run a --seed 2"
    (found,) = compare({"a": red("a", *["old"] * 6)}, {"a": red("a", *["new"] * 6)})
    assert found.outcome is SeriesEffect.REGRESSION
    (found,) = compare({"a": red("a", "old", "new")}, {"a": red("a", "new", "old")})
    assert found.outcome is SeriesEffect.RED_BEFORE


def test_red_less_often_but_for_a_new_cause_is_no_repair() -> None:
    (found,) = compare({"a": red("a", *["old"] * 6)}, {"a": red("a", "new", *["p"] * 5)})
    assert found.outcome is SeriesEffect.SUSPECT
