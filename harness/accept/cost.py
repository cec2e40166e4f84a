# SPDX-License-Identifier: GPL-2.0-only
"""What emulating a TLBI costs at L0: instructions, exits and TLBIs per operation, base against series.

From the model under icount, so exact: the same run gives the same figures. Times would not. Like is compared
with like: the same operation with operands of one class (TTL; of a range also TG, SCALE and NUM), in cells
that executed it equally often on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.arch.operand import GRANULES
from harness.arch.table import by_instruction
from harness.trace.executed.counts import OperationCost, RangeClass, Trace


@dataclass(slots=True)
class Total:
    """All executions of one operation on one side."""

    count: int = 0
    insns: int = 0
    insns_min: int = 0
    exits: int = 0
    tlbis: int = 0

    def add(self, cost: OperationCost) -> None:
        """Add one trace's row."""
        self.insns_min = min(self.insns_min, cost.insns_min) if self.count else cost.insns_min
        self.count += cost.count
        self.insns += cost.insns
        self.exits += cost.exits
        self.tlbis += cost.tlbis

    def join(self, other: Total) -> None:
        """Add another total."""
        if not other.count:
            return
        self.insns_min = min(self.insns_min, other.insns_min) if self.count else other.insns_min
        self.count += other.count
        self.insns += other.insns
        self.exits += other.exits
        self.tlbis += other.tlbis


@dataclass(frozen=True, slots=True)
class CostRow:
    """One operation from one level (``l1`` or ``l2``) with operands of one class; the base's value first.

    ``operand``: the class in words, empty where there is one only. ``count``: executions; ``insns``,
    ``exits``, ``tlbis``: means per execution of L0's instructions, of its returns to a lower level, of TLBI
    instructions that it executed; ``insns_min``: the cheapest execution, which no interrupt has disturbed.
    All over the cells that executed it equally often on both sides; over all cells where there is none, with
    ``alike`` false. ``silent``: cells in which L0 executed a TLBI for each execution on the base, and none
    with the series.
    """

    op: str
    level: str
    count: tuple[int, int]
    insns: tuple[float, float]
    insns_min: tuple[int, int]
    exits: tuple[float, float]
    tlbis: tuple[float, float]
    operand: str = ""
    alike: bool = True
    silent: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """Relative change of the cheapest execution; 0 where one side has none."""
        before, after = self.insns_min
        return (after - before) / before if before and after else 0.0

    @property
    def name(self) -> str:
        """The operation with the class of its operands."""
        return f"{self.op} {self.operand}".rstrip()


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


def operand_of(word: int, operand: int) -> str:
    """Return the class of an operand in words; empty without one, and for an address without a hint."""
    known = by_instruction(word)
    if known is None or not known.has_operand or not operand:
        return ""
    if known.operand.is_range:
        each = RangeClass.of(operand)
        shift = GRANULES.get(each.tg)
        granule = f"{1 << shift - 10}K" if shift else "TG=0"
        low, high = (1 << each.num_bits) >> 1, (1 << each.num_bits) - 1
        num = f"{low}-{high}" if high > low else f"{high}"
        hint = f" TTL={each.ttl}" if each.ttl else ""
        return f"{granule} SCALE={each.scale} NUM={num}{hint}"
    shift = GRANULES.get(operand >> 2)
    return f"{1 << shift - 10}K level {operand & 3}" if shift and operand & 3 else ""


Key = tuple[int, bool, str]
"""Instruction, whether L1 executed it, class of its operand."""


def _totals(trace: Trace) -> dict[Key, Total]:
    found: dict[Key, Total] = {}
    for cost in trace.costs:
        key = (cost.word, cost.from_l1, operand_of(cost.word, cost.operand))
        found.setdefault(key, Total()).add(cost)
    return found


def compare(base: Mapping[str, Trace], series: Mapping[str, Trace]) -> tuple[CostRow, ...]:
    """Return a row per operation and class that was emulated on either side, over the cells of both sides."""
    sides: dict[Key, dict[str, tuple[Total, Total]]] = {}
    for cell in base.keys() & series.keys():
        before, after = _totals(base[cell]), _totals(series[cell])
        for key in before.keys() | after.keys():
            pair = (before.get(key, Total()), after.get(key, Total()))
            sides.setdefault(key, {})[cell] = pair
    rows = [_row(key, cells) for key, cells in sides.items()]
    return tuple(sorted(rows, key=lambda row: (row.level, row.op, row.operand)))


def _row(key: Key, cells: Mapping[str, tuple[Total, Total]]) -> CostRow:
    word, from_l1, operand = key
    alike = [pair for pair in cells.values() if pair[0].count == pair[1].count]
    first, second = Total(), Total()
    for before, after in alike or cells.values():
        first.join(before)
        second.join(after)
    silent = [
        cell
        for cell, (before, after) in cells.items()
        if before.count and after.count and before.tlbis >= before.count and not after.tlbis
    ]
    both = (first, second)
    return CostRow(
        op=name_of(word),
        level="l1" if from_l1 else "l2",
        count=(first.count, second.count),
        insns=_means(both, [each.insns for each in both]),
        insns_min=(first.insns_min, second.insns_min),
        exits=_means(both, [each.exits for each in both]),
        tlbis=_means(both, [each.tlbis for each in both]),
        operand=operand,
        alike=bool(alike),
        silent=tuple(sorted(silent)),
    )


def _means(sides: Iterable[Total], sums: Iterable[int]) -> tuple[float, float]:
    first, second = (
        round(total / side.count, 2) if side.count else 0.0 for side, total in zip(sides, sums, strict=True)
    )
    return first, second
