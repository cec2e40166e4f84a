# SPDX-License-Identifier: GPL-2.0-only
"""Random programs of the default run: drawn from a seed, chosen so that they cover each other's dimensions.

A group has some kinds of programs. Of each kind, granule, number of CPUs and hidden feature that there is,
candidates are drawn; those stay that can show something and in which a pair of dimensions is new.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.arch.operand import decode
from harness.program.addresses import NAMES
from harness.program.generate import ALL_FEATURES, generate
from harness.program.kinds import KINDS, ProgramKind
from harness.program.program import Access, At, Cpu, Host, Map, Program, Sample, Spin, Tlbi, World
from harness.program.script import script
from harness.program.shape import Shape
from harness.program.sharp import reports_known, sharp_actions, shows_known

Point = frozenset[tuple[str, str]]
"""Two dimensions with a value each."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A group. ``candidates``: drawn for each shape, of which at most ``most`` stay. ``features``: of L1."""

    name: str
    about: str
    kinds: tuple[str, ...]
    candidates: int
    most: int
    features: frozenset[str] = ALL_FEATURES


@dataclass(frozen=True, slots=True)
class Drawn:
    """One program by name. ``sharp``: how many of its observations its own operations decide."""

    name: str
    program: Program
    sharp: int


def shapes(kind: ProgramKind, seed: str) -> Iterator[Shape]:
    """Yield a shape for each granule, number of CPUs and hidden feature that ``kind`` has."""
    combinations = itertools.product(
        dict.fromkeys(kind.granules), dict.fromkeys(kind.cpus), dict.fromkeys(kind.hides)
    )
    for granule, cpus, hide in combinations:
        only = replace(kind, granules=(granule,), cpus=(cpus,), hides=(hide,))
        yield only.shape(random.Random(f"{seed} {kind.name} {granule} {cpus} {hide}"))


def draw(group: Drawing, seed: str) -> list[Drawn]:
    """Return the programs of ``group``; the same for the same seed and generator."""
    found: list[Drawn] = []
    for name in group.kinds:
        have: set[Point] = set()
        for number, shape in enumerate(shapes(KINDS[name], seed)):
            found += _of_shape(group, f"{seed} {number}", name, shape, have)
    return found


def _of_shape(group: Drawing, seed: str, kind: str, shape: Shape, have: set[Point]) -> Iterator[Drawn]:
    """Yield what one VM runs. A candidate stays for what it adds to ``have``, the greatest gain first."""
    found: list[tuple[Drawn, set[Point]]] = []
    for window in range(group.candidates):
        program = generate(seed, kind, window, group.features, shape)
        sharp = sum(sharp_actions(program))
        if (sharp or kind in ("traps", "hidden", "events", "types")) and not (
            shows_known(program) or reports_known(program)
        ):
            words = (kind, NAMES[shape.shift], str(shape.cpus), shape.hide, str(window))
            found.append((Drawn("-".join(filter(None, words)), program, sharp), points(program)))
    for _ in range(min(group.most, len(found))):
        best = max(found, key=lambda each: len(each[1] - have))
        if not best[1] - have:
            return
        have |= best[1]
        found.remove(best)
        yield best[0]


def points(program: Program) -> set[Point]:
    """Return every pair of dimensions of every operation: what it is, what went before, who looks after."""
    found: set[Point] = set()
    for at, action in enumerate(program.actions):
        if isinstance(action, Tlbi | At | Host):
            sides = {**_of_world(program.world), **_operation(action, program.world), **_before(program, at)}
            for look in _looks(program, at) or {"nobody"}:
                pairs = itertools.combinations(sorted({**sides, "look": look}.items()), 2)
                found |= {frozenset(pair) for pair in pairs}
    return found


def _of_world(world: World) -> dict[str, str]:
    return {"granule": NAMES[world.shift], "cpus": str(world.cpus), "hidden": world.hide}


def _operation(action: Tlbi | At | Host, world: World) -> dict[str, str]:
    if isinstance(action, Host):
        return {"op": f"host {action.action}"}
    context = world.contexts[action.ctx]
    state = {
        "stages": f"{'s1' if context.s1 else ''}{'s2' if context.s2 else ''}",
        "tge": str(context.tge),
        "vncr": str(context.vncr is not None),
        "traps": " ".join(sorted(context.traps)),
        "cnp": str(context.cnp),
    }
    if isinstance(action, At):
        return {"op": f"at {action.op}", **state}
    fields = decode(action.operation, action.xt)
    return {
        "op": action.op,
        "by": "L2" if action.by_l2 else "L1",
        "ttl": str(fields.ttl),
        "scale": str(fields.scale),
        "num": str(fields.num),
        **state,
    }


def _before(program: Program, at: int) -> dict[str, str]:
    """Return the last change of a table, whether it was of this CPU, and who spins."""
    other, spins = False, ""
    for action in program.actions[:at]:
        if isinstance(action, Spin):
            spins = action.where
    for action in reversed(program.actions[:at]):
        if isinstance(action, Cpu):
            other = not other
        if isinstance(action, Map):
            what = "protect" if action.to is not None else "remove"
            change = f"{what} {action.stage} {action.level} {'c' if 'c' in action.perms else ''}"
            return {"change": change, "changed by": "other" if other else "own", "spins": spins}
    return {"change": "none", "spins": spins}


def _looks(program: Program, at: int) -> set[str]:
    """Return who looks after the operation, until the next change of a table."""
    found, other = set(), False
    for action in program.actions[at + 1 :]:
        if isinstance(action, Map):
            break
        if isinstance(action, Cpu):
            other = not other
        if isinstance(action, Access):
            found.add(f"{action.kind} {'EL0' if action.el0 else ''} {'other' if other else 'own'}")
        if isinstance(action, Sample):
            found.add("sample")
    return found


def text(drawn: list[Drawn]) -> str:
    """Return them as nvh-litmus reads them, with how many there are."""
    scripts = (script(each.program, each.name) for each in drawn)
    return "".join((f"programs {len(drawn)}\n", *scripts))
