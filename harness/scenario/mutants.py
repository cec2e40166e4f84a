# SPDX-License-Identifier: GPL-2.0-only
"""The table of L0 kernels with an injected fault, ``images/mutants.yaml``: what is wrong, and what must find
it.

A mutant is a value of the parameter ``mutant`` of KVM in the kernel ``nv-mutants``
(images/kernels/series/mutants). The table imports neither scenarios nor cells: a killer is a cell's id.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from harness.document.data_files import load_document
from harness.document.nodes import Node, listing
from harness.document.yaml_reader import read
from harness.errors import InputError, Problem, refuse_others
from harness.host.paths import IMAGES
from harness.level import Level
from harness.scenario.defaults import MUTANT_KERNELS

FILE = IMAGES / "mutants.yaml"
GUEST_FILE = IMAGES / "guest-mutants.yaml"
"""The same table for the kernel nv-guest-mutants, whose faults are those of KVM at L1."""
TABLES = {Level.L0: FILE, Level.L1: GUEST_FILE}
NONE = "none"
"""The name under which the kernel is the correct one: the control."""

NAME = {
    "type": "string",
    "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
    "maxLength": 39,
    "x-expected": "a name of at most 39 lower-case letters, digits and dashes",
}
TEXT = {"type": "string", "minLength": 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["mutants"],
    "additionalProperties": False,
    "properties": {
        "mutants": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["mutant", "fault", "at", "killers"],
                "additionalProperties": False,
                "properties": {
                    "mutant": NAME,
                    "fault": TEXT,
                    "at": TEXT,
                    "killers": {"type": "array", "minItems": 1, "items": TEXT},
                    "survives": TEXT,
                },
            },
        }
    },
}


class NamedRow(Protocol):
    """A row of a table of faults."""

    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=NamedRow)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One kernel with an injected fault: ``fault`` in words, ``at`` the function of KVM, ``killers`` ids of
    cells.

    ``survives`` explains why no scenario can see the fault on the shipped models; empty when one must.
    """

    name: str
    fault: str
    at: str
    killers: tuple[str, ...]
    survives: str = ""


def load(path: Path = FILE) -> tuple[Mutant, ...]:
    """Return the rows in file order; ``InputError`` with every defect of the file."""
    rows = load_document(path, SCHEMA)["mutants"]
    found = read(path).map["mutants"].items
    if problems := [*repeated(found, "mutant", "kernel"), *_repeated_killers(found)]:
        raise InputError(problems)
    return tuple(
        Mutant(row["mutant"], row["fault"], row["at"], tuple(row["killers"]), row.get("survives", ""))
        for row in rows
    )


def repeated(rows: Sequence[Node], key: str, of: str) -> Iterator[Problem]:
    """Problems of rows whose name, under ``key``, is another row's or that of the correct kernel or model."""
    seen: dict[str, Node] = {}
    for row in rows:
        name = row.map[key]
        text = name.text or ""
        if text == NONE:
            yield name.problem(f"a {key} {NONE!r}, which is the correct {of}'s name", "another name")
        elif text in seen:
            yield name.problem(f"a second {key} {text!r}", f"a name of its own (first at {seen[text].where})")
        seen.setdefault(text, name)


def _repeated_killers(rows: Sequence[Node]) -> Iterator[Problem]:
    for row in rows:
        killers: set[str] = set()
        for killer in row.map["killers"].items:
            if (killer.text or "") in killers:
                yield killer.problem(f"{killer.text} a second time", "each killer once")
            killers.add(killer.text or "")


def names(path: Path = FILE) -> tuple[str, ...]:
    """Return every value of the kernel's parameter that the table knows, the control first."""
    return (NONE, *(mutant.name for mutant in load(path)))


def kernel_with(mutant: str, level: Level) -> str:
    """Return the kernel that has ``mutant`` for ``level``.

    L1 may have a fault of a host as well, because it is one to an L2 with an EL2; where both tables have the
    name, it is the guest hypervisor's.
    """
    if level is Level.L1 and mutant not in _of_guests():
        level = Level.L0
    return MUTANT_KERNELS[level]


@functools.cache
def _of_guests() -> frozenset[str]:
    return frozenset(names(GUEST_FILE))


def choose(rows: Sequence[R], wanted: Sequence[str], what: str = "mutant") -> tuple[R, ...]:
    """Return the rows called ``wanted``, all for none; ``UserError`` with the closest names."""
    known = [row.name for row in rows]
    refuse_others(wanted, known, lambda name: f"no {what} {name!r}; expected {listing(known)}")
    return tuple(row for row in rows if not wanted or row.name in wanted)
