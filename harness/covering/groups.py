# SPDX-License-Identifier: GPL-2.0-only
"""The groups of ``images/covering.yaml``, and the cases that each of them has."""

from __future__ import annotations

import fnmatch
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.covering.arrays import cover
from harness.covering.cases import CoveringCase
from harness.covering.programs import Drawing
from harness.document.data_files import load_document
from harness.errors import UserError
from harness.host.paths import IMAGES
from harness.program.generate import ALL_FEATURES
from harness.program.kinds import KINDS

Place = tuple[str, str, str] | None
"""Operation with its scope, regime, granule."""

FILE = IMAGES / "covering.yaml"
GLOBS = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
TEXT = {"type": "string", "minLength": 1}
NAME = {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["groups", "left-out", "seed", "programs", "kills"],
    "additionalProperties": False,
    "properties": {
        "groups": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["group", "about", "cases", "strength"],
                "additionalProperties": False,
                "properties": {
                    "group": NAME,
                    "about": TEXT,
                    "cases": GLOBS,
                    "skip": GLOBS,
                    "strength": {"type": "integer", "minimum": 1, "maximum": 3},
                },
            },
        },
        "left-out": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["cases", "why"],
                "additionalProperties": False,
                "properties": {"cases": GLOBS, "why": TEXT},
            },
        },
        "seed": TEXT,
        "programs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["group", "about", "kinds", "candidates", "most"],
                "additionalProperties": False,
                "properties": {
                    "group": NAME,
                    "about": TEXT,
                    "kinds": {"type": "array", "minItems": 1, "items": {"enum": [*KINDS]}},
                    "candidates": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "most": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "features": {"type": "array", "items": {"enum": sorted(ALL_FEATURES)}},
                },
            },
        },
        "kills": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
    },
}


@dataclass(frozen=True, slots=True)
class CoveringGroup:
    """What one cell runs: globs of names, and how many dimensions at once are covered."""

    name: str
    about: str
    cases: tuple[str, ...]
    skip: tuple[str, ...]
    strength: int

    def has(self, name: str) -> bool:
        """Whether a case of that name may be chosen for this group."""
        return _any(name, self.cases) and not _any(name, self.skip)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Cases that no group takes, and why."""

    cases: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The file. ``kills``: how many mutants a family killed first. ``drawings`` are made from ``seed``."""

    groups: tuple[CoveringGroup, ...]
    left_out: tuple[LeftOut, ...]
    kills: Mapping[str, int]
    seed: str = ""
    drawings: tuple[Drawing, ...] = ()


def load(path: Path = FILE) -> Rules:
    """Return the rules; ``InputError`` with every defect of the file."""
    data = load_document(path, SCHEMA)
    return Rules(
        tuple(
            CoveringGroup(
                row["group"], row["about"], tuple(row["cases"]), tuple(row.get("skip", ())), row["strength"]
            )
            for row in data["groups"]
        ),
        tuple(LeftOut(tuple(row["cases"]), row["why"]) for row in data["left-out"]),
        data["kills"],
        data["seed"],
        tuple(
            Drawing(
                row["group"],
                row["about"],
                tuple(row["kinds"]),
                row["candidates"],
                row["most"],
                frozenset(row.get("features", ALL_FEATURES)),
            )
            for row in data["programs"]
        ),
    )


def candidates(rules: Rules, cases: Iterable[CoveringCase]) -> dict[str, list[CoveringCase]]:
    """Return the cases that each group may choose from; a case is of the first group that may have it.

    Raises ``UserError`` for cases that are of no group and not left out, with their families, and for a group
    without any.
    """
    found: dict[str, list[CoveringCase]] = {group.name: [] for group in rules.groups}
    nobody: set[str] = set()
    reasons = [glob for row in rules.left_out for glob in row.cases]
    defects = [glob for row in rules.left_out if "red on" in row.why for glob in row.cases]
    for case in cases:
        if case.name.startswith("provoke-") or _any(case.name, defects):
            continue
        group = next((group for group in rules.groups if group.has(case.name)), None)
        if group:
            found[group.name].append(case)
        elif not _any(case.name, reasons):
            nobody.add(case.family)
    if nobody:
        raise UserError(
            f"no group of images/{FILE.name} has cases of {', '.join(sorted(nobody))}; add NAME/* to the "
            "cases of a group, or to left-out with the reason"
        )
    if empty := [name for name, each in found.items() if not each]:
        raise UserError(f"no case is of the groups {', '.join(empty)} of {FILE.name}")
    return found


def choose_all(rules: Rules, cases: Sequence[CoveringCase]) -> dict[str, list[CoveringCase]]:
    """Return the selection of each group, in the order of the rules; raises what ``candidates`` raises."""
    found = candidates(rules, cases)
    have: set[Place] = set()
    chosen = {}
    for group in rules.groups:
        chosen[group.name] = choose(found[group.name], group.strength, rules.kills, have)
        have |= {case.place for case in chosen[group.name] if case.obliges}
    return chosen


def choose(
    cases: Sequence[CoveringCase], strength: int, kills: Mapping[str, int], have: Collection[Place] = ()
) -> list[CoveringCase]:
    """Return the covering selection of ``cases``, what killed most mutants first.

    Of each family: the cases that oblige, by ``strength``; each value of the others; and then, for every
    operation, regime and granule that neither ``have`` nor the chosen cases have, a case that obliges.
    """
    families: dict[str, list[CoveringCase]] = defaultdict(list)
    for case in cases:
        families[case.family].append(case)
    chosen: dict[str, list[CoveringCase]] = {}
    for family, each in families.items():
        obliging = [case for case in each if case.obliges]
        others = [case for case in each if not case.obliges]
        chosen[family] = [obliging[i] for i in cover([case.factors for case in obliging], strength)]
        weaker = 1 if obliging else strength
        chosen[family] += [others[i] for i in cover([case.factors for case in others], weaker)]
    done = {case.place for each in chosen.values() for case in each if case.obliges}.union(have)
    for place, case in _missing([case for case in cases if case.obliges], chosen):
        if place not in done:
            chosen[case.family].append(case)
            done.add(place)
    order = sorted(chosen, key=lambda family: -kills.get(family, 0))
    return [case for family in order for case in chosen[family]]


def _missing(
    cases: Sequence[CoveringCase], chosen: Mapping[str, Sequence[CoveringCase]]
) -> Iterator[tuple[Place, CoveringCase]]:
    """Yield each place with its case in the family that has fewest chosen ones."""
    by_place: dict[Place, list[CoveringCase]] = defaultdict(list)
    for case in cases:
        if case.place is not None:
            by_place[case.place].append(case)
    for place, each in by_place.items():
        yield place, min(each, key=lambda case: len(chosen[case.family]))


def _any(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)
