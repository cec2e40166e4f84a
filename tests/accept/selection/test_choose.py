# SPDX-License-Identifier: GPL-2.0-only
"""Which cells run, in which order, and what a budget leaves out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from harness.accept.selection import choose
from harness.accept.selection.choose import CellCandidate, Choice, Claim, TouchedCode

CELLS = [
    CellCandidate("leads", 0, 4, leads=True),
    CellCandidate("leads-elsewhere", 1, 4, leads=True),
    CellCandidate("reaches", 9, 3),
    CellCandidate("default", 9, 2),
    CellCandidate("unseen", 9, None),
    CellCandidate("killer", None, 5),
    CellCandidate("cheap-extra", None, 1),
    CellCandidate("dear-extra", None, 90),
    CellCandidate("other", None, 1),
]
REACHED = {
    "leads": frozenset({"f", "g"}),
    "leads-elsewhere": frozenset({"g"}),
    "reaches": frozenset({"host"}),
    "default": frozenset({"g"}),
    "killer": frozenset({"f"}),
    "cheap-extra": frozenset({"rare", "f"}),
    "dear-extra": frozenset({"rare"}),
    "other": frozenset({"g"}),
}
NOTICED = {"f": ["killer"], "elsewhere": ["other"]}
F = TouchedCode("f", frozenset({"host"}), (1, 3))


def names(changes: Sequence[TouchedCode], cells: Sequence[CellCandidate] = CELLS) -> list[str]:
    return [each.cell for each in choose.ordered(cells, changes, REACHED, NOTICED)]


def test_the_order() -> None:
    """What noticed most faults and reaches it; what noticed one there; what reaches it; the rest."""
    found = choose.ordered(CELLS, [F], REACHED, NOTICED)
    assert [each.cell for each in found if not each.spare] == [
        "leads",
        "killer",
        "unseen",
        "reaches",
        "leads-elsewhere",
        "default",
    ]


def test_what_reaches_it_beyond_the_default_cells_fills_the_budget_and_no_more() -> None:
    """Behind all others, and not missed where it does not fit; what is known not to reach it is no part."""
    fixed = CellCandidate("needs-a-kernel", None, 1, spare=False)
    unknown = CellCandidate("unknown", None, 2)
    cells = [*CELLS, unknown, fixed]
    found = choose.ordered(cells, [F], REACHED, NOTICED)
    assert [each.cell for each in found if each.spare] == ["cheap-extra", "unknown"]
    assert [each.cell for each in found][-2:] == ["cheap-extra", "unknown"]
    plan = choose.plan(found, (1,), 2 * (4 + 5 + 15 + 3 + 4 + 2) + 3, 1)
    assert plan.cells[-1] == "cheap-extra"
    assert plan.left == ()
    between = choose.plan(found, (1, 3), 2 * (4 + 5 + 15 + 3 + 4 + 2) + 4 + 5 + 15 + 3 + 3, 1)
    assert between.between == {1: ("leads", "killer", "unseen", "reaches")}  # before any spare cell
    assert between.cells[-1] == "cheap-extra"


def test_what_no_default_cell_reaches_gets_cells_that_do_the_cheapest_first() -> None:
    found = names([TouchedCode("rare", frozenset(), (1,))])
    assert [cell for cell in found if "extra" in cell] == ["cheap-extra", "dear-extra"]
    many = [CellCandidate(f"x{n}", None, n) for n in range(9)]
    reached = {each.cell: frozenset({"rare"}) for each in many}
    chosen = choose.ordered(many, [TouchedCode("rare")], reached, {})
    assert [each.cell for each in chosen if not each.spare] == ["x0", "x1", "x2"]


def test_a_function_inlined_elsewhere_counts_by_its_host() -> None:
    (found,) = [c for c in choose.ordered(CELLS, [F], REACHED, NOTICED) if c.cell == "reaches"]
    assert (found.claim, found.functions, found.patches) == (Claim.REACHES, ("f",), (1, 3))


def test_nothing_known_is_no_reason_to_leave_a_default_cell_out() -> None:
    found = choose.ordered(CELLS, [F], {}, {})
    early = {each.cell for each in found if not each.spare}
    assert early == {each.cell for each in CELLS if each.rank is not None}
    assert {each.claim for each in found} == {Claim.UNKNOWN}
    assert {each.patches for each in found} == {(1, 3)}  # perhaps any


def test_nothing_touched_that_has_code() -> None:
    assert {
        each.claim for each in choose.ordered(CELLS, [TouchedCode("", frozenset(), (1,))], REACHED, {})
    } == {
        Claim.REST,
        Claim.UNKNOWN,
    }


def choices(*rows: tuple[str, float, tuple[int, ...]]) -> list[Choice]:
    return [Choice(cell, Claim.REACHES, ("f",), patches, seconds) for cell, seconds, patches in rows]


def test_the_budget_takes_base_and_series_first_then_the_steps_between() -> None:
    every = choices(("a", 10, (1,)), ("b", 20, (2,)), ("c", 30, (1, 2)))
    plan = choose.plan(every, (1, 2, 3), 90, 2)
    assert plan.cells == ("a", "b", "c")
    assert plan.left == ()
    assert plan.between == {1: ("a", "c"), 2: ("b",)}
    assert plan.not_between == 1  # c on patch 2
    assert plan.seconds == 90.0  # (60 * 2 + 60) s on two CPUs


def test_what_does_not_fit_is_named_and_what_fits_behind_it_runs() -> None:
    every = choices(("a", 10, (1,)), ("dear", 1000, (1,)), ("b", 10, (1,)))
    plan = choose.plan(every, (1,), 60, 1)
    assert plan.cells == ("a", "b")
    assert [each.cell for each in plan.left] == ["dear"]
    assert plan.seconds <= 60


def test_one_cell_runs_whatever_it_takes() -> None:
    plan = choose.plan(choices(("dear", 1000, (1,))), (1,), 60, 1)
    assert plan.cells == ("dear",)


def test_coverage_makes_cells_dearer() -> None:
    every = choices(("a", 10, (1,)), ("b", 10, (1,)))
    assert choose.plan(every, (1,), 40, 1).cells == ("a", "b")
    assert choose.plan(every, (1,), 40, 1, slower=2.0).cells == ("a",)


def test_the_cells_of_a_plan_keep_its_order() -> None:
    plan = choose.plan(choices(("b", 1, (1,)), ("a", 1, (1,))), (1,), 60, 1)
    assert [plan.rank(cell) for cell in ("b", "a", "unknown")] == [0, 1, 2]


@pytest.mark.parametrize(("reached", "lost"), [({}, ("f",)), ({"a": frozenset({"host"})}, ())])
def test_functions_that_no_chosen_cell_reaches(reached: dict[str, frozenset[str]], lost: tuple[str]) -> None:
    assert choose.unreached([F], choices(("a", 1, (1,))), reached) == lost


def test_rows_of_mutants() -> None:
    rows = [("f()", ["a", "b"]), ("f()", ["b", "c"]), ("g()", ["a"])]
    assert choose.noticed_by(rows) == {"f": ["a", "b", "c"], "g": ["a"]}


def test_a_race_that_holds_a_cpu_in_the_change_is_chosen_early() -> None:
    race = CellCandidate("race", None, 6, runs=1, steers=frozenset({"host"}))
    elsewhere = CellCandidate("race-elsewhere", None, 6, steers=frozenset({"other"}))
    found = choose.ordered([*CELLS, race, elsewhere], [F], REACHED, NOTICED)
    assert [each.cell for each in found][:4] == ["leads", "killer", "race", "unseen"]
    assert [each.spare for each in found if each.cell == "race-elsewhere"] == [True]
    (why,) = [each.why for each in found if each.cell == "race"]
    assert why == "holds a CPU in it: f"


def test_a_cell_that_runs_five_times_a_side_is_priced_for_each() -> None:
    """The first run of a side is the one under the model's trace."""
    racy = Choice("racy", Claim.REACHES, ("f",), (1,), 10.0, runs=5)
    once = Choice("once", Claim.REACHES, ("f",), (1,), 10.0)
    assert choose.plan([once], (1,), 100, 1, slower=1.5).seconds == 30
    assert choose.plan([racy], (1,), 1000, 1, slower=1.5).seconds == 110
    assert choose.plan([once, racy], (1,), 100, 1).cells == ("once",)
    between = choose.plan([racy], (1, 2), 120, 1)
    assert between.between == {1: ()}  # 100 s on base and series leave 20 of the 50 that a step between takes
    assert between.not_between == 1


def test_what_ran_on_the_base_before_leaves_time_for_more() -> None:
    """Its price is that of the series' side alone, so that a second series on the base gets more cells."""
    there = dataclasses.replace(CELLS[0], had=True)
    found = choose.ordered([there, *CELLS[1:]], [F], REACHED, NOTICED)
    assert [each.cell for each in found if each.had] == ["leads"]
    assert choose.plan(found, (1,), 4 + 2 * 5, 1).cells == ("leads", "killer")
    before = choose.ordered(CELLS, [F], REACHED, NOTICED)
    assert choose.plan(before, (1,), 4 + 2 * 5, 1).cells == ("leads", "reaches")


def test_a_plan_without_what_there_was_no_time_for() -> None:
    every = choices(("a", 10, (1,)), ("b", 20, (1,)), ("dear", 1000, (1,)))
    plan = choose.plan(every, (1, 2), 120, 1).without({"b"})
    assert plan.cells == ("a",)
    assert [each.cell for each in plan.left] == ["b", "dear"]
    assert plan.between == {1: ("a",)}
