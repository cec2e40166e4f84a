# SPDX-License-Identifier: GPL-2.0-only
"""A file of programs as a cell: its header says what, why and from where, and what it runs on.

# what: one line, the cell's summary
# why: a paragraph, whose lines
#   go on like this
# source: where it comes from
# fault: mutant ipas2-no-unmap; simulated no-ipas2          (what it was shown red on; parts as in FAULTS)
# claims: nv-tlbi-v8.6, nv-tlbi-v8.8           (without: what its operations are about)
# stack: model=qemu-48bit timing=icount l0-cpus=1 sanitize=tlb
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import InputError, Location, Problem, edits
from harness.program.lanes import LANES, WIDE
from harness.program.needs import NOT_NESTED, needs
from harness.program.render import plain
from harness.reproduce.hunt.keep import claims_of, scenario_of
from harness.reproduce.programs.checker import Checked, check_file
from harness.reproduce.programs.words import Word, nearest

KEYS = ("what", "why", "source", "fault", "claims", "stack")
STACK = ("model", "timing", "kernel", "sanitize", "l0-cpus")
SUMMARY_MAX = 100
FAULTS = ("mutant", "kernel", "simulated", "none")
"""What a program was shown red on: L0's kernel with an injected fault, by name; Linux as it is; a simulated
machine of tests/program/simulate.py, by name. Or nothing, and why."""
_HEADER = re.compile(r"#\s*([A-Za-z]+)\s*:\s*(.*)")
_MORE = re.compile(r"#\s{2,}(\S.*)")


@dataclass(frozen=True, slots=True)
class CorpusHeader:
    """What stands above the first program, by key, and where each key does."""

    values: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, Word] = field(default_factory=dict)

    @property
    def faults(self) -> list[tuple[str, str]]:
        """The parts of ``fault:``: one of ``FAULTS`` and what follows it."""
        parts = [part.strip() for part in self.values.get("fault", "").split(";") if part.strip()]
        return [(first, rest.strip()) for first, _, rest in (part.partition(" ") for part in parts)]

    @property
    def stack(self) -> dict[str, str]:
        """The words of ``stack:``."""
        return dict(word.split("=", 1) for word in self.values.get("stack", "").split() if "=" in word)


def header(text: str, path: str) -> CorpusHeader:
    """Read it; ``InputError`` for a key that is nearly one, or a word of ``stack:`` that is none."""
    values: dict[str, str] = {}
    where: dict[str, Word] = {}
    problems: list[Problem] = []
    key = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            break
        match, more = _HEADER.fullmatch(line.rstrip()), _MORE.fullmatch(line.rstrip())
        if match and match.group(1) in KEYS:
            key = match.group(1)
            values[key] = match.group(2)
            where[key] = Word(key, Location(path, number, match.start(1) + 1))
        elif more and key:
            values[key] += " " + more.group(1)
        elif match and (near := nearest(match.group(1), KEYS)) and edits(match.group(1), near) == 1:
            place = Location(path, number, match.start(1) + 1)
            problems.append(Problem(place, f"there is no key {match.group(1)!r} of a header", "", near))
    found = CorpusHeader(values, where)
    for word in values.get("stack", "").split():
        name = word.partition("=")[0]
        if "=" not in word or name not in STACK:
            known = ", ".join(f"{each}=" for each in STACK)
            problems.append(where["stack"].problem(f"{word!r} of stack", known, nearest(name, STACK)))
    for kind, _ in found.faults:
        if kind not in FAULTS:
            near = nearest(kind, FAULTS)
            problems.append(where["fault"].problem(f"{kind!r} of fault", ", ".join(FAULTS), near))
    if problems:
        raise InputError(problems)
    return found


def scenario(path: Path) -> tuple[str, int]:
    """The scenario that the file means, as YAML, and the line of its first program; ``InputError``."""
    programs = check_file(path)
    head = header(path.read_text(encoding="utf-8"), str(path))
    return scenario_text(path.stem, programs, head), programs[0].first


def scenario_text(name: str, programs: Sequence[Checked], head: CorpusHeader) -> str:
    """YAML of a scenario ``name`` that runs ``programs`` on the stack of ``head``."""
    claims = [word for word in re.split(r"[,\s]+", head.values.get("claims", "")) if word]
    if not claims:
        claims = sorted({claim for each in programs for claim in claims_of(each.program)})
    comments = [f"# {key}: {value}" for key, value in head.values.items()]
    summary = head.values.get("what", "") or f"the programs of {name}"
    return scenario_of(
        "\n".join([f"# From the programs of {name}.nvl (docs/programs.md).", *comments]),
        name,
        json.dumps(summary[:SUMMARY_MAX], ensure_ascii=False),
        claims,
        stack_lines(head.stack),
        [each.script() for each in programs],
        sum(bool(needs(each.program) & NOT_NESTED) for each in programs),
    )


def stack_lines(words: Mapping[str, str]) -> list[str]:
    """A scenario's stack; ``WIDE`` and the quick lane's timing where the header names none."""
    chosen = {"model": WIDE, "timing": LANES[0].timing, **words}
    lines = [f"{key}: {chosen[key]}" for key in ("model", "timing", "sanitize") if key in chosen]
    l0 = [f"cpus: {chosen['l0-cpus']}"] if "l0-cpus" in chosen else []
    l0 += [f"kernel: {chosen['kernel']}"] if "kernel" in chosen else []
    return lines + (["l0: {" + ", ".join(l0) + "}"] if l0 else [])


def corpus_text(checked: Checked, head: CorpusHeader) -> str:
    """A program as a file of its own, with the header of the one that it comes from."""
    lines = [f"# {key}: {head.values[key]}" for key in KEYS if key in head.values]
    return "\n".join([*lines, plain(checked.program, checked.name, checked.allowed)])
