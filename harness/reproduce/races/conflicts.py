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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.arch.table import Operation, Regime, Shareability, by_name, load
from harness.program.addresses import E2_ASID, EVENT_PA, Layout
from harness.program.allowed import illegal
from harness.program.kernel_defects import DEFECTS, KernelDefect
from harness.program.program import (
    WRITES,
    Access,
    Action,
    Context,
    Cpu,
    DescriptorLook,
    Host,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    World,
    make_operand,
)

SHIFT = 12
TPIDR_EL2_AT = 0x90
"""Where an L2's TPIDR_EL2 is in its VNCR page (Arm ARM D24.2.219, DDI 0487 M.a.a)."""
SHADOWS = 6
"""Shadow contexts that KVM has for a VM of ours: two for each of three vCPUs (litmus/host/options.h)."""
OF_EL1 = ("vae1", "vaae1", "aside1", "vmalle1")
OF_VEL2 = ("vae2", "alle2", "vaae1", "vmalle1", "vae1")
WINDOWS = 8

# kvm_handle_guest_abort() walks L1's tables before it reads mmu_invalidate_seq, and the emulated operations
# do not bump that: whatever is taken away while a fault is under way may come back (docs/defects.md).
FAULT_AGAINST_TLBI = KernelDefect(
    "fault-against-tlbi",
    "defect-fault-against-tlbi",
    leaves=lambda operation, _, __, ___, vncr: not vncr and operation.regime is Regime.EL10,
)
KNOWN = (*DEFECTS, FAULT_AGAINST_TLBI)


WAYS = ("after", "used", "before", "kicked")
"""The translation is there when its user begins; was used on the other CPU, too; is not there yet, so that
the user faults again and again, and its vCPU is loaded and put all the time; or the user's vCPU has left
KVM_RUN and comes back."""
SOONEST = ("after", "kicked", "used", "before")
THIRD = "third"
BESIDE = ("online", "other-vm", "preempt", THIRD)
"""When the user has begun, or all was taken away: a vCPU of the VM comes online, or another VM ends, or the
user's thread is scheduled out again and again; or a third CPU uses it, too."""


@dataclass(frozen=True, slots=True)
class RaceConflict:
    """A kind of program. ``wide``: it may run with 48-bit shadows, since no side walks all of one.

    ``ways``: those of ``WAYS`` in which its programs differ; ``beside``: of ``BESIDE``.
    """

    make: Callable[[random.Random, Layout, int | None, str], Program]
    wide: bool = False
    ways: tuple[str, ...] = WAYS
    beside: tuple[str, ...] = BESIDE


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
    def kicked(self) -> bool:
        """Whether the other vCPUs leave KVM_RUN before the first CPU takes anything away."""
        return any(isinstance(each, Host) and each.action == "kick" for each in self.program.actions)


def dealt(seed: str, kind: str, turn: int) -> tuple[str, str]:
    """Way and what is beside it, for a hunt's program number ``turn`` of a kind: none twice before all came.

    First come the ways with nothing beside them, in the order in which their first schedules show most: one
    fault for the translation, one load of a vCPU, and then those that fault and load again and again.
    """
    rng = random.Random(f"{seed} dealt {kind}")
    ways, beside = CONFLICTS[kind].ways, CONFLICTS[kind].beside
    plain = [(way, "") for way in SOONEST if way in ways]
    more = rng.sample(both := list(itertools.product(ways, beside)), len(both))
    some = [*plain, *more[: len(ways)], *plain, *more[len(ways) :]]
    return some[turn % len(some)]


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
        bits = OF_OTHER_VMS if beside == "other-vm" else NARROW if narrow else bits
        found = CONFLICTS[kind].make(rng, layout, NARROW if bits == NARROW else None, way)
        if beside == THIRD:
            found = replace(found, world=replace(found.world, cpus=3), actions=_with_third(found.actions))
        elif beside:
            at = _beside_at(rng, found.actions)
            found = replace(found, actions=(*found.actions[:at], Host(beside, 0), *found.actions[at:]))
        if not illegal(found):
            return RaceProgram(kind, found, bits)
    raise RuntimeError("no legal program in 100 tries")


def _beside_at(rng: random.Random, actions: Sequence[Action]) -> int:
    """Before which action something else begins: when the user has begun, or when all was taken away.

    In between too, so that what takes translations away meets both who is not there yet and who just came.
    """
    first = next(i for i, each in enumerate(actions) if isinstance(each, Spin)) + 1
    first += actions[first] == Host("kick", 0)
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


def _begin(rng: random.Random, spin: Spin, maps: Action, look: Action, way: str) -> list[Action]:
    """The user begins, in one of ``WAYS``; any for an empty one."""
    way = way or rng.choice(WAYS)
    if way == "before":
        return [spin, maps]
    used = [look] if way == "used" else []
    return [maps, *used, spin, *([Host("kick", 0)] if way == "kicked" else [])]


def event(
    rng: random.Random,
    layout: Layout,
    bits: int | None = None,
    way: str = "",
    takes: tuple[str, ...] = ("dontneed",),
) -> Program:
    """L2 uses event memory on one CPU while L0's VMM drops it: no operation of L1 is needed."""
    at, offset = layout.ipa(0), rng.randrange(4) << SHIFT
    at += offset % layout.area_size
    maps = Map("s2", 0, at, 3, EVENT_PA + offset, "rwx")
    spin, look = Spin(1, 0, at, "l2"), Access("read", 0, at)
    begin: list[Action] = [Host("set-up", offset), *_begin(rng, spin, maps, look, way)]
    if rng.random() < 0.15:  # all shadows are write-protected, which is a side of its own
        begin += [Host("dirty-on", offset), Host("dirty-read", offset)][: rng.choice((1, 2))]
    world = World(SHIFT, (Context(1, s2_bits=bits),), 2)
    return Program(world, (*begin, Host(rng.choice(takes), offset), Sample(1), Stop(1)))


def memslot(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L2 uses event memory while L0's VMM moves it or takes it away: no fault may be under way, by SRCU."""
    return event(rng, layout, bits, way, ("move", "delete"))


def vncr(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """An L2 that is a hypervisor uses its VNCR page on one CPU while L1 unmaps or moves it on another."""
    page = layout.e2(rng.randrange(2))
    letters = rng.choice(("w", "w", "wg"))
    operation = by_name(rng.choice(_of_vel2()))
    begin = _begin(
        rng, Spin(1, 0, page, "vncr"), Map("e2", 0, page, 3, layout.frame(0), letters), Access("vncr", 0), way
    )
    take: list[Action] = [
        Map("e2", 0, page, 3, None),
        Tlbi(1, operation.name, make_operand(operation, at=page, asid=E2_ASID)),
    ]
    end: list[Action] = []
    if rng.random() < 0.4:
        end.append(Map("e2", 0, page, 3, layout.frame(1), letters))
    world, other = _hypervisor(page, bits), page ^ layout.area_size
    if rng.random() < 0.4:  # the user's vCPU has another page's translation, which has to give way
        world = replace(world, contexts=(*world.contexts, Context(2, vncr=other, s2_bits=bits)))
        begin = [
            Map("e2", 2, other, 3, layout.frame(2), letters),
            Cpu(1),
            Access("vncr", 2),
            Cpu(0),
            *begin,
        ]
    return Program(world, (*begin, *take, *end, Sample(1), Stop(1)))


def vncr_event(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """The same, with the VNCR page in event memory, which L0's VMM drops or replaces."""
    page, frame = layout.e2(rng.randrange(2)), rng.randrange(4) << SHIFT
    offset = frame + TPIDR_EL2_AT
    maps = Map("e2", 0, page, 3, EVENT_PA + frame, "w")
    begin: list[Action] = [Host("set-up", offset)]
    begin += _begin(rng, Spin(1, 0, page, "vncr"), maps, Access("vncr", 0), way)
    if rng.random() < 0.15:  # a dirty log invalidates all pseudo-TLBs, and so do those who read it
        begin += [Host("dirty-on", offset), Host("dirty-read", offset)][: rng.choice((1, 2))]
    take = Host("dontneed", offset)  # without memory KVM has no VNCR page to map: an external abort
    return Program(_hypervisor(page, bits), (*begin, take, Sample(1), Stop(1)))


def _hypervisor(page: int, bits: int | None) -> World:
    return World(SHIFT, (Context(1, vncr=page, s2_bits=bits), Context(1, tge=True, s2_bits=bits)), 2)


def _of_vel2() -> list[str]:
    return [
        op.name
        for op in load()
        if op.family in OF_VEL2 and not op.nxs and not op.features and _broadcast(op) and not op.last_level
    ]


def _broadcast(operation: Operation) -> bool:
    return operation.scope is not Shareability.LOCAL and not operation.operand.is_range


def event_of_l1(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L1 itself uses event memory, through its own regime and the stage 2 that L0 has for it."""
    va, offset = layout.e2(rng.randrange(2)), rng.randrange(4) << SHIFT
    maps = Map("e2", 0, va, 3, EVENT_PA + offset, rng.choice(("w", "wg")))
    begin: list[Action] = [Host("set-up", offset)]
    begin += _begin(rng, Spin(1, 0, va, "vel2"), maps, Access("peek", 0, va), way)
    if rng.random() < 0.15:
        begin += [Host("dirty-on", offset), Host("dirty-read", offset)][: rng.choice((1, 2))]
    world = World(SHIFT, (Context(1, s2_bits=bits),), 2)
    take = Host(rng.choice(("dontneed",) * 8 + ("move", "delete")), offset)
    return Program(world, (*begin, take, Sample(1), Stop(1)))


def stage1(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L1 takes a page out of L2's stage 1 while L2's vCPU is loaded, or faults in stage 2, on another CPU.

    L0 executes the operation for each shadow of the VMID: one that is about to be used counts, too.
    """
    va, pages = layout.va(0), [layout.ipa(0) + (n << SHIFT) for n in range(2)]
    operation = by_name(rng.choice(_of_el1()))
    maps = Map("s1", 0, va, 3, pages[0], "w")
    take: list[Action] = [
        Map("s1", 0, va, 3, None),
        Tlbi(0, operation.name, make_operand(operation, at=va, asid=0)),
    ]
    end: list[Action] = [Map("s1", 0, va, 3, pages[1], "w")] if rng.random() < 0.3 else []
    stage_2 = [Map("s2", 0, page, 3, layout.frame(n), "rwx") for n, page in enumerate(pages)]
    begin = _begin(rng, Spin(1, 0, va, "l2"), maps, Access("read", 0, va), way)
    world = World(SHIFT, (Context(1, s1=True, s2_bits=bits),), 2)
    return Program(world, (*stage_2, *begin, *take, *end, Sample(1), Stop(1)))


def _of_el1() -> list[str]:
    return [
        op.name
        for op in load()
        if op.family in OF_EL1 and not op.nxs and not op.features and _broadcast(op) and not op.last_level
    ]


def stage2(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L2 uses a page on one CPU while L1 takes it out of stage 2 on another: a known defect of Linux."""
    at = layout.ipa(0)
    operation = by_name(rng.choice(("ipas2e1is", "vmalls12e1is")))
    maps = Map("s2", 0, at, 3, layout.frame(0), "rwx")
    take = (
        Map("s2", 0, at, 3, None),
        Tlbi(0, operation.name, make_operand(operation, at=at)),
        Tlbi(0, "vmalle1is"),
    )
    end: tuple[Action, ...] = (Map("s2", 0, at, 3, layout.frame(1), "rwx"),) if rng.random() < 0.3 else ()
    begin = _begin(rng, Spin(1, 0, at, "l2"), maps, Access("read", 0, at), way)
    return Program(World(SHIFT, (Context(1, s2_bits=bits),), 2), (*begin, *take, *end, Sample(1), Stop(1)))


def flag(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L0 sets an access flag in L1's stage 2, for a fault on one CPU, while L1 writes that descriptor.

    What L1 wrote has to stay: L0 may replace the descriptor that it has read, and no other one.
    """
    at = layout.ipa(0)
    operation = by_name(rng.choice(("ipas2e1is", "vmalls12e1is")))
    maps = Map("s2", 0, at, 3, layout.frame(0), "rwxo")
    take = (
        Map("s2", 0, at, 3, None),
        Tlbi(0, operation.name, make_operand(operation, at=at)),
        Tlbi(0, "vmalle1is"),
    )
    begin = _begin(rng, Spin(1, 0, at, "l2"), maps, Access("read", 0, at), way)
    world = World(SHIFT, (Context(1, s2_bits=bits, s2_ha=True),), 2)
    look = DescriptorLook("s2", 0, at, 3)
    return Program(world, (*begin, *take, Sample(1), look, Sample(1), look, Stop(1)))


def recycle(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """One CPU stays in its VMID, or faults there; the other goes through more than there are shadows."""
    count = SHADOWS + rng.choice((1, 2))
    world = World(SHIFT, tuple(Context(vmid, s2_bits=bits) for vmid in range(1, count + 1)), 2)
    at = layout.ipa(0)
    maps = [Map("s2", ctx, at, 3, layout.frame(1 + ctx % 3), "rwx") for ctx in range(1, count)]
    turns = [Access("read", ctx, at) for ctx in range(1, count)]
    rng.shuffle(turns)
    begin = _begin(
        rng,
        Spin(1, 0, at, "l2"),
        Map("s2", 0, at, 3, layout.frame(0), "rwx"),
        Access("read", 0, at),
        way,  # before, kicked: its vCPU gives its shadow up
    )
    end: list[Action] = [*turns[:2], Sample(1), Stop(1)]
    return Program(world, (*maps, *begin, *turns, *end))


def recycle_into(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """All shadows are in use by other VMIDs, or were; both CPUs enter one that has none, at about one time.

    Whichever comes first takes a shadow that is full of another VMID's translations, of which each leads to
    another page than its own. The other one may use it when these are gone.
    """
    count = SHADOWS + rng.choice((1, 2))
    world = World(SHIFT, tuple(Context(vmid, s2_bits=bits) for vmid in range(1, count + 1)), 2)
    at, new = layout.ipa(0), count - 1
    maps = [
        Map("s2", ctx, at, 3, layout.frame(0 if ctx == new else 1 + ctx % 3), "rwx") for ctx in range(count)
    ]
    turns = [Access("read", ctx, at) for ctx in range(new)]
    rng.shuffle(turns)
    take: list[Action] = [*([Host("kick", 0)] if way == "kicked" else []), Access("read", new, at)]
    if rng.random() < 0.4:
        take.append(Access("read", turns[0].ctx, at))
    return Program(world, (*maps, *turns, Spin(1, new, at, "l2"), *take, Sample(1), Stop(1)))


def dirty(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L2 writes a page on one CPU while L0's VMM reads its dirty log: later writes are in the next one.

    The log begins before L2 does, so that its fault finds it on, or afterwards.
    """
    at, offset = layout.ipa(0), rng.randrange(4) << SHIFT
    at += offset % layout.area_size
    maps = Map("s2", 0, at, 3, EVENT_PA + offset, "rwx")
    log, read = Host("dirty-on", offset), Host("dirty-read", offset)
    early = way != "kicked" or rng.random() < 0.5
    begin: list[Action] = [Host("set-up", offset), *([log] if early else [])]
    begin += _begin(rng, Spin(1, 0, at, WRITES), maps, Access("write", 0, at, 1), way)
    take: list[Action] = [*([] if early else [log]), read]
    return Program(
        World(SHIFT, (Context(1, s2_bits=bits),), 2),
        (*begin, *take, Sample(1), read, Sample(1), read, Stop(1)),
    )


CONFLICTS: Mapping[str, RaceConflict] = {
    "event": RaceConflict(event),
    "memslot": RaceConflict(memslot),
    "vncr": RaceConflict(vncr, wide=True),
    "vncr-event": RaceConflict(vncr_event),
    "event-of-l1": RaceConflict(event_of_l1),
    "dirty": RaceConflict(dirty),
    "recycle": RaceConflict(recycle, beside=("online", "other-vm", "preempt")),
    "recycle-into": RaceConflict(
        recycle_into, ways=("after", "kicked"), beside=("online", "other-vm", "preempt")
    ),
    "stage1": RaceConflict(stage1, wide=True),
    "stage2": RaceConflict(stage2, wide=True),
    "flag": RaceConflict(flag),
}
OF_OTHER_VMS = 40
"""With which nvh-litmus makes every VM: with fewer bits KVM refuses another one while the first one lives."""
NARROW = 36
"""Bits of a shadow, and of L2's IPAs, that are enough for every address of ``Layout``'s first areas."""


def pa_bits(rng: random.Random, kind: str) -> int:
    """How many bits the shadows have, for a program of that kind: 36, 40 or 48."""
    return rng.choices((NARROW, 40, 48), (88, 10, 2 * CONFLICTS[kind].wide))[0]
