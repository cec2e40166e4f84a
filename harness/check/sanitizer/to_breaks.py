# SPDX-License-Identifier: GPL-2.0-only
"""From the sanitizer's reports and counters to what they say of break-before-make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.check.breaks import Breaks, Unbroken
from harness.check.sanitizer.code_places import NV, Places
from harness.check.sanitizer.counters import read_state
from harness.check.sanitizer.report_lines import lines
from harness.check.sanitizer.reports import SanitizerReport, read_reports
from harness.check.sanitizer.to_finding import COUNTERS, REPORTS, doubts
from harness.errors import InfraError
from harness.level import Level

FINDINGS = ("no-break", "remapped")
"""Reports that a translation became another one under a live entry."""


def breaks_in(directory: Path, maps: Mapping[Level, Path]) -> Breaks:
    """What the sanitizer has seen so far. Its model must stand still; no error of reading is raised."""
    try:
        state, reports = read_state(directory / COUNTERS), read_reports(directory / REPORTS)
    except InfraError as error:
        return Breaks(problem=str(error))
    places = Places(maps)
    unbroken = tuple(
        Unbroken(keeper(report), "\n".join(lines(report, places)))
        for report in reports
        if report.finding in FINDINGS
    )
    broken = dict(zip(Level, (state.broken_l0, state.broken_l1, state.broken_l2), strict=True))
    return Breaks(broken, unbroken, tuple(doubts(state, reports)))


def keeper(report: SanitizerReport) -> Level:
    """Who keeps the tables that changed, of a report in ``FINDINGS``; keeper_of() in break.h and more.

    A combined entry that still has its intermediate address changed at stage 2, which is L0's.
    """
    entry, now = report.data["entry"], report.data["now"]
    if report.kind == "stage2" or entry["regime"] == "el2" or now["ipa"] == entry["ipa"]:
        return Level.L0
    return Level.L1 if int(report.data["hcr"], 16) & NV else Level.L2
