# SPDX-License-Identifier: GPL-2.0-only
"""The programs of each kind of conflict (conflicts.py), with addresses and operations at random.

Each maker takes a layout, the bits of a shadow (None: the machine's own) and a way to begin, any when empty.
"""

from __future__ import annotations

import random
from dataclasses import replace

from harness.arch.table import Operation, Shareability, by_name, load
from harness.program.addresses import E2_ASID, EVENT_PA, Layout
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
REPLACED = 0.2
LOGGED = 0.5
"""How often a dirty log is on before its user begins: else the user meets what turns it on, too."""
OF_EL1 = ("vae1", "vaae1", "aside1", "vmalle1")
OF_VEL2 = ("vae2", "alle2", "vaae1", "vmalle1", "vae1")
STIRRED = {"kicked": "kick", "preempted": "preempt", "hopped": "hop"}
"""Ways in which L0 disturbs the user that has begun, and by what."""
HALTED = "halted"
"""Way of a user that halts in L2 after each access: its vCPU gives up what it has loaded, and loads anew."""
USED = "used"
WAYS = ("after", USED, "before", HALTED, *STIRRED)
"""The translation is there when its user begins; was used on the other CPU, too; is not there yet, so that
the user faults again and again, and its vCPU is loaded and put all the time; or the user's vCPU has left
KVM_RUN and comes back, or its thread is scheduled out and in, or goes from CPU to CPU."""
REPLACES = "replaces"
"""The user's vCPU has another VNCR page's translation, of which KVM keeps one, and faults for this one."""


def begin_of(rng: random.Random, spin: Spin, maps: Action, look: Action, way: str) -> list[Action]:
    """The user begins, in one of ``WAYS``; any for an empty one. ``REPLACES``: as in the first one."""
    way = way or rng.choice(WAYS)
    if way == "before":
        return [spin, maps]
    used = [look] if way == USED else []
    return [maps, *used, halting(spin) if way == HALTED else spin, *stir(way)]


def halting(spin: Spin) -> Spin:
    """The same of one that halts after each access."""
    return replace(spin, where=f"{spin.where}-halts")


def stir(way: str) -> list[Action]:
    """How L0 disturbs the user in that way."""
    return [Host(STIRRED[way], 0)] if way in STIRRED else []


def log(rng: random.Random, offset: int) -> list[Action]:
    """Sometimes a dirty log begins: all shadows are write-protected, which is a side of its own."""
    if rng.random() >= 0.15:
        return []
    found: list[Action] = [Host("dirty-on", offset), Host("dirty-read", offset)]
    return found[: rng.choice((1, 2))]


def unmap(rng: random.Random, at: int, ctx: int = 0) -> tuple[Action, ...]:
    """L1 takes a page out of the stage 2 of an L2."""
    operation = by_name(rng.choice(("ipas2e1is", "vmalls12e1is", "alle1is")))
    return (
        Map("s2", ctx, at, 3, None),
        Tlbi(ctx, operation.name, make_operand(operation, at=at)),
        Tlbi(ctx, "vmalle1is"),
    )


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
    begin: list[Action] = [Host("set-up", offset), *begin_of(rng, spin, maps, look, way), *log(rng, offset)]
    world = World(SHIFT, (Context(1, s2_bits=bits),), 2)
    return Program(world, (*begin, Host(rng.choice(takes), offset), Sample(1), Stop(1)))


def memslot(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L2 uses event memory while L0's VMM moves it or takes it away: no fault may be under way, by SRCU."""
    return event(rng, layout, bits, way, ("move", "delete"))


def vncr(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """An L2 that is a hypervisor uses its VNCR page on one CPU while L1 unmaps or moves it on another."""
    page = layout.e2(rng.randrange(2))
    letters = rng.choice(("w", "w", "wg"))
    operation = by_name(rng.choice(plain(OF_VEL2)))
    begin = begin_of(
        rng, Spin(1, 0, page, "vncr"), Map("e2", 0, page, 3, layout.frame(0), letters), Access("vncr", 0), way
    )
    take: list[Action] = [
        Map("e2", 0, page, 3, None),
        Tlbi(1, operation.name, make_operand(operation, at=page, asid=E2_ASID)),
    ]
    end: list[Action] = []
    if rng.random() < 0.4:
        end.append(Map("e2", 0, page, 3, layout.frame(1), letters))
    world, begin = _replaces(rng, layout, hypervisor(page, bits), begin, way)
    return Program(world, (*begin, *take, *end, Sample(1), Stop(1)))


def _replaces(
    rng: random.Random, layout: Layout, world: World, begin: list[Action], way: str
) -> tuple[World, list[Action]]:
    """CPU 1 has used another VNCR page, whose translation has to give way; sometimes in other ways, too."""
    if way != REPLACES and rng.random() >= REPLACED:
        return world, begin
    other = (world.contexts[0].vncr or 0) ^ layout.area_size
    more = Context(2, vncr=other, s2_bits=world.contexts[0].s2_bits)
    maps = Map("e2", 2, other, 3, layout.frame(2), "w")
    first: list[Action] = [maps, Cpu(1), Access("vncr", 2), Cpu(0)]
    return replace(world, contexts=(*world.contexts, more)), [*first, *begin]


def vncr_event(
    rng: random.Random,
    layout: Layout,
    bits: int | None = None,
    way: str = "",
    takes: tuple[str, ...] = ("dontneed",),
) -> Program:
    """The same, with the VNCR page in event memory, which L0's VMM drops."""
    page, frame = layout.e2(rng.randrange(2)), rng.randrange(4) << SHIFT
    offset = frame + TPIDR_EL2_AT
    maps = Map("e2", 0, page, 3, EVENT_PA + frame, "w")
    begin: list[Action] = [Host("set-up", offset)]
    begin += begin_of(rng, Spin(1, 0, page, "vncr"), maps, Access("vncr", 0), way)
    if rng.random() < 0.15:  # a dirty log invalidates all pseudo-TLBs; L0 logs the page of each that it fills
        begin.append(Host("dirty-on", offset))
    world, begin = _replaces(rng, layout, hypervisor(page, bits), begin, way)
    return Program(world, (*begin, Host(rng.choice(takes), offset), Sample(1), Stop(1)))


def vncr_memslot(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """The same, and L0's VMM moves or deletes its memslot.

    Without memory KVM has no VNCR page to map: an external abort, for a moment while a memslot moves.
    """
    return vncr_event(rng, layout, bits, way, ("move", "delete"))


def hypervisor(page: int, bits: int | None) -> World:
    """An L2 that is one, with its VNCR page; and what L1 has loaded for operations of its own regime."""
    return World(SHIFT, (Context(1, vncr=page, s2_bits=bits), Context(1, tge=True, s2_bits=bits)), 2)


def plain(families: tuple[str, ...]) -> list[str]:
    return [
        op.name
        for op in load()
        if op.family in families and not op.nxs and not op.features and _broadcast(op) and not op.last_level
    ]


def _broadcast(operation: Operation) -> bool:
    return operation.scope is not Shareability.LOCAL and not operation.operand.is_range


def event_of_l1(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L1 itself uses event memory, through its own regime and the stage 2 that L0 has for it."""
    va, offset = layout.e2(rng.randrange(2)), rng.randrange(4) << SHIFT
    maps = Map("e2", 0, va, 3, EVENT_PA + offset, rng.choice(("w", "wg")))
    begin: list[Action] = [Host("set-up", offset)]
    begin += begin_of(rng, Spin(1, 0, va, "vel2"), maps, Access("peek", 0, va), way)
    begin += log(rng, offset)
    world = World(SHIFT, (Context(1, s2_bits=bits),), 2)
    take = Host(rng.choice(("dontneed",) * 8 + ("move", "delete")), offset)
    return Program(world, (*begin, take, Sample(1), Stop(1)))


def stage1(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L1 takes a page out of L2's stage 1 while L2's vCPU is loaded, or faults in stage 2, on another CPU.

    L0 executes the operation for each shadow of the VMID: one that is about to be used counts, too.
    """
    va, pages = layout.va(0), [layout.ipa(0) + (n << SHIFT) for n in range(2)]
    operation = by_name(rng.choice(plain(OF_EL1)))
    maps = Map("s1", 0, va, 3, pages[0], "w")
    take: list[Action] = [
        Map("s1", 0, va, 3, None),
        Tlbi(0, operation.name, make_operand(operation, at=va, asid=0)),
    ]
    end: list[Action] = [Map("s1", 0, va, 3, pages[1], "w")] if rng.random() < 0.3 else []
    stage_2 = [Map("s2", 0, page, 3, layout.frame(n), "rwx") for n, page in enumerate(pages)]
    begin = begin_of(rng, Spin(1, 0, va, "l2"), maps, Access("read", 0, va), way)
    world = World(SHIFT, (Context(1, s1=True, s2_bits=bits),), 2)
    return Program(world, (*stage_2, *begin, *take, *end, Sample(1), Stop(1)))


def stage2(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L2 uses a page on one CPU while L1 takes it out of stage 2 on another: a known defect of Linux."""
    at = layout.ipa(0)
    take = unmap(rng, at)
    maps = Map("s2", 0, at, 3, layout.frame(0), "rwx")
    end: tuple[Action, ...] = (Map("s2", 0, at, 3, layout.frame(1), "rwx"),) if rng.random() < 0.3 else ()
    begin = begin_of(rng, Spin(1, 0, at, "l2"), maps, Access("read", 0, at), way)
    return Program(World(SHIFT, (Context(1, s2_bits=bits),), 2), (*begin, *take, *end, Sample(1), Stop(1)))


def flag(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L0 sets an access flag in L1's stage 2, for a fault on one CPU, while L1 writes that descriptor.

    What L1 wrote has to stay: L0 may replace the descriptor that it has read, and no other one.
    """
    at = layout.ipa(0)
    take = unmap(rng, at)
    maps = Map("s2", 0, at, 3, layout.frame(0), "rwxo")
    begin = begin_of(rng, Spin(1, 0, at, "l2"), maps, Access("read", 0, at), way)
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
    begin = begin_of(
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
    take: list[Action] = [*stir(way), Access("read", new, at)]
    if rng.random() < 0.4:
        take.append(Access("read", turns[0].ctx, at))
    spin = Spin(1, new, at, "l2")
    spin = halting(spin) if way == HALTED else spin
    return Program(world, (*maps, *turns, spin, *take, Sample(1), Stop(1)))


def dirty(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """L2 writes a page on one CPU while L0's VMM reads its dirty log: later writes are in the next one.

    The log begins before L2 does, so that its fault finds it on, or meets its beginning.
    """
    at, offset = layout.ipa(0), rng.randrange(4) << SHIFT
    at += offset % layout.area_size
    maps = Map("s2", 0, at, 3, EVENT_PA + offset, "rwx")
    log, read = Host("dirty-on", offset), Host("dirty-read", offset)
    early = rng.random() < LOGGED
    begin: list[Action] = [Host("set-up", offset), *([log] if early else [])]
    begin += begin_of(rng, Spin(1, 0, at, WRITES), maps, Access("write", 0, at, 1), way)
    take: list[Action] = [*([] if early else [log]), read]
    return Program(
        World(SHIFT, (Context(1, s2_bits=bits),), 2),
        (*begin, *take, Sample(1), read, Sample(1), read, Stop(1)),
    )
