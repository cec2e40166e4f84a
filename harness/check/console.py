# SPDX-License-Identifier: GPL-2.0-only
"""``console`` expectations, and the splats that every cell is checked for at every level."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from harness.check.finding import Finding, Observations, RunResult, judge
from harness.check.splat import find_splats, headline
from harness.errors import Location
from harness.level import Level
from harness.scenario.language import ConsoleCheck
from harness.verdict import Verdict


def splat_findings(consoles: Mapping[Level, str]) -> list[Finding]:
    """One finding ``no-splat-lN`` for each level whose console was captured.

    Its message begins with the cause (``splat.headline``), and its bindings are the first splat's key.
    """
    findings = []
    for level, text in sorted(consoles.items()):
        splats = find_splats(text)
        where = str(Location(f"console.{level}", splats[0].line if splats else 1))
        name = f"no-splat-{level}"
        if splats:
            calls = f"trace: {' < '.join(splats[0].trace)}" if splats[0].trace else ""
            message = "\n".join(filter(None, (headline(splats), calls, *splats[0].excerpt)))
            key = splats[0].key.to_bindings()
            findings.append(Finding(name, "console", Verdict.FAIL, message, where, key))
        else:
            message = f"{level}'s console has no splat"
            findings.append(Finding(name, "console", Verdict.PASS, message, where))
    return findings


def output_findings(results: Mapping[str, RunResult], allowed: Collection[str] = ()) -> list[Finding]:
    """One finding ``no-splat-in-RUN`` for each run whose output has a splat, but not for runs in ``allowed``.

    What a program at a level prints is as good a witness as a console: a suite that starts guests of its own
    prints their consoles, and a VMM its own host's log.
    """
    findings = []
    for name, result in results.items():
        for stream, text in (("stdout", result.stdout), ("stderr", result.stderr)):
            splats = [] if name in allowed else find_splats(text)
            if splats:
                words = f"{headline(splats)}, in the output of run {name}"
                message = "\n".join((words, *splats[0].excerpt))
                where = str(Location(f"output/{name}.{stream}", splats[0].line))
                key = splats[0].key.to_bindings()
                findings.append(Finding(f"no-splat-in-{name}", "console", Verdict.FAIL, message, where, key))
                break
    return findings


def check(expectation: ConsoleCheck, seen: Observations) -> Finding:
    """Search the level's console for the expression; undecided when it was not captured."""
    console = seen.consoles.get(expectation.level)
    if console is None:
        return judge(expectation, Verdict.UNDECIDED, f"{expectation.level}'s console was not captured")
    match = re.search(expectation.matches, console, re.MULTILINE)
    if match is None:
        last = console.rstrip().rsplit("\n", 1)[-1][-200:]
        message = f"{expectation.level}'s console does not match {expectation.matches!r}; it ends in {last!r}"
        return judge(expectation, Verdict.PASS if expectation.negated else Verdict.FAIL, message)
    line = console.count("\n", 0, match.start()) + 1
    verdict = Verdict.FAIL if expectation.negated else Verdict.PASS
    message = f"{expectation.level}'s console matches {expectation.matches!r} at line {line}"
    return judge(expectation, verdict, message)
