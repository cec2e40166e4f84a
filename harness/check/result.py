# SPDX-License-Identifier: GPL-2.0-only
"""``result``: how a named run ended and what it printed."""

from __future__ import annotations

import re
import signal

from harness.check import condition
from harness.check.finding import Finding, Observations, RunResult, judge
from harness.check.said import USAGE, cause
from harness.errors import InputError, Problem
from harness.scenario.language import ResultCheck
from harness.trace.trace_lines import value_of
from harness.verdict import Verdict

_WORD = re.compile(r"(?<!\S)([A-Za-z_][\w.\-]*)=(\S+)")
_SIGNAL_BASE = 256
_TAIL = 400
NO_PROGRESS = 75
"""EX_TEMPFAIL of sysexits.h: by this status a program says that it found nothing wrong and did not finish,
because a guest of it did not go on. That is no failed check: nothing was checked (docs/verdicts.md)."""


def check(expectation: ResultCheck, seen: Observations) -> Finding:
    """Fail with everything that differs; undecided when the run was never started, or made no progress.

    Vacuous when it says by its status that it skipped its test.
    """
    result = seen.results.get(expectation.run)
    if result is None:
        known = ", ".join(sorted(seen.results)) or "none"
        return judge(expectation, Verdict.UNDECIDED, f"run {expectation.run} never started; runs: {known}")
    if result.status == NO_PROGRESS and expectation.exit != NO_PROGRESS:
        said = result.stdout or result.stderr
        text = f"run {expectation.run} made no progress in its time; its output ends in {said[-_TAIL:]!r}"
        return judge(expectation, Verdict.UNDECIDED, text)
    if expectation.skip is not None and result.status == expectation.skip:
        text = f"run {expectation.run} skipped its test (exit {result.status})"
        said = (result.stdout.strip() or result.stderr.strip())[-_TAIL:]
        return judge(expectation, Verdict.VACUOUS, f"{text}; its output ends in {said!r}" if said else text)
    wrong = _status(expectation, result)
    for stream, wanted in (("stdout", expectation.stdout), ("stderr", expectation.stderr)):
        text = getattr(result, stream)
        if wanted is not None and not re.search(wanted, text, re.MULTILINE):
            wrong.append(f"{stream} does not match {wanted!r}; it ends in {text[-_TAIL:]!r}")
    wrong += _lacking(expectation, result)
    wrong += _values(expectation, result)
    if wrong:
        text = "; ".join(wrong)
        first = cause(result)
        if result.stderr and expectation.stderr is None and not (first and result.status == USAGE):
            text += f"; stderr ends in {result.stderr[-_TAIL:]!r}"
        return judge(expectation, Verdict.FAIL, "\n".join(filter(None, (first, text))))
    return judge(expectation, Verdict.PASS, f"run {expectation.run} ended as expected")


def _status(expectation: ResultCheck, result: RunResult) -> list[str]:
    if expectation.exit is None or result.status == expectation.exit:
        return []
    return [f"run {expectation.run} {_ending(result.status)}, expected exit {expectation.exit}"]


def _ending(status: int | None) -> str:
    if status is None:
        return "did not end"
    if status < _SIGNAL_BASE:
        return f"ended with exit {status}"
    number = status - _SIGNAL_BASE
    try:
        return f"was ended by {signal.Signals(number).name}"
    except ValueError:
        return f"was ended by signal {number}"


def _lacking(expectation: ResultCheck, result: RunResult) -> list[str]:
    """Lines of either stream that hold what they must not."""
    wrong = []
    for stream, text in (("stdout", result.stdout), ("stderr", result.stderr)):
        found = re.search(expectation.lacks, text, re.MULTILINE) if expectation.lacks is not None else None
        if found:
            start = text.rfind("\n", 0, found.start()) + 1
            line = text[start : start + _TAIL].split("\n", 1)[0]
            wrong.append(f"{stream} has {expectation.lacks!r}: {line!r}")
    return wrong


def _values(expectation: ResultCheck, result: RunResult) -> list[str]:
    """Every ``key=value`` word of stdout with a wanted key must satisfy its condition."""
    printed: dict[str, list[str]] = {}
    for key, value in _WORD.findall(result.stdout):
        printed.setdefault(key, []).append(value)
    wrong = []
    for key, wanted in expectation.values.items():
        try:
            test = condition.parse(wanted)
            if test.variable is not None:
                raise ValueError("a variable has no meaning here")
        except ValueError as error:
            raise InputError([Problem(expectation.where, f"{key}: {error}")]) from None
        if key not in printed:
            wrong.append(f"{key} is not in the output")
        bad = [v for v in printed.get(key, []) if test.test(value_of(v), {}) is not True]
        if bad:
            wrong.append(f"{key}={bad[0]}, expected {wanted}")
    return wrong
