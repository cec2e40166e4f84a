# SPDX-License-Identifier: GPL-2.0-only
"""A failing program made short: ddmin over its actions, then simpler operands, each step executed.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002. A candidate
counts when it is legal by break-before-make and fails for the same reason (``reason_of``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.arch.operand import decode
from harness.arch.table import Shareability, by_name, load
from harness.program.addresses import E2_ASID, EVENT_PA
from harness.program.allowed import allowed_of, illegal
from harness.program.program import (
    BESIDE,
    Access,
    Action,
    Cpu,
    Host,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    loads,
    make_operand,
    other_vm_at,
)
from harness.reproduce.hunt.program_findings import SANITIZER, ProgramFinding, outcome_class

RUNS_MAX = 120
Fails = Callable[[Program], ProgramFinding | None]
"""Runs a program on the machine, alone and in a VM of its own; what is wrong with it, or None."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The short program, what is wrong with it, and how many runs it took."""

    program: Program
    finding: ProgramFinding
    runs: int


def reason_of(program: Program, finding: ProgramFinding) -> tuple[str, str]:
    """What has to stay while a program shrinks: what kind of thing was seen, and where."""
    action = program.actions[finding.action]
    if finding.saw.startswith(SANITIZER):
        return finding.saw, ""
    return outcome_class(finding.saw), type(action).__name__


def sensible(program: Program) -> bool:
    """Whether a candidate can be run: legal, spins begun before they are looked at, CPUs that exist.

    Event memory holds what the reference model says only from ``host set-up`` on; another VM ends once it has
    begun. Each context that one CPU alone loads is loaded by that CPU: less a ``Cpu``, another one would. CPU
    0 alone asks the host for something, and no CPU waits for itself to spin.
    """
    spinning: set[int] = set()
    cpu, prepared = 0, False
    for action in program.actions:
        for context, who in loads(action, cpu, len(program.world.contexts)):
            if program.world.contexts[context].pe not in (None, who):
                return False
        if (isinstance(action, Host) and cpu) or (isinstance(action, Spin) and action.cpu == cpu):
            return False
        if isinstance(action, Host):
            prepared |= action.action == "set-up"
        if not prepared and _needs_event_memory(action):
            return False
        if isinstance(action, Spin):
            spinning.add(action.cpu)
        elif isinstance(action, Sample | Stop):
            if action.cpu not in spinning:
                return False
            spinning -= {action.cpu} if isinstance(action, Stop) else set()
        elif isinstance(action, Cpu) and (action.cpu in spinning or action.cpu >= program.world.cpus):
            return False
        if isinstance(action, Cpu):
            cpu = action.cpu
    return not illegal(program) and other_vm_at(program.actions) < 0


def _needs_event_memory(action: Action) -> bool:
    if isinstance(action, Map):
        return action.stage != "s1" and (action.to or 0) >= EVENT_PA  # stage 1 leads to an IPA
    return isinstance(action, Host) and action.action not in BESIDE


def could_fail(program: Program, saw: str) -> bool:
    """Whether ``saw`` is forbidden at the last action: no need to run the program otherwise."""
    if saw.startswith(SANITIZER):
        return True
    may = allowed_of(program)[-1]
    return may is not None and saw not in may


class Shrinker:
    """``fails`` runs a candidate; ``budget`` is how many runs it may take."""

    def __init__(self, fails: Fails, budget: int = RUNS_MAX) -> None:
        self._fails = fails
        self._budget = budget
        self.runs = 0
        self._seen: dict[Program, ProgramFinding | None] = {}

    def shrink(self, program: Program, finding: ProgramFinding) -> Shrunk:
        """Make ``program``, which fails with ``finding``, as short as the budget allows."""
        reason = reason_of(program, finding)
        program = program.with_actions(program.actions[: finding.action + 1])
        program, finding = self._fixpoint(program, finding, reason)
        return Shrunk(program, finding, self.runs)

    def _fixpoint(
        self, program: Program, finding: ProgramFinding, reason: tuple[str, str]
    ) -> tuple[Program, ProgramFinding]:
        while True:
            before = program
            for candidates in (without_tail, without_chunks, without_pairs, simpler):
                program, finding = self._greedy(program, finding, reason, candidates)
            if program == before or self.runs >= self._budget:
                return program, finding

    def _greedy(
        self,
        program: Program,
        finding: ProgramFinding,
        reason: tuple[str, str],
        candidates: Callable[[Program], Iterator[Program]],
    ) -> tuple[Program, ProgramFinding]:
        """Take the first candidate that still fails, and begin again with it, until none does."""
        again = True
        while again:
            again = False
            for candidate in candidates(program):
                found = self._try(candidate, finding.saw)
                if found is not None and reason_of(candidate, found) == reason:
                    program = candidate.with_actions(candidate.actions[: found.action + 1])
                    finding, again = found, True
                    break
                if self.runs >= self._budget:
                    return program, finding
        return program, finding

    def _try(self, candidate: Program, saw: str) -> ProgramFinding | None:
        if candidate not in self._seen:
            ok = bool(candidate.actions) and sensible(candidate) and could_fail(candidate, saw)
            self.runs += ok
            self._seen[candidate] = self._fails(candidate) if ok else None
        return self._seen[candidate]


def without_tail(program: Program) -> Iterator[Program]:
    """The program less its last actions: a report about no one action may not need them."""
    size = len(program.actions) // 2
    while size:
        yield program.with_actions(program.actions[:-size])
        size //= 2


def without_chunks(program: Program) -> Iterator[Program]:
    """The program less a chunk of its actions, large chunks first; the last action, which fails, stays."""
    actions = program.actions
    size = max(1, (len(actions) - 1) // 2)
    while size:
        for start in range(0, len(actions) - 1, size):
            yield program.with_actions((*actions[:start], *actions[min(start + size, len(actions) - 1) :]))
        size //= 2


def without_pairs(program: Program) -> Iterator[Program]:
    """The program less two actions that need each other: a map and its unmap, a spin and its stop, hops."""
    actions = program.actions
    for i in range(len(actions) - 1):
        for j in range(i + 1, len(actions) - 1):
            if _belong(actions[i], actions[j]):
                yield program.with_actions((*actions[:i], *actions[i + 1 : j], *actions[j + 1 :]))


def _belong(one: Action, other: Action) -> bool:
    if isinstance(one, Map) and isinstance(other, Map):
        return (one.stage, one.at) == (other.stage, other.at) and other.to is None
    return (isinstance(one, Cpu) and isinstance(other, Cpu)) or (
        isinstance(one, Spin) and isinstance(other, Stop)
    )


def simpler(program: Program) -> Iterator[Program]:
    """The program with a simpler world, or one action simpler."""
    yield from simpler_worlds(program)
    for i, action in enumerate(program.actions):
        for each in simpler_actions(program, action):
            yield program.with_actions((*program.actions[:i], each, *program.actions[i + 1 :]))


def simpler_worlds(program: Program) -> Iterator[Program]:
    """Alone in the TLB; one CPU where no other is used; without the last context where it is not."""
    world = program.world
    if world.pressure:
        yield dataclasses.replace(program, world=dataclasses.replace(world, pressure=0))
    others = any(isinstance(a, Spin | Cpu) for a in program.actions)
    if world.cpus > 1 and not others:
        yield dataclasses.replace(program, world=dataclasses.replace(world, cpus=1))
    used = {getattr(a, "ctx", 0) for a in program.actions}
    last = len(world.contexts) - 1
    if last > 0 and last not in used:
        yield dataclasses.replace(program, world=dataclasses.replace(world, contexts=world.contexts[:-1]))


def simpler_actions(program: Program, action: Action) -> Iterator[Action]:
    """Simpler forms of one action: EL1 for EL0, a read, all permissions, a plain operand, the IS or local
    form."""
    if isinstance(action, Access) and action.el0:
        yield dataclasses.replace(action, el0=False)
    if isinstance(action, Map) and action.to is not None and action.stage == "s2" and action.perms != "rwx":
        yield dataclasses.replace(action, perms="rwx")
    if isinstance(action, Tlbi):
        yield from _simpler_tlbi(program, action)


def _simpler_tlbi(program: Program, action: Tlbi) -> Iterator[Action]:
    op = action.operation
    plain = [
        other
        for other in load()
        if (other.family, other.operand, other.last_level) == (op.family, op.operand, op.last_level)
        and not other.nxs
        and other.scope in (Shareability.LOCAL, Shareability.IS)
    ]
    wanted = Shareability.IS if program.world.cpus > 1 else Shareability.LOCAL
    for other in plain:
        if other.scope is wanted and other.name != op.name:
            yield dataclasses.replace(action, op=other.name)
    fields = decode(op, action.xt)
    shift = 12 if fields.asid == E2_ASID else program.world.shift
    if fields.ttl and not op.operand.is_range:
        at = fields.va if fields.va is not None else fields.ipa or 0
        yield dataclasses.replace(action, xt=make_operand(op, at=at, asid=fields.asid or 0, shift=shift))
    if op.family in ("vmalle1",) and op.name not in ("vmalle1", "vmalle1is"):
        yield dataclasses.replace(action, op=by_name("vmalle1is").name, xt=0)
