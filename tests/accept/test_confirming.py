# SPDX-License-Identifier: GPL-2.0-only
"""Which of the cells that differ run again."""

from __future__ import annotations

import dataclasses
import math

from harness.accept.compare import CellRuns
from harness.accept.confirming import affordable
from tests.accept.results import runs


def priced(letters: str, seconds: float) -> CellRuns:
    """Runs that took ``seconds`` each."""
    return CellRuns([dataclasses.replace(each, seconds=seconds) for each in runs("a", letters).results])


BASE = {"dear": priced("p", 40), "cheap": priced("p", 1), "mean": priced("p", 4), "fixed": priced("f", 90)}
SERIES = {"dear": priced("f", 60), "cheap": priced("f", 1), "mean": priced("f", 6), "fixed": priced("p", 60)}


def test_all_of_them_where_there_is_no_bound() -> None:
    assert set(affordable(BASE, BASE, SERIES, 5, math.inf)) == set(BASE)


def test_the_cheapest_first_and_one_that_is_better() -> None:
    assert affordable(BASE, BASE, SERIES, 5, 60.0) == ["cheap", "mean", "fixed"]
    assert affordable(BASE, BASE, SERIES, 5, 59.0) == ["cheap", "fixed"]
    assert affordable(BASE, BASE, SERIES, 5, 560.0) == ["cheap", "mean", "dear", "fixed"]


def test_one_runs_whatever_it_takes() -> None:
    assert affordable(["dear"], BASE, SERIES, 5, 0.0) == ["dear"]


def test_red_for_a_cause_that_the_base_never_had_is_not_better() -> None:
    base = {"new": CellRuns([dataclasses.replace(each, reason="old") for each in runs("new", "ff").results])}
    series = {
        "new": CellRuns([dataclasses.replace(each, reason="new") for each in runs("new", "fp").results])
    }
    assert affordable(
        ["worse", "new"],
        BASE | base | {"worse": priced("p", 0.1)},
        series | {"worse": priced("f", 0.1)},
        5,
        1.0,
    ) == ["worse"]
