# SPDX-License-Identifier: GPL-2.0-only
"""What each litmus case is made of: the lines of ``nvh-litmus --describe`` (docs/litmus.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.arch.table import by_name
from harness.errors import InputError, Location, Problem, UserError

KEYS = (
    "case",
    "op",
    "regime",
    "granule",
    "scope",
    "l1",
    "size",
    "position",
    "hint",
    "scale",
    "num",
    "variant",
    "place",
    "el0",
    "tge",
    "nv",
    "ds",
    "role",
    "cpus",
    "beside",
    "pes",
    "walks",
    "obliged",
    "vm",
)
FACTORS = (
    "operation",
    "operand",
    "last-level",
    "nxs",
    "scope",
    "granule",
    "size",
    "position",
    "hint",
    "scale",
    "num",
    "variant",
    "place",
    "el0",
    "tge",
    "nv",
    "role",
    "cpus",
    "l1",
    "regime",
    "ds",
)
"""The dimensions of a case whose combinations are covered; ``operation`` is the family of Arm ARM C5.5."""


@dataclass(frozen=True, slots=True)
class CoveringCase:
    """One case. ``words``: its line; ``factors``: a value for each of ``FACTORS``."""

    name: str
    words: Mapping[str, str]
    factors: Mapping[str, str]

    @property
    def family(self) -> str:
        """The part of the name before the first slash."""
        return self.name.partition("/")[0]

    @property
    def obliges(self) -> bool:
        """Whether the case looks at something that has to be gone, trapped or undefined."""
        return self.words["obliged"] != "no"

    @property
    def place(self) -> tuple[str, str, str] | None:
        """Operation (with its scope), regime, granule; None where no operation has to take anything away."""
        words = self.words
        return (words["op"], words["regime"], words["granule"]) if words["obliged"] == "yes" else None

    @property
    def vm(self) -> str:
        """Cases with the same word share a VM."""
        return self.words["vm"]


def parse(text: str, source: str) -> list[CoveringCase]:
    """Return the cases of ``text``; ``InputError`` with every line that is none."""
    cases, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = dict(word.partition("=")[::2] for word in line.split())
        if tuple(words) != KEYS or not all(words.values()):
            problems.append(
                Problem(Location(source, number), f"not a case: {line[:80]!r}", f"words {', '.join(KEYS)}")
            )
            continue
        try:
            cases.append(CoveringCase(words["case"], words, _factors(words)))
        except UserError as error:
            problems.append(Problem(Location(source, number), str(error)))
    if problems:
        raise InputError(problems)
    return cases


def _factors(words: Mapping[str, str]) -> dict[str, str]:
    found = {key: words[key] for key in FACTORS if key in words}
    if words["op"] == "none":
        return {**found, "operation": "none", "operand": "none", "last-level": "none", "nxs": "none"}
    operation = by_name(words["op"])
    return {
        **found,
        "operation": operation.family,
        "operand": operation.operand.value,
        "last-level": str(operation.last_level),
        "nxs": str(operation.nxs),
    }
