# SPDX-License-Identifier: GPL-2.0-only
"""From what the sanitizer left in a cell's directory to a finding against the model itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from harness.check.finding import Finding
from harness.check.sanitizer.code_places import Places
from harness.check.sanitizer.counters import USES, SanitizerCounters, read_state
from harness.check.sanitizer.report_lines import headline, lines
from harness.check.sanitizer.reports import SanitizerReport, read_reports
from harness.check.sanitizer.to_finding import COUNTERS, KIND, LOG, REPORTS
from harness.errors import Location
from harness.level import Level
from harness.verdict import Verdict

NAME = "model"
SHOWN = 3


def judge_model(directory: Path, maps: Mapping[Level, Path], where: Location) -> Finding:
    """Judge the model by the reports in ``directory``: one is a failure, too few uses are vacuous.

    A model that does wrong makes what the sanitizer says of software worth little, so a report here comes
    first. ``InfraError`` when the sanitizer did not run.
    """
    state = read_state(directory / COUNTERS)
    reports = tuple(each for each in read_reports(directory / REPORTS) if each.of_model)
    return Finding(NAME, KIND, _verdict(state, reports), message(state, reports, Places(maps)), str(where))


def _verdict(state: SanitizerCounters, reports: tuple[SanitizerReport, ...]) -> Verdict:
    if reports or state.model_wrong:
        return Verdict.FAIL
    return Verdict.VACUOUS if state.model_uses < USES else Verdict.PASS


def message(state: SanitizerCounters, reports: tuple[SanitizerReport, ...], places: Places) -> str:
    """The first report in one line, what was judged, then one report of each kind in full."""
    words = [summary(state)]
    if state.model_uses < USES:
        words.append(f"too little was judged: at least {USES} uses wanted")
    if reports:
        counts = Counter(each.key for each in reports)
        first: dict[str, SanitizerReport] = {}
        for each in reports:
            first.setdefault(each.key, each)
        words.insert(0, headline(reports[0]))
        words.append("told: " + ", ".join(f"{count} x {key}" for key, count in counts.most_common()))
        words += ["\n".join(lines(each, places)) for each in list(first.values())[:SHOWN]]
        words.append(f"all of them in {LOG}")
    return "\n".join(words)


def summary(state: SanitizerCounters) -> str:
    """One line on what of the model was judged."""
    return (
        f"{state.model_uses} uses of the model judged, {state.model_faults} aborts, "
        f"{state.model_traps} TLBIs below EL2, {state.model_returns} exception returns, "
        f"{state.model_ats} AT instructions; "
        f"{state.model_wrong} wrong"
    )
