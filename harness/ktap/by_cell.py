# SPDX-License-Identifier: GPL-2.0-only
"""A bundle's log as what a cell of a scenario has of it: its runs as they would have ended, and findings.

The scenario's expectations are about one run of nvh-litmus; a bundle runs it once for each family. What it
printed is put together again, as far as the log's checksums vouch for it. What did not come, or not whole,
is never passed.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from harness.check.finding import Finding, RunResult
from harness.check.splat import find_splats
from harness.errors import UserError
from harness.ktap import judge
from harness.ktap.log import RAN, Log
from harness.ktap.manifest import Bundle
from harness.ktap.read import Reading, read
from harness.litmus.population import LITMUS, STATUS_LOST
from harness.scenario.language import ResultCheck
from harness.verdict import Verdict, worst

BOOT_KIND = "boot"
COUNTED = {
    "pass": "passed",
    "vacuous": "vacuous",
    "not-applicable": "not_applicable",
    "unable-to-fail": "unable_to_fail",
}
"""Verdicts of cases → words of nvh-litmus's last line; every other verdict counts as failed."""
RED = ("failed", "unable_to_fail")


def outcome(data: bytes, source: str, bundle: Bundle) -> tuple[list[Finding], RunResult, str]:
    """Return the findings on a captured console, the run that it tells of, and why that is not whole.

    The last is empty for a log that came whole, with every case that was to run. ``UserError`` for the log of
    another bundle. A console without a log that can be read is a finding, too: what L0's kernel said is
    looked at all the same.
    """
    try:
        reading = read(data, source)
    except UserError as error:
        return [_no_log(data, str(error))], RunResult(None), str(error)
    judge.require_bundle(reading.log, bundle, source)
    found = [
        judge.of_log(reading),
        judge.of_selection(reading, bundle),
        judge.of_kernel(reading.log, bundle),
        judge.of_absent(reading.log),
        _splats(reading),
        _population(reading.log),
    ]
    doubts = [each.message for each in found[:3] if each.verdict is Verdict.UNDECIDED]
    doubts += _lacking(reading.log)
    return found, run_of(reading.log), "; ".join(doubts)


def _splats(reading: Reading) -> Finding:
    """What L0's kernel said on its console, and what the log itself says that it said."""
    told = judge.of_splats(reading.text)
    if told.verdict is not Verdict.PASS:
        return told
    return judge.of_splats("\n".join(family.kernel for family in reading.log.families))


def _no_log(data: bytes, why: str) -> Finding:
    """L0 may have died before the log began: then its console says so."""
    text = data.decode("utf-8", "replace")
    if splats := find_splats(text):
        message = "\n".join((f"L0 did not get to its cases: {splats[0].kind}", *splats[0].excerpt))
        return Finding(judge.LOG, BOOT_KIND, Verdict.FAIL, message, bindings=splats[0].key.to_bindings())
    return Finding(judge.LOG, BOOT_KIND, Verdict.UNDECIDED, f"nothing can be said: {why}")


def _lacking(log: Log) -> list[str]:
    """What of the families did not run or did not end."""
    told = []
    for family in log.families:
        ran = sum(case.kind == RAN for case in family.cases)
        if ran != family.cases_told:
            told.append(f"{family.name}: {ran} of {family.cases_told} cases ran to their end")
    return told


def _population(log: Log) -> Finding:
    """One finding on what the families' runs consisted of, the worst of each."""
    found = [(each.name, judge.of_population(each)) for each in log.families if not judge.is_absent(each)]
    red = [f"{name}: {each.message}" for name, each in found if each.verdict is not Verdict.PASS]
    if not found:
        return Finding(judge.POPULATION, judge.POPULATION, Verdict.VACUOUS, "no case ran")
    verdict = worst(each.verdict for _, each in found)
    message = "; ".join(red) or f"{len(found)} families consisted of what they should"
    return Finding(judge.POPULATION, judge.POPULATION, verdict, message)


def run_of(log: Log) -> RunResult:
    """Return the run of nvh-litmus that printed the log's cases, as one of all families would have ended."""
    ran = [case for family in log.families for case in family.cases if case.kind == RAN and case.line]
    counts = Counter(COUNTED.get(case.line.verdict, "failed") for case in ran if case.line)
    words = [f"{key}={counts[key]}" for key in ("passed", "failed", *list(COUNTED.values())[1:])]
    last = f"cases={len(ran)} {' '.join(words)} seconds={log.seconds or 0}"
    said = [line for family in log.families for line in family.said]
    populations = [family.population_text for family in log.families if family.population_text]
    lines = [*(case.text for case in ran), *said, *populations, last]
    status = 1 if any(counts[key] for key in RED) else STATUS_LOST if counts["vacuous"] else 0
    return RunResult(status, "".join(f"{line}\n" for line in lines), command=LITMUS)


def expected(
    expectations: Sequence[ResultCheck], found: Iterable[Finding], run: RunResult, doubt: str
) -> list[Finding]:
    """Return the findings on a cell's expectations (``found``, in their order) in the light of the log.

    With ``doubt`` nothing is passed, and only a case that failed, whose line came whole, is a failure. Where
    no case failed and controls were lost, the expectation is vacuous: the machine took the stale translations
    away by itself.
    """
    counts = dict(word.split("=", 1) for word in (run.stdout.splitlines() or [""])[-1].split() if "=" in word)
    failed = int(counts.get("failed", 0))
    lost = int(counts.get("vacuous", 0)) + int(counts.get("unable_to_fail", 0))
    result = []
    for expectation, each in zip(expectations, found, strict=True):
        verdict, message = each.verdict, each.message
        if verdict is Verdict.FAIL and failed:
            message = "\n".join([_first_failure(run), message])
        elif not counts.get("cases", "0").strip("0") and not doubt:
            verdict, message = Verdict.VACUOUS, f"no case ran: {each.message}"
        elif doubt:
            verdict, message = Verdict.UNDECIDED, f"{doubt}; so far: {each.verdict.value}, {each.message}"
        elif verdict is Verdict.FAIL and lost and _only_lost(expectation):
            verdict, message = Verdict.VACUOUS, f"{lost} cases can say nothing on this machine: {message}"
        result.append(dataclasses.replace(each, verdict=verdict, message=message))
    return result


def _only_lost(expectation: ResultCheck) -> bool:
    """Whether lost controls alone can be why it does not hold: it asks for nothing but counts of 0."""
    asked = {key for key, value in expectation.values.items() if value == 0}
    plain = expectation.stdout is None and expectation.lacks is None
    return plain and len(asked) == len(expectation.values) and bool(asked)


def _first_failure(run: RunResult) -> str:
    failed = [
        line
        for line in run.stdout.splitlines()
        if line.startswith("case=") and not any(f" verdict={word} " in line for word in COUNTED)
    ]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return f"{failed[0]}{more}" if failed else ""
