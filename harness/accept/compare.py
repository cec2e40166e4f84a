# SPDX-License-Identifier: GPL-2.0-only
"""The series against its base, cell by cell: rates of red runs, and what they allow to be said.

A run is red unless its verdict is ``pass``; one that ended in ``infra`` says nothing and is not counted. A
cell that was red on the base, too, must not be so for a cause that the base never showed: known defects hide
nothing new.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.accept.stats import SIGNIFICANCE, RedRate, adjusted, fisher
from harness.report.cause import cause_of, is_splat
from harness.report.results import CellResult
from harness.verdict import Verdict


class SeriesEffect(enum.Enum):
    """What became of a cell. ``regression`` and ``suspect`` reject a series; neither is undone by a retry."""

    SAME = "same"
    REGRESSION = "regression"
    SUSPECT = "suspect"
    FIXED = "fixed"
    BETTER = "better"
    RED_BEFORE = "red-before"
    UNKNOWN = "unknown"

    @property
    def meaning(self) -> str:
        """The outcome in words."""
        return MEANING[self]


MEANING = {
    SeriesEffect.SAME: "green on both sides",
    SeriesEffect.REGRESSION: "red more often than on the base, or for a new cause, beyond chance",
    SeriesEffect.SUSPECT: "red more often than on the base, or for a new cause; perhaps by chance, of so few",
    SeriesEffect.FIXED: "red less often than on the base, beyond chance",
    SeriesEffect.BETTER: "red less often than on the base, which so few runs could give by chance",
    SeriesEffect.RED_BEFORE: "red on both sides alike",
    SeriesEffect.UNKNOWN: "no verdict on one side: the harness or the machine failed",
}
TRACE = "trace: "
"""How the line of a splat's finding with its call trace begins (harness/check/console.py)."""
_STAMP = re.compile(r"^(?:<\d+>)?(?:\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ?)?")
REJECTING = (SeriesEffect.REGRESSION, SeriesEffect.SUSPECT)


@dataclass(slots=True)
class CellRuns:
    """Every run of one cell on one kernel, in the order of their seeds."""

    results: list[CellResult] = field(default_factory=list)

    @property
    def decided(self) -> list[CellResult]:
        """The runs that came to a verdict."""
        return [each for each in self.results if each.verdict is not Verdict.INFRA]

    @property
    def rate(self) -> RedRate:
        """How many of the decided runs were red."""
        return RedRate(sum(each.verdict is not Verdict.PASS for each in self.decided), len(self.decided))

    @property
    def causes(self) -> Mapping[str, list[CellResult]]:
        """The decided runs that were red, by the digest of their probable cause, the first seen first."""
        found: dict[str, list[CellResult]] = {}
        for each in self.decided:
            if cause := cause_of(each):
                found.setdefault(cause.digest, []).append(each)
        return found

    @property
    def worst(self) -> CellResult | None:
        """The first run with the worst verdict; None when all were green."""
        red = [each for each in self.results if each.verdict is not Verdict.PASS]
        return max(red, key=lambda each: each.verdict.rank, default=None)

    @property
    def headline(self) -> str:
        """What the worst run says; empty when all were green."""
        return self.worst.headline if self.worst else ""

    @property
    def command(self) -> str:
        """What reproduces the worst run."""
        return self.worst.command if self.worst else ""


@dataclass(frozen=True, slots=True)
class CellComparison:
    """One cell on both sides. ``p``: Fisher's one-sided test, adjusted for the number of cells.

    ``splat``: where a kernel complained with the series, the splat's own line and the functions of its trace.
    """

    cell: str
    base: RedRate
    series: RedRate
    outcome: SeriesEffect
    p: float | None = None
    base_says: str = ""
    series_says: str = ""
    command: str = ""
    splat: tuple[str, ...] = ()


def splat_of(result: CellResult | None) -> tuple[str, ...]:
    """Return a red run's splat: its line as the kernel printed it, then the trace; empty without one."""
    leading = result.leading if result else None
    if leading is None or not is_splat(leading):
        return ()
    lines = leading.message.splitlines()
    trace = [line for line in lines[1:2] if line.startswith(TRACE)]
    first = lines[1 + len(trace) : 2 + len(trace)]
    return tuple(_STAMP.sub("", line).strip() for line in (*first, *trace))


def new_cause(base: CellRuns, series: CellRuns) -> list[CellResult]:
    """Return the runs of the most frequent cause of ``series`` that ``base`` never showed; none without one.

    Where the base was always green the rates say it all, and where it was never decided nothing does.
    """
    if not base.rate.red:
        return []
    known = base.causes
    return max((runs for digest, runs in series.causes.items() if digest not in known), key=len, default=[])


def differing(base: Mapping[str, CellRuns], series: Mapping[str, CellRuns]) -> list[str]:
    """Return the cells that are red more or less often, or for a new cause: those worth more runs."""
    found = []
    for cell in series:
        before, after = base[cell].rate, series[cell].rate
        differs = before.red * after.runs != after.red * before.runs
        if before.runs and after.runs and (differs or new_cause(base[cell], series[cell])):
            found.append(cell)
    return found


def improved(base: CellRuns, series: CellRuns) -> bool:
    """Whether a cell is red less often than on the base, and for no new cause."""
    return _worse(series.rate, base.rate) and not new_cause(base, series)


def compare(base: Mapping[str, CellRuns], series: Mapping[str, CellRuns]) -> list[CellComparison]:
    """Return one comparison per cell of ``series``, in its order."""
    cells = list(series)
    tests: dict[str, float] = {}
    for cell in differing(base, series):
        before, after = base[cell].rate, series[cell].rate
        if _worse(before, after):
            tests[cell] = fisher(before, after)
        elif new := new_cause(base[cell], series[cell]):
            tests[cell] = fisher(RedRate(0, before.runs), RedRate(len(new), after.runs))
        else:
            tests[cell] = fisher(after, before)
    values = dict(zip(tests, adjusted(list(tests.values())), strict=True))
    return [_comparison(cell, base[cell], series[cell], values.get(cell)) for cell in cells]


def _worse(before: RedRate, after: RedRate) -> bool:
    return after.red * before.runs > before.red * after.runs


def _comparison(cell: str, base: CellRuns, series: CellRuns, p: float | None) -> CellComparison:
    before, after = base.rate, series.rate
    says, command, splat = series.headline, series.command, splat_of(series.worst)
    if not before.runs or not after.runs:
        outcome = SeriesEffect.UNKNOWN
    elif p is None:
        outcome = SeriesEffect.RED_BEFORE if after.red else SeriesEffect.SAME
    elif _worse(before, after):
        outcome = SeriesEffect.REGRESSION if p < SIGNIFICANCE else SeriesEffect.SUSPECT
    elif new := new_cause(base, series):
        outcome = SeriesEffect.REGRESSION if p < SIGNIFICANCE else SeriesEffect.SUSPECT
        says, command = f"a cause that the base never showed: {new[0].headline}", new[0].command
        splat = splat_of(new[0])
    else:
        outcome = SeriesEffect.FIXED if p < SIGNIFICANCE else SeriesEffect.BETTER
    return CellComparison(cell, before, after, outcome, p, base.headline, says, command, splat)


def worst_first(found: Sequence[CellComparison]) -> list[CellComparison]:
    """Return the comparisons with those that reject first."""
    order = [
        SeriesEffect.REGRESSION,
        SeriesEffect.SUSPECT,
        SeriesEffect.UNKNOWN,
        SeriesEffect.FIXED,
        SeriesEffect.BETTER,
        SeriesEffect.RED_BEFORE,
        SeriesEffect.SAME,
    ]
    return sorted(found, key=lambda each: (order.index(each.outcome), each.cell))
