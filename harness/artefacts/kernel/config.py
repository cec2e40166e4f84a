# SPDX-License-Identifier: GPL-2.0-only
"""Config fragments: joined into one, and what became of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.errors import InputError, Location, Problem

_SET = re.compile(r"(CONFIG_[A-Za-z0-9_]+)=(y|m|n|-?\d+|0x[0-9a-fA-F]+|\".*\")")
_UNSET = re.compile(r"# (CONFIG_[A-Za-z0-9_]+) is not set")


def join(fragments: Iterable[Path]) -> str:
    """Return the fragments' settings, one line per option; a later fragment overrides an earlier one.

    ``InputError`` for lines that are neither a setting, nor ``# CONFIG_X is not set``, nor a comment.
    """
    lines: dict[str, str] = {}
    problems = []
    for fragment in fragments:
        for number, line in enumerate(fragment.read_text(encoding="utf-8").splitlines(), 1):
            text = line.strip()
            if match := _SET.fullmatch(text) or _UNSET.fullmatch(text):
                lines.pop(match[1], None)
                lines[match[1]] = text
            elif text and (not text.startswith("#") or text.startswith("# CONFIG_")):
                where = Location(str(fragment), number)
                problems.append(Problem(where, f"{text!r}", "CONFIG_X=value or # CONFIG_X is not set"))
    if problems:
        raise InputError(problems)
    return "\n".join(lines.values()) + "\n"


def read(path: Path) -> dict[str, str]:
    """Return the options that a ``.config`` sets."""
    return {m[1]: m[2] for m in map(_SET.fullmatch, path.read_text(encoding="utf-8").splitlines()) if m}


def unmet(wanted: str, final: Mapping[str, str]) -> list[str]:
    """Return the wanted settings that the kernel's Kconfig did not accept (absent or overruled)."""
    missing = []
    for line in wanted.splitlines():
        if (match := _SET.fullmatch(line)) and match[2] != "n":
            if final.get(match[1]) != match[2]:
                missing.append(line)
        elif (match := _UNSET.fullmatch(line) or match) and match[1] in final:
            missing.append(line)
    return missing
