# SPDX-License-Identifier: GPL-2.0-only
"""Programs in which two CPUs meet: one uses a translation all the time, the other takes it away.

The reference model of the hunt says what the first one may see afterwards (docs/hunt.md). Each kind has the
same dimensions, which are dealt and not drawn (``dealt``): how its user begins (``WAYS``), and what else L0
does at that time (``BESIDE``). At random: whether another translation comes in its place, operations,
addresses.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.program.addresses import PHYSICAL_BITS, Layout
from harness.program.allowed import illegal
from harness.program.kernel_defects import DEFECTS, KernelDefect
from harness.program.program import (
    HALTS,
    VNCR_WRITES,
    WRITES,
    Access,
    Action,
    Host,
    Program,
    Sample,
    Spin,
    Stop,
)
from harness.reproduce.races import conflict_programs as made
from harness.reproduce.races import end_programs, neighbour_programs, turn_programs, vncr_write_programs
from harness.reproduce.races.afterwards import probed
from harness.reproduce.races.calm import Others
from harness.reproduce.races.conflict_programs import HALTED, REPLACES, SHIFT, STIRRED, USED, WAYS
from harness.reproduce.races.crowd import crowded
from harness.reproduce.races.schedule import MOST_BITS

WINDOWS = 8

# kvm_handle_guest_abort() walks L1's stage 2 before it reads mmu_invalidate_seq, and the emulated operations
# do not bump that: what of stage 2 is taken away while a fault is under way may come back (docs/defects.md).
# Stage 1 is walked by the CPU, whose entries go with the operation.
OF_STAGE_2 = re.compile(r"ipas2|vmalls12|^alle1")
FAULT_AGAINST_TLBI = KernelDefect(
    "fault-against-tlbi",
    "defect-fault-against-tlbi",
    leaves=lambda operation, _, __, entry, vncr: (
        not vncr and entry.stage == 2 and bool(OF_STAGE_2.search(operation.family))
    ),
)
KNOWN = (*DEFECTS, FAULT_AGAINST_TLBI)


SOONEST = ("after", "kicked", "preempted", HALTED, "used", "before", "hopped")
THIRD = "third"
ENDS = "ends"
OTHER_VM = "other-vm"
"""A run of a program with it takes as long as twenty of others: its end walks shadows of 40 bits."""
BESIDE = ("online", OTHER_VM, "preempt", "hop", THIRD)
"""When the user has begun, or all was taken away: a vCPU of the VM comes online, or another VM ends, or the
user's thread is scheduled out, or moved to another CPU, again and again; or a third CPU uses it, too."""
BESIDE_WAYS = ("online", OTHER_VM, THIRD)
"""Where to be scheduled out, or moved, is a way of its own."""
BESIDE_TWO = ("online", OTHER_VM)
"""Where a third vCPU would bring more shadows than the program has VMIDs for."""
STIRS = ("kick", "preempt", "hop", "share")
"""What the host does to others that have begun: it is theirs to come to rest once more."""
NEVER_ONLINE = tuple(each for each in BESIDE if each != "online")
"""Where a way is that: each VM has one vCPU that may come online."""


@dataclass(frozen=True, slots=True)
class RaceConflict:
    """A kind of program. ``wide``: it may run with 48-bit shadows, since no side walks all of one.

    ``ways``: in which its programs differ, ``WAYS`` most of them; ``beside``: of ``BESIDE``.
    """

    make: Callable[[random.Random, Layout, int | None, str], Program]
    wide: bool = False
    ways: tuple[str, ...] = WAYS
    beside: tuple[str, ...] = BESIDE_WAYS


@dataclass(frozen=True, slots=True)
class RaceProgram:
    """A program of a ``kind``, for shadows of ``pa_bits``."""

    kind: str
    program: Program
    pa_bits: int

    @property
    def shape(self) -> str:
        """Equal for programs that do the same with other addresses and operations."""
        words = (getattr(each, "action", type(each).__name__.lower()) for each in self.program.actions)
        return " ".join((self.kind, *words))

    @property
    def others(self) -> Others:
        """Who begins before the first CPU takes anything away, and how often it disturbs them then."""
        actions = self.program.actions
        users = [i for i, each in enumerate(actions) if isinstance(each, Spin)]
        behind = actions[users[-1] + 1 :]
        stirs = itertools.takewhile(lambda each: isinstance(each, Host) and each.action in STIRS, behind)
        halts = any(isinstance(each, Spin) and each.where in HALTS for each in actions)
        return Others(len(users), len(list(stirs)), halts)


def dealt(seed: str, kind: str, turn: int) -> tuple[str, str]:
    """Way and what is beside it, for a hunt's program number ``turn`` of a kind: none twice before all came.

    First come the ways with nothing beside them, in the order in which their first schedules show most: one
    fault for the translation, one load of a vCPU, and then those that fault and load again and again. Each
    has one after it that has something beside, another thing each time; the dearest comes last.
    """
    rng = random.Random(f"{seed} dealt {kind}")
    ways, beside = CONFLICTS[kind].ways, CONFLICTS[kind].beside
    own = [way for way in ways if way not in SOONEST]
    plain = [(way, "") for way in (*(way for way in SOONEST if way in ways), *rng.sample(own, len(own)))]
    order = sorted(rng.sample(beside, len(beside)), key=lambda each: each == OTHER_VM)
    more = [(rng.choice(ways), each) for each in order]
    rest = [each for each in itertools.product(ways, beside) if each not in more]
    pairs = itertools.zip_longest(plain, more)
    some = [each for pair in pairs for each in pair if each]
    some += rng.sample(rest, len(rest))
    return some[turn % len(some)]


def first_round(kind: str) -> int:
    """How many programs of a kind have all its ways, and all that may be beside them, once."""
    return len(CONFLICTS[kind].ways) + len(CONFLICTS[kind].beside)


def kinds_of(seed: str, worker: int) -> tuple[str, ...]:
    """All kinds in the order in which a worker of a hunt begins with them."""
    names = random.Random(f"{seed} kinds").sample(list(CONFLICTS), len(CONFLICTS))
    at = worker * len(names) // 2 % len(names)
    return (*names[at:], *names[:at])


def program(
    rng: random.Random, kind: str, way: str = "", beside: str = "", narrow: bool = False
) -> RaceProgram:
    """One at random, legal by break-before-make; ``RuntimeError`` when none comes of many tries.

    ``narrow``: with the smallest shadows, through which both sides are soonest.
    """
    layout = Layout(SHIFT, rng.randrange(WINDOWS), 0)
    for _ in range(100):
        bits = pa_bits(rng, kind)
        # nvh-litmus makes VMs of so many bits: with fewer KVM refuses another one while the first one lives.
        bits = PHYSICAL_BITS if beside == OTHER_VM or kind == ENDS else NARROW if narrow else bits
        s2_bits = NARROW if bits == NARROW else None
        found = CONFLICTS[kind].make(rng, layout, s2_bits, way)
        found = looked_again(crowded(rng, kind, found, layout, s2_bits), way)
        comes_online = Host("online", 0) in found.actions
        if beside == THIRD and comes_online:
            pass  # all vCPUs that a VM may have run then
        elif beside == THIRD:
            found = replace(found, world=replace(found.world, cpus=3), actions=_with_third(found.actions))
        elif beside:
            at = _beside_at(rng, found.actions)
            found = replace(found, actions=(*found.actions[:at], Host(beside, 0), *found.actions[at:]))
        found = probed(rng, found)
        if not illegal(found):
            return RaceProgram(kind, found, bits)
    raise RuntimeError("no legal program in 100 tries")


def looked_again(program: Program, way: str) -> Program:
    """Where the first CPU has used the translation, too, it looks once more when the user was looked at.

    Not where the user writes: nobody knows what is there, and what the look does would be in a log.
    """
    actions = program.actions
    begins = next(i for i, each in enumerate(actions) if isinstance(each, Spin))
    look = actions[begins - 1]
    writes = any(isinstance(each, Spin) and each.seen in (WRITES, VNCR_WRITES) for each in actions)
    logged = any(isinstance(each, Host) and each.action == "dirty-read" for each in actions)
    if way != USED or writes or logged or not isinstance(look, Access):
        return program
    at = next(i for i, each in enumerate(actions) if isinstance(each, Sample)) + 1
    return replace(program, actions=(*actions[:at], look, *actions[at:]))


def _beside_at(rng: random.Random, actions: Sequence[Action]) -> int:
    """Before which action something else begins: when the user has begun, or when all was taken away.

    In between too, so that what takes translations away meets both who is not there yet and who just came.
    """
    first = next(i for i, each in enumerate(actions) if isinstance(each, Spin)) + 1
    first += isinstance(each := actions[first], Host) and each.action in STIRS
    last = next(i for i, each in enumerate(actions) if isinstance(each, Sample))
    return rng.choice((first, first, last))


def _with_third(actions: Sequence[Action]) -> tuple[Action, ...]:
    """CPU 2 does what CPU 1 does, and is looked at behind it."""
    found: list[Action] = []
    for each in actions:
        found.append(each)
        if isinstance(each, Spin | Sample | Stop):
            found.append(replace(each, cpu=2))
    return tuple(found)


INTO = ("after", HALTED, *STIRRED)
"""Where the translation comes last."""
CONFLICTS: Mapping[str, RaceConflict] = {
    "event": RaceConflict(made.event),
    "memslot": RaceConflict(made.memslot),
    "vncr": RaceConflict(made.vncr, wide=True, ways=(*WAYS, REPLACES)),
    "vncr-event": RaceConflict(made.vncr_event, ways=(*WAYS, REPLACES)),
    "vncr-memslot": RaceConflict(made.vncr_memslot, ways=(*WAYS, REPLACES)),
    "event-of-l1": RaceConflict(made.event_of_l1, ways=tuple(each for each in WAYS if each != HALTED)),
    "dirty": RaceConflict(made.dirty),
    "recycle": RaceConflict(made.recycle, beside=BESIDE_TWO),
    "recycle-into": RaceConflict(made.recycle_into, ways=INTO, beside=BESIDE_TWO),
    "stage1": RaceConflict(made.stage1, wide=True),
    "stage2": RaceConflict(made.stage2, wide=True),
    "flag": RaceConflict(made.flag),
    "turns": RaceConflict(turn_programs.turns, ways=turn_programs.TAKES, beside=NEVER_ONLINE),
    "operations": RaceConflict(turn_programs.operations, ways=turn_programs.TAKES, beside=NEVER_ONLINE),
    "vncr-turns": RaceConflict(turn_programs.vncr_turns, ways=turn_programs.VNCR_TAKES, beside=NEVER_ONLINE),
    "own": RaceConflict(turn_programs.own, ways=turn_programs.OWN_TAKES, beside=NEVER_ONLINE),
    "vncr-own": RaceConflict(turn_programs.vncr_own, ways=turn_programs.VNCR_TAKES, beside=NEVER_ONLINE),
    "vncr-write": RaceConflict(vncr_write_programs.vncr_write, wide=True),
    "vncr-dirty": RaceConflict(vncr_write_programs.vncr_dirty),
    ENDS: RaceConflict(end_programs.ends, ways=end_programs.WAYS, beside=("online", "preempt", "hop")),
    "neighbours": RaceConflict(
        neighbour_programs.neighbours, ways=neighbour_programs.TAKES, beside=(OTHER_VM, "preempt", "hop")
    ),
}
NARROW = 36
"""Bits of a shadow, and of L2's IPAs, that are enough for every address of ``Layout``'s first areas."""


def pa_bits(rng: random.Random, kind: str) -> int:
    """How many bits the shadows have, for a program of that kind: 36, 40 or 48."""
    return rng.choices((NARROW, PHYSICAL_BITS, MOST_BITS), (88, 10, 2 * CONFLICTS[kind].wide))[0]
