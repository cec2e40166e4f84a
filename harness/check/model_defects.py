# SPDX-License-Identifier: GPL-2.0-only
"""Wrong answers that are known of a model: images/model-defects.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.check.answers import Wrong
from harness.document.data_files import load_document
from harness.errors import InputError, Location, Problem
from harness.host.paths import IMAGES

FILE = IMAGES / "model-defects.yaml"
VERSION = re.compile(r">= ([0-9]+(?:\.[0-9]+)*)(?: < ([0-9]+(?:\.[0-9]+)*))?")
TEXT = {"type": "string", "minLength": 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["defects"],
    "additionalProperties": False,
    "properties": {
        "defects": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["defect", "summary", "model", "group", "case", "seen"],
                "additionalProperties": False,
                "properties": dict.fromkeys(("defect", "summary", "model", "group", "case", "seen"), TEXT),
            },
        }
    },
}


@dataclass(frozen=True, slots=True)
class ModelDefect:
    """A known defect: of QEMU from version ``since`` on, before ``until`` if that is not empty.

    ``case`` and ``seen`` are matched whole: what was asked, and what the model answered, in hexadecimal.
    Another wrong answer to the same question is not the defect's.
    """

    name: str
    summary: str
    since: tuple[int, ...]
    until: tuple[int, ...]
    group: str
    case: re.Pattern[str]
    seen: re.Pattern[str]

    def of(self, version: str) -> bool:
        """Whether a QEMU of this version has it."""
        found = number(version)
        return self.since <= found and (not self.until or found < self.until)

    def explains(self, wrong: Wrong) -> bool:
        """Whether this wrong answer is the defect's."""
        asked = wrong.group == self.group and self.case.fullmatch(wrong.case)
        return bool(asked and self.seen.fullmatch(f"{wrong.seen:#x}"))


def number(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: ``11.1.3 (Debian ...)`` is (11, 1, 3)."""
    match = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def load(path: Path = FILE) -> tuple[ModelDefect, ...]:
    """Read the table; ``InputError`` for a version or an expression that makes no sense."""
    problems, found = [], []
    for row in load_document(path, SCHEMA)["defects"]:
        match = VERSION.fullmatch(row["model"])
        if match is None:
            problems.append(
                Problem(Location(str(path)), f"the versions {row['model']!r}", "such as '>= 9.1 < 11.2'")
            )
            continue
        try:
            case, seen = re.compile(row["case"]), re.compile(row["seen"])
        except re.error as error:
            wrong = f"the expressions {row['case']!r} and {row['seen']!r}: {error}"
            problems.append(Problem(Location(str(path)), wrong))
            continue
        since, until = number(match[1]), number(match[2] or "")
        found.append(ModelDefect(row["defect"], row["summary"], since, until, row["group"], case, seen))
    if problems:
        raise InputError(problems)
    return tuple(found)


def known(
    wrong: Iterable[Wrong], version: str, defects: Sequence[ModelDefect]
) -> tuple[tuple[Wrong, ...], dict[str, int]]:
    """Return the wrong answers that no defect of this version explains, and how many each defect does."""
    chosen = [each for each in defects if each.of(version)]
    counts = {each.name: 0 for each in chosen}
    new = []
    for answer in wrong:
        for defect in chosen:
            if defect.explains(answer):
                counts[defect.name] += 1
                break
        else:
            new.append(answer)
    return tuple(new), counts
