# SPDX-License-Identifier: GPL-2.0-only
"""Reads what the setup and collect scripts print: facts, sections, per-CPU statistics, probe misses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.trace.tracefs_shell import FACT, SECTION

_STAT = re.compile(r"([a-z][a-z ]*): *(-?\d+)")


@dataclass(slots=True)
class Facts:
    """What a level's setup said. ``realised`` and ``missing`` are by full event name."""

    realised: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    enabled: list[tuple[str, str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    ready: bool = False


@dataclass(slots=True)
class Collected:
    """The sections of a collection; ``first_line`` is the line number of the trace's first line."""

    stats: dict[int, Mapping[str, int]] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)
    first_line: int = 1
    doubts: list[str] = field(default_factory=list)


def parse_facts(text: str) -> Facts:
    """Read the output of a setup script; whatever it does not understand becomes a doubt."""
    facts = Facts()
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word != FACT:
            if word:
                facts.doubts.append(f"tracing setup printed {line.strip()!r}")
            continue
        key, _, value = rest.partition(" ")
        if key == "realisation":
            name, _, how = value.partition(" ")
            facts.realised[name] = how
        elif key == "missing":
            name, _, why = value.partition(" ")
            facts.missing[name] = why.strip().rstrip(";") or "no reason given"
        elif key == "enabled":
            system, _, event = value.partition(":")
            facts.enabled.append((system, event))
        elif key == "ready":
            facts.ready = True
        elif key in ("fatal", "doubt"):
            facts.doubts.append(value)
        elif key not in ("buffer", "probe", "absent", "failed"):
            facts.doubts.append(f"tracing setup printed an unknown fact {key!r}")
    if not facts.ready:
        facts.doubts.append("tracing setup did not finish")
    return facts


def parse_collected(text: str) -> Collected:
    """Split the output of the collect script; a cut or garbled one leaves doubts."""
    result = Collected()
    section = ""
    cpu_text: dict[int, list[str]] = {}
    cpu = -1
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(SECTION + " "):
            section, _, argument = line[len(SECTION) + 1 :].partition(" ")
            if section == "stats":
                cpu = int(argument) if argument.isdigit() else -1
                cpu_text[cpu] = []
            elif section == "trace":
                result.first_line = number + 1
        elif section == "stats":
            cpu_text[cpu].append(line)
            if line.strip() and not _STAT.match(line.strip()):
                result.doubts.append(f"the loss statistics hold {line.strip()[:120]!r}")
        elif section == "profile":
            words = line.split()
            if len(words) >= 3 and words[-1].isdigit() and int(words[-1]):
                result.misses[words[0]] = int(words[-1])
        elif section == "trace":
            result.trace.append(line)
        elif line.startswith(f"{FACT} tracing-on"):
            if not line.endswith(" 0"):
                result.doubts.append("the trace was read while it was still recording")
        elif line.strip():
            result.doubts.append(f"collection printed {line.strip()!r}")
    if section != "end":
        result.doubts.append("the collected trace is cut short")
        if result.trace and not text.endswith("\n"):
            result.trace.pop()  # half a line may look like a whole one with other values
    for each, lines in cpu_text.items():
        result.stats[each] = {m[1]: int(m[2]) for m in map(_STAT.match, map(str.strip, lines)) if m}
        if not {"overrun", "dropped events"} <= set(result.stats[each]):
            result.doubts.append(f"no loss statistics for cpu {each}")
    if not cpu_text:
        result.doubts.append("no loss statistics")
    return result
