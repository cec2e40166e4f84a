# SPDX-License-Identifier: GPL-2.0-only
"""A program line by line: what is allowed, and what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from harness.program.render import action_text
from harness.reproduce.hunt.program_findings import outcome_class
from harness.reproduce.programs.checker import Checked
from harness.reproduce.programs.seen import ObservedProgram


def lines_of(checked: Checked, seen: Sequence[ObservedProgram]) -> list[str]:
    """The program's observing lines; one that saw what is not allowed begins with ``!``."""
    rows = []
    for i, (action, may) in enumerate(zip(checked.program.actions, checked.allowed, strict=True)):
        if may is None:
            continue
        told = [f"{each.place} saw {each.tokens[i]}" for each in seen if each.tokens[i] is not None]
        mark = "!" if any(i in each.wrong for each in seen) else " "
        rows.append(
            (f"{mark} line {checked.lines[i]}", action_text(action), [*told, f"allowed {words(may)}"])
        )
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return [f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {', '.join(row[2])}" for row in rows]


def words(may: frozenset[str]) -> str:
    """Observations as they are written behind ``=>``."""
    return "|".join(sorted(may))


def headline(checked: Checked, seen: ObservedProgram) -> str:
    """The verdict with its cause first."""
    if seen.wrong:
        first = seen.wrong[0]
        allowed = words(checked.allowed[first] or frozenset())
        return f"fail: line {checked.lines[first]} saw {seen.tokens[first]}, allowed {allowed}"
    if seen.late:
        return f"vacuous: line {checked.lines[seen.late[0]]}: the other CPU did not run in time"
    return f"{seen.verdict}{': ' if seen.why else ''}{seen.why}"


def show(checked: Checked, seen: Sequence[ObservedProgram], console: Console) -> None:
    """Print a program, and the verdict of each place that it ran at."""
    head = f"{checked.path}:{checked.first}: {checked.name}"
    said = [f"{each.place} {headline(checked, each)}" for each in seen]
    for line in [f"{head}: {'; '.join(said)}" if said else head, *lines_of(checked, seen)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for note in checked.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)


def to_json(checked: Checked, seen: Sequence[ObservedProgram]) -> dict[str, Any]:
    """The same as data."""
    return {
        "path": checked.path,
        "name": checked.name,
        "line": checked.first,
        "notes": [str(note) for note in checked.notes],
        "verdicts": {each.place: each.verdict for each in seen},
        "why": {each.place: headline(checked, each) for each in seen},
        "lines": [
            {
                "line": checked.lines[i],
                "action": action_text(action),
                "allowed": sorted(may),
                "seen": {each.place: each.tokens[i] for each in seen},
                "class": {each.place: outcome_class(each.tokens[i] or "") for each in seen},
            }
            for i, (action, may) in enumerate(zip(checked.program.actions, checked.allowed, strict=True))
            if may is not None
        ],
    }
