# SPDX-License-Identifier: GPL-2.0-only
"""What emulating a TLBI costs at L0: instructions and exits per operation, base against series.

From the model under icount, so exact: the same run gives the same figures. Times would not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.arch.table import by_instruction
from harness.trace.executed.counts import OperationCost, Trace


@dataclass(slots=True)
class Total:
    """All executions of one operation on one side."""

    count: int = 0
    insns: int = 0
    insns_min: int = 0
    exits: int = 0
    exits_min: int = 0
    tlbis: int = 0

    def add(self, cost: OperationCost) -> None:
        """Add one trace's row."""
        self.insns_min = min(self.insns_min, cost.insns_min) if self.count else cost.insns_min
        self.exits_min = min(self.exits_min, cost.exits_min) if self.count else cost.exits_min
        self.count += cost.count
        self.insns += cost.insns
        self.exits += cost.exits
        self.tlbis += cost.tlbis


@dataclass(frozen=True, slots=True)
class CostRow:
    """One operation from one level (``l1`` or ``l2``); the first value of each pair is the base's.

    ``count``: executions; ``insns``, ``exits``, ``tlbis``: means per execution of L0's instructions, of its
    returns to a lower level, of TLBI instructions it executed; ``insns_min``: the cheapest execution, which
    no interrupt has disturbed.
    """

    op: str
    level: str
    count: tuple[int, int]
    insns: tuple[float, float]
    insns_min: tuple[int, int]
    exits: tuple[float, float]
    tlbis: tuple[float, float]

    @property
    def change(self) -> float:
        """Relative change of the cheapest execution; 0 where one side has none."""
        before, after = self.insns_min
        return (after - before) / before if before and after else 0.0


@dataclass(slots=True)
class _Pair:
    base: Total = field(default_factory=Total)
    series: Total = field(default_factory=Total)


def name_of(word: int) -> str:
    """Return the operation that an instruction with Rt = 0 is, or its encoding when the table has none."""
    if known := by_instruction(word):
        return known.name
    op1, crn, crm, op2 = word >> 16 & 7, word >> 12 & 15, word >> 8 & 15, word >> 5 & 7
    return f"sys #{op1}, c{crn}, c{crm}, #{op2}"


def compare(base: Mapping[str, Trace], series: Mapping[str, Trace]) -> tuple[CostRow, ...]:
    """Return a row per operation that was emulated on either side, over the cells that both sides have."""
    pairs: dict[tuple[int, bool], _Pair] = {}
    for cell in base.keys() & series.keys():
        for cost in base[cell].costs:
            pairs.setdefault((cost.word, cost.from_l1), _Pair()).base.add(cost)
        for cost in series[cell].costs:
            pairs.setdefault((cost.word, cost.from_l1), _Pair()).series.add(cost)
    rows = [_row(word, from_l1, pair) for (word, from_l1), pair in pairs.items()]
    return tuple(sorted(rows, key=lambda row: (row.level, row.op)))


def _row(word: int, from_l1: bool, pair: _Pair) -> CostRow:
    sides = (pair.base, pair.series)
    return CostRow(
        op=name_of(word),
        level="l1" if from_l1 else "l2",
        count=(pair.base.count, pair.series.count),
        insns=_means(sides, [each.insns for each in sides]),
        insns_min=(pair.base.insns_min, pair.series.insns_min),
        exits=_means(sides, [each.exits for each in sides]),
        tlbis=_means(sides, [each.tlbis for each in sides]),
    )


def _means(sides: Iterable[Total], sums: Iterable[int]) -> tuple[float, float]:
    first, second = (
        round(total / side.count, 2) if side.count else 0.0 for side, total in zip(sides, sums, strict=True)
    )
    return first, second
