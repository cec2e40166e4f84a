# SPDX-License-Identifier: GPL-2.0-only
"""What litmus cases cost: under icount the model's clock counts instructions, the same each time.

``ns`` of a case is that clock from its beginning to its end, with what L0 does for it and, where its VM
begins or the one before it ends, with that. Under icount (shift 0) 1 ns is one instruction, of any CPU, or
one that an idle machine skips; under mttcg it is the host's time.
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.litmus.case_lines import CaseLine

_COUNTER = re.compile(r"^TLB (full|partial|elided) flushes?\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FamilyCost:
    """One family's cases: how many, their sum, median and most in ns, and which took most."""

    family: str
    cases: int
    total_ns: int
    median_ns: float
    most_ns: int
    most: str


def by_family(lines: Iterable[CaseLine]) -> list[FamilyCost]:
    """Return the cost of each family that ran, the dearest first."""
    found: dict[str, list[CaseLine]] = defaultdict(list)
    for line in lines:
        if line.verdict != "not-applicable":
            found[line.case.partition("/")[0]].append(line)
    costs = [_cost(family, each) for family, each in found.items()]
    return sorted(costs, key=lambda cost: (-cost.total_ns, cost.family))


def _cost(family: str, lines: list[CaseLine]) -> FamilyCost:
    most = max(lines, key=lambda line: line.ns)
    each = [line.ns for line in lines]
    return FamilyCost(family, len(lines), sum(each), statistics.median(each), most.ns, most.case)


def flushes(told: str) -> Mapping[str, int]:
    """Return QEMU's counters of TLB flushes (``full``, ``partial``, ``elided``) from what ``info jit`` says.

    Full ones empty a CPU's TLB, partial ones some of its translation regimes; what elided ones would have
    emptied was empty. ``ValueError`` when it says none.
    """
    found = {kind: int(count) for kind, count in _COUNTER.findall(told)}
    if not found:
        raise ValueError("`info jit` tells no TLB flushes")
    return found
