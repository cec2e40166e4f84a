"""``console`` expectations, and the splats that every cell is checked for at every level."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.check.finding import Finding, Observations, judge
from harness.errors import Location
from harness.level import Level
from harness.scenario.model import ConsoleCheck
from harness.verdict import Verdict

SPLATS = Path(__file__).with_name("splats.yaml")

# The start of the line, or printk's "[   12.345678][  T123] " wherever other output left the cursor.
_PREFIX = r"(?:^(?:<\d+>)?|\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ?)"
_EXCERPT = 12


@dataclass(frozen=True, slots=True)
class SplatKind:
    """A kind of splat: its name and the expression that finds the first line of one."""

    name: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Splat:
    """One splat: ``line`` counts from 1, ``excerpt`` is that line and the next ones."""

    kind: str
    line: int
    excerpt: tuple[str, ...]


@functools.cache
def splat_kinds() -> tuple[SplatKind, ...]:
    """The shipped kinds of splats, in the order in which they are tried."""
    data = yaml.safe_load(SPLATS.read_text(encoding="utf-8"))
    return tuple(SplatKind(name, re.compile(_PREFIX + f"(?:{pattern})")) for name, pattern in data.items())


def find_splats(console: str) -> list[Splat]:
    """Every line of a console log that begins a splat, each under the first kind that fits."""
    lines = [line.rstrip("\r") for line in console.split("\n")]
    found = []
    for number, line in enumerate(lines, 1):
        for kind in splat_kinds():
            if kind.pattern.search(line):
                found.append(Splat(kind.name, number, tuple(lines[number - 1 : number - 1 + _EXCERPT])))
                break
    return found


def splat_findings(consoles: Mapping[Level, str]) -> list[Finding]:
    """One finding ``no-splat-lN`` for each level whose console was captured."""
    findings = []
    for level, text in sorted(consoles.items()):
        splats = find_splats(text)
        where = Location(f"console.{level}", splats[0].line if splats else 1)
        if splats:
            first = splats[0]
            kinds = ", ".join(dict.fromkeys(s.kind for s in splats))
            message = f"{len(splats)} splat lines ({kinds}), first at line {first.line}:\n"
            message += "\n".join(first.excerpt)
            verdict = Verdict.FAIL
        else:
            message, verdict = f"{level}'s console has no splat", Verdict.PASS
        findings.append(Finding(f"no-splat-{level}", "console", verdict, message, where))
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
