# SPDX-License-Identifier: GPL-2.0-only
"""What cases cost, from their lines; and QEMU's counters of flushes."""

from __future__ import annotations

import pytest

from harness.litmus.case_cost import by_family, flushes
from harness.litmus.case_lines import parse

LINE = (
    "case={case} op=vae1is regime=el1&0 granule=4k scope=is l1=vhe obliged=yes control=stale-seen "
    "verdict={verdict} refaults=0 ns={ns}"
)
JIT = """\
Translation buffer state:
gen code size       20971520/1073736704
Statistics:
TB flush count      0
TLB full flushes    131
TLB partial flushes 70042
TLB elided flushes  1203
"""


def test_families_and_the_dearest_case() -> None:
    rows = (
        ("cheap/a", "pass", 10),
        ("dear/a", "pass", 100),
        ("dear/b", "fail", 900),
        ("dear/c", "pass", 200),
    )
    text = "\n".join(LINE.format(case=case, verdict=verdict, ns=ns) for case, verdict, ns in rows)
    text += "\n" + LINE.format(case="none/a", verdict="not-applicable", ns=5)
    dear, cheap = by_family(parse(text, "here"))
    assert (dear.family, dear.cases, dear.total_ns, dear.median_ns) == ("dear", 3, 1200, 200)
    assert (dear.most, dear.most_ns) == ("dear/b", 900)
    assert (cheap.family, cheap.cases, cheap.total_ns) == ("cheap", 1, 10)


def test_flushes() -> None:
    assert flushes(JIT) == {"full": 131, "partial": 70042, "elided": 1203}
    with pytest.raises(ValueError, match="no TLB flushes"):
        flushes("Translation buffer state:\n")
