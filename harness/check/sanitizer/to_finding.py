# SPDX-License-Identifier: GPL-2.0-only
"""From what the sanitizer left in a cell's directory to a finding of the cell."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from harness.check.finding import Finding
from harness.check.sanitizer.code_places import Places
from harness.check.sanitizer.counters import SanitizerCounters, read_state
from harness.check.sanitizer.report_lines import lines
from harness.check.sanitizer.reports import SanitizerReport, read_reports
from harness.errors import Location
from harness.level import Level
from harness.verdict import Verdict

REPORTS = "sanitizer.jsonl"
COUNTERS = f"{REPORTS}.state"
LOG = "sanitizer.log"
SHOWN = 3
LATE = ("unmapped", "narrowed")
"""Findings that are reported when no TLBI came for so many entries of a PE (rule "pending")."""
NAME = "tlb"
KIND = "sanitizer"


def judge(
    directory: Path, maps: Mapping[Level, Path], where: Location, starved: str = ""
) -> tuple[Finding, SanitizerCounters]:
    """Judge what is in ``directory`` and write every report as text into ``sanitizer.log``.

    ``maps``: the System.map of each level. From the top: a report is a failure; anything that was lost or
    not understood, and a disagreement that was open for long, make it undecided; too little that was checked
    makes it vacuous (docs/sanitizer.md). ``starved``: how the host kept the model from its pace: ticks by the
    host's clock then add entries, so reports that rest on a TLBI not having come for a while are in doubt.
    ``InfraError`` when the sanitizer did not run.
    """
    state = read_state(directory / COUNTERS)
    every = read_reports(directory / REPORTS)
    places = Places(maps)
    text = {id(report): "\n".join(lines(report, places)) for report in every}
    (directory / LOG).write_text("\n\n".join([*text.values(), summary(state)]) + "\n")
    reports = tuple(report for report in every if not report.of_model)
    told = [text[id(report)] for report in reports]
    state = dataclasses.replace(state, written=state.written - (len(every) - len(reports)))
    late = starved if reports and all(report.finding in LATE for report in reports) else ""
    verdict = Verdict.UNDECIDED if late else _verdict(state, reports)
    return Finding(NAME, KIND, verdict, _message(state, reports, told, late), str(where)), state


def summary(state: SanitizerCounters) -> str:
    """One line on what was checked."""
    return (
        f"{state.uses} uses checked, {state.fills} entries, {state.tlbis} operations executed and "
        f"{state.trapped} trapped, {state.invalidated} entries invalidated, {state.reports} reports, "
        f"{state.waiting} of {state.pending} disagreements open"
        + (f", the oldest for {state.age} steps" if state.waiting else "")
        + (f", {state.raced} uses of what another PE was changing" if state.raced else "")
        + (f", {state.excused} disagreements were the guest's own" if state.excused else "")
        + (f", {state.left_out} operations left out on purpose" if state.left_out else "")
    )


def _verdict(state: SanitizerCounters, reports: tuple[SanitizerReport, ...]) -> Verdict:
    if reports:
        return Verdict.FAIL
    if doubts(state, reports):
        return Verdict.UNDECIDED
    return Verdict.VACUOUS if state.too_little() else Verdict.PASS


def doubts(state: SanitizerCounters, reports: tuple[SanitizerReport, ...]) -> list[str]:
    """Why reports and counters are no ground for a verdict; empty when they are."""
    found = state.doubts()
    if state.written != len(reports):
        found.append(f"{state.written} reports were written and {len(reports)} found")
    return found


def _message(
    state: SanitizerCounters, reports: tuple[SanitizerReport, ...], told: list[str], late: str
) -> str:
    unsure = [*([f"a TLBI may have been on its way: {late}"] if late else []), *doubts(state, reports)]
    words = [summary(state)]
    if unsure:
        words.append("in doubt: " + "; ".join(unsure))
    if few := state.too_little():
        words.append("too little was checked: " + "; ".join(few))
    if reports:
        counts = Counter(report.key for report in reports)
        words.insert(0, ", ".join(f"{count} x {key}" for key, count in counts.most_common()))
        first: dict[str, str] = {}
        for report, text in zip(reports, told, strict=True):
            first.setdefault(report.key, text)
        words += list(first.values())[:SHOWN]
        words.append(f"all of them in {LOG}")
    return "\n".join(words)
