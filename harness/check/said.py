# SPDX-License-Identifier: GPL-2.0-only
"""The cause in what a run left, in one line: what a person looks for first in its output.

Our own programs say what they found wrong in lines of ``key=value`` words (docs/litmus.md, docs/payloads.md);
a program that was called wrongly (status 2) says so at the beginning of stderr, before its usage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a check of programs needs no more of this module than a word
    from harness.check.finding import RunResult

USAGE = 2
"""Exit status of a program that was called wrongly."""
_LINES = 3
_LONG = 300
_PROGRAM = re.compile(
    r"^program=(\S+) observed=\S* verdict=(fail|hang|broken|vacuous)\b *(.*)$", re.MULTILINE
)
_FAIL = re.compile(r"line=(\d+) .*?saw=(\S+) allowed=(\S+)")
_CASE = re.compile(r"^case=(\S+) .*?\bverdict=(fail|setup|hang|broken)\b(.*)$", re.MULTILINE)
_KVM = re.compile(r"^case=(\S+) vcpus=.* ok=0\b(.*)$", re.MULTILINE)
_COUNTS = re.compile(r"\b(stale|other|lost|control)=(\d+)")
_OPERATION = re.compile(r"\bop=(\S+)")
LINES_OF = "# lines of"
"""How a comment begins that says which line of a file each line of a program comes from, as in
``# lines of NAME: 3=8 4=10``. It stands before the program (harness/reproduce/programs)."""


def cause(result: RunResult) -> str:
    """What went wrong in the run, as far as it says so; an empty string where it does not."""
    for kind in (_programs, _cases, _kvm):
        found = list(kind(result))
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            return f"{found[0]}{more}"[:_LONG]
    if result.status == USAGE:
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        return " | ".join(lines[:_LINES])[:_LONG]
    return ""


def _programs(result: RunResult) -> Iterator[str]:
    several = result.stdout.count("\nprogram=") + result.stdout.startswith("program=") > 1
    for name, verdict, rest in sorted(
        _PROGRAM.findall(result.stdout), key=lambda found: found[1] == "vacuous"
    ):
        of = f"program {name}: " if several else ""
        if verdict == "fail" and (match := _FAIL.search(rest)):
            number, saw, allowed = match.groups()
            line, text = _line(result.command, name, int(number))
            yield f"{of}line {line} saw {saw}, allowed {allowed}" + (f": {text}" if text else "")
        elif verdict == "vacuous":
            yield f"{of or f'program {name}: '}another CPU did not run in time"
        else:
            yield f"{of or f'program {name}: '}{verdict} {rest}".rstrip()


def _line(command: str, name: str, number: int) -> tuple[int, str]:
    """The line of the file that line ``number`` of a program stands for, and what it says there."""
    lines = [line.strip() for line in command.splitlines()]
    begun = next(
        (n for n, line in enumerate(lines) if re.match(rf"program {re.escape(name)}(\s|$)", line)), None
    )
    if begun is None:
        return number, ""
    text = lines[begun + number] if begun + number < len(lines) else ""
    place = f"{LINES_OF} {name}: "
    for line in lines[:begun]:
        if line.startswith(place):
            pairs = dict(word.split("=") for word in line.removeprefix(place).split() if "=" in word)
            return int(pairs.get(str(number), number)), text.partition(" =>")[0].removesuffix(" loose")
    return number, text.partition(" =>")[0].removesuffix(" loose")


def _cases(result: RunResult) -> Iterator[str]:
    for match in _CASE.finditer(result.stdout):
        name, verdict, rest = match.groups()
        operation = _OPERATION.search(match.group())
        told = rest.partition(" why=")[2] or rest.partition(" ns=")[2].partition(" ")[2]
        of = f" ({operation[1]})" if operation and operation[1] not in (*name.split("/"), "none") else ""
        yield f"case {name}{of} {verdict}" + (f": {told.strip()}" if told.strip() else "")


def _kvm(result: RunResult) -> Iterator[str]:
    for match in _KVM.finditer(result.stdout):
        counts = [f"{key}={count}" for key, count in _COUNTS.findall(match.group()) if count != "0"]
        reason = match[2].strip()
        yield f"case {match[1]}: {' '.join(counts) or 'nothing was checked'}" + (
            f", {reason}" if reason else ""
        )
