# SPDX-License-Identifier: GPL-2.0-only
"""What ran and what did not, and why: the part of a report that says what its decision rests on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from harness.accept.selection.choose import Choice, Plan
from harness.report.safe_text import seconds
from harness.scenario.language import Cell


@dataclass(frozen=True, slots=True)
class ChosenCell:
    """A cell, and why it is run (or would have been)."""

    cell: str
    why: str


@dataclass(frozen=True, slots=True)
class CellSelection:
    """``how``: in words. ``left``: what the budget leaves out; ``not_between``: how many runs between.

    ``price_s``: what all was reckoned to take; ``budget_s``: what it might take, 0 where cells were named.
    ``unreached``: functions that the series touches and that no cell here is known to reach.
    """

    how: str
    cells: tuple[ChosenCell, ...] = ()
    left: tuple[ChosenCell, ...] = ()
    not_between: int = 0
    price_s: float = 0.0
    budget_s: float = 0.0
    unreached: tuple[str, ...] = ()


def selection_of(
    plan: Plan | None,
    named: Sequence[str],
    cells: Sequence[Cell],
    budget_s: float,
    ran: Collection[str] = (),
) -> CellSelection:
    """Return the selection of a plan, or that of cells that were named: patterns, or files.

    ``ran``: functions that were seen to run since, of which the plan may have known nothing.
    """
    if plan is None:
        how = ", ".join(named) or "by file"
        return CellSelection(f"as named: {how}", tuple(ChosenCell(cell.id, "named") for cell in cells))

    def rows(choices: Sequence[Choice]) -> tuple[ChosenCell, ...]:
        return tuple(ChosenCell(each.cell, each.why) for each in choices)

    return CellSelection(
        "chosen from what the series touches",
        rows(plan.choices),
        rows(plan.left),
        plan.not_between,
        plan.seconds,
        budget_s,
        tuple(name for name in plan.unreached if name not in ran),
    )


def plan_line(plan: Plan) -> str:
    """Return the plan in one line."""
    between = sum(map(len, plan.between.values()))
    steps = f", {between} runs on the patches between" if plan.between else ""
    left = len(plan.left) + plan.not_between
    out = f"; {left} runs are beyond the budget" if left else ""
    return (
        f"{len(plan.choices)} cells on base and series{steps}, "
        f"about {seconds(plan.seconds)} on {plan.cpus} CPU{'' if plan.cpus == 1 else 's'}{out}"
    )


def priced(plan: Plan, steps: int, known_base: bool) -> Iterator[str]:
    """Yield what an acceptance would run, for people: each cell with its reason and price, then the sum."""
    yield f"{'cell':<58} {'s':>5}  why"
    for each in plan.choices:
        yield f"{each.cell:<58} {each.seconds:>5.0f}  {each.why}"
    for each in plan.left:
        yield f"{each.cell:<58} {each.seconds:>5.0f}  not run, beyond the budget: {each.why}"
    for number, cells in plan.between.items():
        yield f"on patch {number} besides: {len(cells)} of them"
    yield plan_line(plan)
    yield f"and {steps + 1} kernels to build, unless they are there, and a snapshot of each level for each"
    if plan.unreached:
        yield f"no cell is known to reach {', '.join(f'{name}()' for name in plan.unreached)}"
    if not known_base:
        yield "the base is not built yet: with its line tables the choice can see more than names"
