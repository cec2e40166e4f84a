# SPDX-License-Identifier: GPL-2.0-only
"""What a plan will take, from how long its cells took before."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from harness.bundle.console_cells import reasons
from harness.nightly.farm.plan import NightPlan, Task
from harness.nightly.history.query import Durations
from harness.report.safe_text import seconds
from harness.runner.processes import bound

GUESS_S = 60.0
"""What a cell is counted with when nothing has ever run, in seconds."""


@dataclass(frozen=True, slots=True)
class Price:
    """``each`` is what every task is expected to take, in the plan's order, in seconds.

    ``sources`` counts where the numbers come from (``Durations.usual``); ``work_s`` is their sum,
    ``wall_s`` the time over ``slots``; ``beyond`` is how many tasks the budget will probably leave out.
    """

    each: tuple[float, ...]
    sources: Mapping[str, int]
    slots: int
    work_s: float
    wall_s: float
    beyond: int


def expected(task: Task, durations: Durations) -> tuple[float, str]:
    """Return what a task is expected to take in seconds, and where that comes from."""
    usual, source = durations.usual(task.cell.id, task.model, task.kernel, task.cell.stack.timing)
    return (GUESS_S, source) if usual is None else (usual, source)


def price(plan: NightPlan, durations: Durations, slots: int) -> Price:
    """Price a plan over ``slots`` cells at once, each on as many CPUs as it takes."""
    told = [expected(task, durations) for task in plan.tasks]
    ends = [0.0] * slots
    beyond = 0
    limit = plan.hours * 3600 if plan.hours else float("inf")
    work = 0.0
    for number, (task, (took, _)) in enumerate(zip(plan.tasks, told, strict=True)):
        width = min(slots, math.ceil(bound(task.cell).cpus))
        ends.sort()
        begin = ends[width - 1]
        if begin >= limit or (plan.cells is not None and number >= plan.cells):
            beyond += 1
            continue
        work += took
        ends[:width] = [begin + took] * width
    return Price(
        tuple(took for took, _ in told),
        collections.Counter(source for _, source in told),
        slots,
        work,
        max(ends),
        beyond,
    )


def print_price(plan: NightPlan, priced: Price, console: Console) -> None:
    """Print the cells of each model and kernel and what they are expected to take."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("model", "kernel"):
        table.add_column(name, overflow="fold")
    for name in ("cells", "repeats", "expected"):
        table.add_column(name, justify="right")
    rows: dict[tuple[str, str], list[tuple[Task, float]]] = {}
    for task, took in zip(plan.tasks, priced.each, strict=True):
        rows.setdefault((task.model, task.kernel), []).append((task, took))
    for (model, kernel), same in rows.items():
        cells = len({task.cell.id for task, _ in same})
        total = seconds(sum(took for _, took in same))
        table.add_row(model, kernel, str(cells), str(len(same) - cells), total)
    console.print(table)
    console.print(_words(plan, priced), markup=False, highlight=False, soft_wrap=True)


def _words(plan: NightPlan, priced: Price) -> str:
    parts = [f"{len(plan.tasks)} cells, {plan.excluded} excluded"]
    if plan.not_applicable:
        parts[0] += f", {len(plan.not_applicable)} not applicable ({', '.join(reasons(plan.not_applicable))})"
    parts.append(
        f"{seconds(priced.work_s)} of work, about {seconds(priced.wall_s)} over {priced.slots} slots"
    )
    known = sum(priced.sources.get(source, 0) for source in ("own", "cell", "here"))
    parts.append(f"{known} of {len(plan.tasks)} durations known")
    if here := priced.sources.get("here", 0):
        parts.append(f"{here} of them from other runs on this machine")
    if guessed := priced.sources.get("unknown", 0):
        parts.append(f"{guessed} guessed at {seconds(GUESS_S)}")
    if priced.beyond:
        parts.append(f"the budget ({_budget(plan)}) will leave out about {priced.beyond}")
    return "; ".join(parts)


def _budget(plan: NightPlan) -> str:
    words = [f"{plan.hours:g} h"] if plan.hours else []
    words += [f"{plan.cells} cells"] if plan.cells is not None else []
    return ", ".join(words)


@dataclass(slots=True)
class LeftToRun:
    """What of a run is not done: the seconds that each cell is expected to take.

    ``expected_s`` and ``took_s`` are the sums over those that have ended: how far off that is.
    """

    each: dict[str, float]
    expected_s: float = 0.0
    took_s: float = 0.0

    def ended(self, key: str, took_s: float | None) -> None:
        """A cell took so long; None: it did not run."""
        was = self.each.pop(key, None)
        if was is not None and took_s is not None:
            self.expected_s += was
            self.took_s += took_s

    def seconds(self, slots: int) -> float:
        """Return how long the rest probably takes at the pace of what is done."""
        pace = self.took_s / self.expected_s if self.expected_s else 1.0
        each = list(self.each.values())
        return pace * max([sum(each) / max(1, slots), *each], default=0.0)
