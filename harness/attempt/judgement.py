# SPDX-License-Identifier: GPL-2.0-only
"""From an attempt at a cell to its findings: a pure function, apart from starting and keeping machines.

docs/verdicts.md has the table. What was not seen is never passed: an expectation that the attempt did not
reach is undecided, and so is a console whose level could not be asked for its log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.attempt.evidence import Attempt, Ran, RunEnding
from harness.check import finding as check
from harness.check.console import output_findings, splat_findings
from harness.check.evaluate import evaluate
from harness.check.finding import Finding
from harness.check.oracle import ORACLES
from harness.check.said import cause
from harness.errors import NvhError
from harness.scenario.language import (
    Absence,
    ConsoleCheck,
    Expectation,
    OracleCheck,
    Precedence,
    PythonCheck,
    ResultCheck,
    Universality,
)
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

SEEN = (Absence, Universality, Precedence)
"""Expectations that an event which was seen violates: what comes later takes nothing back."""


def judge(expectations: Sequence[Expectation], attempt: Attempt) -> list[Finding]:
    """Return every finding on ``attempt``, what broke first; see ``harness.verdict.of_cell``.

    ``NvhError`` for expectations that cannot be judged at all, because they make no sense.
    """
    return [
        *_broken(attempt),
        *_late(attempt),
        *expected(expectations, attempt),
        *_runs(attempt, {each.run for each in expectations if isinstance(each, ResultCheck)}),
        *_consoles(attempt),
        *output_findings(attempt.results, _may_splat(expectations)),
    ]


def _may_splat(expectations: Sequence[Expectation]) -> set[str]:
    """Runs of which a ``result`` says that splats in the output are wanted or not the stack's."""
    return {each.run for each in expectations if isinstance(each, ResultCheck) and each.splats}


def try_to_judge(expectations: Sequence[Expectation], attempt: Attempt) -> tuple[list[Finding], str]:
    """``judge``, and the attempt's reason; what cannot be judged is a reason too, and loses nothing else."""
    try:
        return judge(expectations, attempt), attempt.reason
    except NvhError as error:
        return judge((), attempt), attempt.reason or str(error)


def expected(expectations: Sequence[Expectation], attempt: Attempt) -> list[Finding]:
    """One finding per expectation; one that the attempt did not reach is undecided."""
    found = evaluate(
        expectations,
        attempt.timeline or Timeline(),
        attempt.results,
        attempt.consoles,
        attempt.looks,
        attempt.breaks,
    )
    return [_reached(each, one, attempt) for each, one in zip(expectations, found, strict=True)]


def _reached(expectation: Expectation, found: Finding, attempt: Attempt) -> Finding:
    why = _unreached(expectation, found, attempt)
    if not why or found.verdict is Verdict.UNDECIDED:
        return found
    words = f"{why}; so far: {found.verdict.value}, {found.message}"
    return replace(found, verdict=Verdict.UNDECIDED, message=words)


def _unreached(expectation: Expectation, found: Finding, attempt: Attempt) -> str:
    """Why the finding says nothing of the whole cell; empty when it does."""
    if isinstance(expectation, ResultCheck):
        return _unreached_run(expectation, attempt)
    if isinstance(expectation, ConsoleCheck):
        matched = (found.verdict is Verdict.FAIL) is expectation.negated
        if matched:
            return ""
        if expectation.level in attempt.unread:
            return f"{expectation.level}'s log could not be read: {attempt.unread[expectation.level]}"
        return "" if attempt.complete else "the cell was cut short"
    oracle = ORACLES.get(expectation.oracle) if isinstance(expectation, OracleCheck) else None
    if oracle and (oracle.stopped or oracle.sanitized):
        return "" if attempt.complete or found.verdict is Verdict.FAIL else "the cell was cut short"
    if attempt.timeline is None:
        return "the traces were not collected"
    if isinstance(expectation, PythonCheck) and attempt.untraced:
        return "; ".join(f"{level} was not traced: {why}" for level, why in attempt.untraced.items())
    if attempt.complete or (found.verdict is Verdict.FAIL and isinstance(expectation, SEEN)):
        return ""
    return "" if _closed(expectation, attempt.timeline) else "the cell was cut short"


def _unreached_run(expectation: ResultCheck, attempt: Attempt) -> str:
    ran = attempt.runs.get(expectation.run)
    if ran and ran.ending is RunEnding.LOST:
        return f"run {expectation.run} was lost with its level: {ran.why}"
    if ran and ran.ending is RunEnding.STOPPED and not attempt.complete:
        return "the cell was cut short"
    return ""


def _closed(expectation: Expectation, timeline: Timeline) -> bool:
    """Whether the scope ends at a mark, and that was written: nothing that comes later belongs to it."""
    scope = getattr(expectation, "scope", None)
    end = scope.before if scope is not None else None
    return isinstance(end, str) and any(mark.name == end for mark in timeline.marks)


def _broken(attempt: Attempt) -> list[Finding]:
    return [
        Finding(
            error.name,
            error.kind,
            Verdict.FAIL,
            "\n".join(part for part in (str(error), more, error.output.strip()) if part),
            str(attempt.where),
        )
        for error, more in attempt.broken
    ]


def _late(attempt: Attempt) -> list[Finding]:
    if attempt.late is None:
        return []
    step = attempt.late.step
    return [Finding("step", "deadline", Verdict.FAIL, attempt.late.message, str(step.where))]


def _runs(attempt: Attempt, judged: set[str]) -> list[Finding]:
    """A run that failed, or never started, is a failure unless a ``result`` expectation judges it."""
    found = []
    for name, ran in attempt.runs.items():
        what = f"{ran.step.command!r} at {ran.step.level}"
        if ran.ending is RunEnding.REFUSED:  # even where a result says otherwise: there is none
            found.append(_run(ran, f"{what} never started: {ran.why}"))
        elif name not in judged and ran.ending is RunEnding.ENDED and ran.result.status != 0:
            how = "in the background " if ran.step.background else ""
            words = f"{what} {how}ended with status {ran.result.status}: {summary(ran.result)}"
            found.append(_run(ran, words))
    return found


def _run(ran: Ran, message: str) -> Finding:
    return Finding(ran.step.name, "run", Verdict.FAIL, message, str(ran.step.where))


def _consoles(attempt: Attempt) -> list[Finding]:
    """Splats; a console without one passes only if the level's log could be read too."""
    found = []
    for finding in splat_findings(attempt.consoles):
        level = next(level for level in attempt.consoles if finding.name.endswith(f"-{level}"))
        if finding.verdict is Verdict.PASS and level in attempt.unread:
            why = f"{finding.message}, but its log could not be read: {attempt.unread[level]}"
            finding = replace(finding, verdict=Verdict.UNDECIDED, message=why)
        found.append(finding)
    return found


def summary(left: check.RunResult) -> str:
    """Return what a failed run says for a message: its cause, else the last lines that it printed."""
    if first := cause(left):
        return first
    text = (left.stderr.strip() or left.stdout.strip()).splitlines()
    return " | ".join(text[-3:]) or "it printed nothing"
