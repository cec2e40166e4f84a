# SPDX-License-Identifier: GPL-2.0-only
"""A report with everything in it."""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.accept.compare import compare
from harness.accept.cost import CostRow
from harness.accept.coverage.report import AddedLine, FileCoverage, LineState, PatchCoverage, Suggestion
from harness.accept.report.series_report import BuildRecord, Culprit, PatchRecord, SeriesReport, StepRecord
from tests.accept.results import side

DIFF = """\
diff --git a/kernel/fork.c b/kernel/fork.c
--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -2,5 +2,6 @@ int fork(void)
 {
 \tone();
-\ttwo();
+\tthree(<b>);
+\tfour();
+/* why */
 \treturn 0;
"""
COVERAGE = PatchCoverage(
    ("c1", "c2"),
    (
        FileCoverage(
            "kernel/fork.c",
            True,
            (
                AddedLine(4, "\tthree(<b>);", 1, LineState.COVERED, "fork", (0, 1)),
                AddedLine(5, "\tfour();", 2, LineState.UNCOVERED, "fork"),
                AddedLine(6, "/* why */", 2, LineState.NO_CODE, "fork"),
            ),
        ),
        FileCoverage("drivers/x.c", False, (AddedLine(1, "int x;", 2, LineState.NO_CODE),)),
    ),
    (Suggestion("fork", "kernel/fork.c", ("tlbi-ipas2[op=ipas2e1is]",), "sys_fork -> fork"),),
)
COST = (
    CostRow("ipas2e1is", "l1", (4, 4), (9100.0, 9500.5), (9000, 9450), (1.0, 1.0), (2.0, 2.0)),
    CostRow("vae1is", "l2", (0, 3), (0.0, 700.0), (0, 690), (0.0, 1.0), (0.0, 1.0)),
)


def report(
    base: dict[str, str] | None = None, series: dict[str, str] | None = None, **changes: Any
) -> SeriesReport:
    """Return a report about two patches; cells by name and letters (results.runs) on each side."""
    cells = tuple(
        compare(side(**(base or {"c1": "p", "c2": "f"})), side(**(series or {"c1": "p", "c2": "f"})))
    )
    found = SeriesReport(
        origin="series.mbox",
        title="Two <changes>",
        version=3,
        base="linux-source-7.3 with the series nv",
        base_commit="0" * 40,
        model="qemu",
        timing="icount",
        kernel="7.3-nvh",
        nvh="1.0 abc",
        host="2 CPUs, 4096 MiB",
        started="2026-11-25T00:00:00.000Z",
        seconds=123.4,
        command="./nvh accept series.mbox",
        repeat=1,
        repeat_racy=0,
        patches=(
            PatchRecord(1, "First", "1" * 40, ("kernel/fork.c",), False),
            PatchRecord(2, "Second", "2" * 40, ("kernel/fork.c", "drivers/x.c"), True),
        ),
        steps=(
            StepRecord(0, "base", "the base", "/k/0.yaml", BuildRecord(True, 0.1, True)),
            StepRecord(1, "patch-1", "First", "/k/1.yaml", BuildRecord(True, 30.0, False, ("fork.o",))),
            StepRecord(
                2,
                "patch-2",
                "Second",
                "/k/2.yaml",
                BuildRecord(True, 20.0, False, ("fork.o", "x.o"), ("kernel/fork.c: unused",)),
                cells,
                60.0,
            ),
        ),
        notes=("v3 taken; v2 left out",),
        coverage=COVERAGE,
        cost=COST,
        diff=DIFF,
    )
    return dataclasses.replace(found, **changes)


def rejected() -> SeriesReport:
    """Return a report that names a bad patch."""
    bad = report({"c1": "pppppp", "c2": "p"}, {"c1": "ffffff", "c2": "p"})
    return dataclasses.replace(
        bad, culprits=(Culprit("regression of c1", 2, "Second", 1, "shadow-unmapped: nothing was unmapped"),)
    )
