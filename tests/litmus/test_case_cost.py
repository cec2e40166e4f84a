# SPDX-License-Identifier: GPL-2.0-only
"""What cases cost, from their lines; and QEMU's counters of flushes."""

from __future__ import annotations

import pytest

from bench.litmus import KNOWN, PARTS, Measured, rates
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


def test_a_part_says_what_it_would_take_alone() -> None:
    """By QEMU's own CPU time; a model that counts no instructions shows none."""
    words = {"cases": "900", "passed": "800", "not_applicable": "100", "seconds": "1.80"}
    flushed = {"full": 8000, "partial": 1000, "elided": 5}
    found = Measured(8.0, 6.0, 3.0, words, flushed, ())
    assert (found.rate, found.cpu_rate, found.minstructions, found.flushed) == (150, 300, 2.0, 10)
    parts = [part for part in PARTS if part.name in ("one", "races")]
    table = rates(parts, [part.stack("qemu", "icount") for part in parts], [found, found])
    rows = dict(
        zip(
            (str(column.header) for column in table.columns), ([*c.cells] for c in table.columns), strict=True
        )
    )
    assert rows["model"] == ["qemu", "qemu-v1"]
    assert rows["cases/s"] == ["150 (0.5x the goal)", "150"]
    assert rows["Minstr/case"] == ["2.00", ""]


def test_a_sample_of_a_part() -> None:
    one = PARTS[0]
    skips = " ".join(f"--skip '{glob}'" for glob in (*KNOWN, "flags-l2/*"))
    assert one.command() == f"nvh-litmus --cpus 1 --quick --leave {skips} --quiet"
    assert one.command(True, 6) == f"nvh-litmus --cpus 1 --quick --leave {skips} --every 6"
