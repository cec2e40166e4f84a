# SPDX-License-Identifier: GPL-2.0-only
"""What the cost of emulation says about a series: TLBIs that are gone, and operations that became dearer."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.accept.cost import CostRow
from harness.report.safe_text import some

LIMIT = 0.10
"""Relative rise of an operation's cheapest execution beyond which a series is not accepted.

Two builds of one source differ by nothing, and a compiler's other choices by a few instructions of the 450
that the cheapest operation takes, so a tenth is no noise. A check that was added on purpose is below it, and
what costs more is for a person to weigh: `--cost-limit`.
"""
LEAST_INSNS = 30
"""A smaller rise is none, whatever it is of: entry to and exit from L0 alone vary by some instructions."""
LEAST_COUNT = 3
"""Executions on each side below which the cheapest may be one that an interrupt disturbed."""
MOVED = 0.01
"""Median of a handler's kinds of operation beyond which it is said to have moved."""
_VARIANT = re.compile(r"^(r?(?:vaa|va|ipas2)|vmalls12|vmall|all|asid)l?(e[12])(?:is|os)?(?:nxs)?$")
FEWER = 0.75
"""Share of the base's TLBIs per operation below which that is told."""
MOST = 3


@dataclass(frozen=True, slots=True)
class CostVerdict:
    """``against``: reasons not to accept; ``remarks``: what a person should know all the same."""

    against: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandlerChange:
    """What L0 emulates alike, from one level: the median relative change of the cheapest of ``kinds``."""

    level: str
    name: str
    kinds: int
    change: float


def by_handler(rows: Iterable[CostRow]) -> list[HandlerChange]:
    """Return what moved by more than ``MOVED``, most first. Rows that are not sure have no say."""
    found = [
        HandlerChange(level, f"{op} {operand}".strip(), len(each), statistics.median_low(each))
        for (level, op, operand), each in _changes(_sure(rows)).items()
    ]
    moved = [each for each in found if abs(each.change) > MOVED]
    return sorted(moved, key=lambda each: (-abs(each.change), each.level, each.name))


def _changes(rows: Iterable[CostRow], sign: int = 1) -> dict[tuple[str, str, str], list[float]]:
    """Return the relative changes of what L0 emulates alike; with ``sign`` -1 a fall is a rise."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        found.setdefault(_siblings(row), []).append(sign * row.change)
    return found


def _sure(rows: Iterable[CostRow]) -> list[CostRow]:
    return [row for row in rows if row.alike and min(row.count) >= LEAST_COUNT]


def judge(rows: Sequence[CostRow], limit: float | None = LIMIT) -> CostVerdict:
    """Return what ``rows`` say; ``limit`` is relative, None for no limit on instructions."""
    silent = [row for row in rows if row.silent]
    against = []
    if silent:
        cells = sorted({cell for row in silent for cell in row.silent})
        text = some((_tlbis(row) for row in silent), MOST)
        against.append(
            f"L0 executes no TLBI any more for {text}; on the base each was followed by one, in "
            f"{some(cells, MOST)}"
        )
    sure = _sure(rows)
    if limit is not None and (dear := _beyond(sure, limit)):
        text = some((_insns(row) for row in dear), MOST)
        against.append(f"cost: {text} instructions of L0, beyond the limit of {limit:+.0%}")
    fewer = [
        row
        for row in rows
        if row.alike and not row.silent and row.tlbis[0] >= 1 and row.tlbis[1] < FEWER * row.tlbis[0]
    ]
    remarks = []
    if fewer:
        text = some((_tlbis(row) for row in fewer), MOST)
        remarks.append(f"fewer TLBIs of L0 per operation than on the base: {text}")
    if limit is not None and (cheap := _beyond(sure, limit, down=True)):
        remarks.append(f"cheaper: {some((_insns(row) for row in cheap), MOST)} instructions of L0")
    return CostVerdict(tuple(against), tuple(remarks))


def _beyond(rows: Iterable[CostRow], limit: float, down: bool = False) -> list[CostRow]:
    """Return the rows beyond the limit, the worst first, where the operation's siblings bear it out.

    What an operation finds to unmap depends on what other CPUs did before it, so that the cheapest of a few
    executions may move tenfold for one operation. Its siblings have the same handler: a dearer handler is
    dearer for most of them.
    """
    sign = -1 if down else 1
    every = list(rows)
    dearer = {alike for alike, each in _changes(every, sign).items() if statistics.median_low(each) > limit}
    found = [
        row
        for row in every
        if sign * row.change > limit
        and sign * (row.insns_min[1] - row.insns_min[0]) >= LEAST_INSNS
        and _siblings(row) in dearer
    ]
    return sorted(found, key=lambda row: -sign * row.change)


def _siblings(row: CostRow) -> tuple[str, str, str]:
    """Return what a row shares with those that L0 emulates alike: level, operation, class of operand.

    Less Inner or Outer Shareable, nXS, and last level only.
    """
    return row.level, _VARIANT.sub(lambda match: f"{match[1]}{match[2]}", row.op), row.operand


def _insns(row: CostRow) -> str:
    return f"{row.name} at {row.level} {row.insns_min[0]} -> {row.insns_min[1]} ({row.change:+.0%})"


def _tlbis(row: CostRow) -> str:
    return f"{row.name} at {row.level} ({row.tlbis[0]:g} -> {row.tlbis[1]:g} on average)"
