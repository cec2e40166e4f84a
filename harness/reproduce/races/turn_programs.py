# SPDX-License-Identifier: GPL-2.0-only
"""Programs in which both CPUs change what the other one reads: neither only uses what the other takes away.

CPU 1 enters L2 anew for each access. It goes through more VMIDs than there are shadows, so that each entry
looks at all shadows and recycles one; through VNCR pages, each of which takes the pseudo-TLB of the one
before; or executes an operation in between, which looks at all shadows and all pseudo-TLBs, or takes away
what it has just used. What CPU 0 does meanwhile is the program's way, one of ``TAKES``. So each of these
sides of KVM's nested code meets each of those (docs/races.md).
"""

from __future__ import annotations

import random
from dataclasses import replace

from harness.arch.table import by_name
from harness.program.addresses import E2_ASID, EVENT_PA, VNCR_WORD, Layout, value_at
from harness.program.program import (
    Access,
    Action,
    Context,
    Host,
    InitialMemory,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    World,
    make_operand,
)
from harness.reproduce.races.conflict_programs import OF_EL1, OF_VEL2, SHADOWS, SHIFT, plain, unmap

TAKES = ("event", "memslot", "dirty", "stage1", "stage2", "enter", "online")
"""L0's VMM drops event memory, moves or deletes its memslot, logs what is written to it; L1 takes a page out
of stage 1 or 2, or enters VMIDs that have no shadow; or a vCPU comes online, which brings two shadows."""
OWN_TAKES = tuple(each for each in TAKES if each != "enter")
VNCR_TAKES = ("own", "event", "memslot", "dirty", "online")
"""L1 takes the VNCR page out of its own regime, and executes an operation of that; the rest as before."""
SHADOWED, PSEUDO = 0.7, 0.7
"""How often a shadow, and a pseudo-TLB, is there for the operations to look at."""
OF_VMM = ("event", "memslot", "dirty")
LATE_SHADOWS = 2
"""Of those of a VM, the ones that are not there before its last vCPU is online."""


def turns(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """CPU 1 recycles a shadow for each entry into L2."""
    way = way or rng.choice(TAKES)
    count = SHADOWS - LATE_SHADOWS * (way == "online") + rng.choice((1, 2))
    return _program(rng, layout, bits, way, "l2-turns", count)


def operations(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """CPU 1 executes operations of all regimes, under a VMID of which there may be a shadow."""
    way = way or rng.choice(TAKES)
    count = SHADOWS + 2 if way == "enter" else 3
    return _program(rng, layout, bits, way, "tlbi-turns", count)


def own(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """CPU 1 invalidates what it has just read, again and again: both CPUs take the same translation away."""
    way = way or rng.choice(OWN_TAKES)
    return _program(rng, layout, bits, way, "l2-own", 2)


def _program(
    rng: random.Random, layout: Layout, bits: int | None, way: str, where: str, count: int
) -> Program:
    at, offset = layout.ipa(0), rng.randrange(4) << SHIFT
    at += offset if way in OF_VMM else 0
    first = way == "stage1"
    contexts = [Context(vmid, s1=first, s2_bits=bits) for vmid in range(1, count + 1)]
    to = EVENT_PA + offset if way in OF_VMM else layout.frame(0)
    maps: list[Action] = [Host("set-up", offset)] if way in OF_VMM else []
    maps.append(Map("s2", 0, at, 3, to, "rwx"))
    if where == "tlbi-turns" and rng.random() < PSEUDO:
        page = layout.e2(0)
        contexts[1] = replace(contexts[1], vncr=page)
        maps += [Map("e2", 0, page, 3, layout.frame(0), "w"), Access("vncr", 1)]
    others = range(1, count)
    maps += [Map("s2", ctx, at, 3, layout.frame(1 + ctx % 3), "rwx") for ctx in others]
    va = layout.va(0) if first else at
    if first:
        maps += [Map("s1", ctx, va, 3, at, "w") for ctx in range(count)]
    if where == "tlbi-turns" and rng.random() < SHADOWED:
        maps.append(Access("read", count - 1, va))
    take = _take(rng, way, va, offset)
    if way == "enter":
        take = [Access("read", ctx, va) for ctx in rng.sample(others, len(others))]
    spin = Spin(1, 0, va, where)
    return Program(World(SHIFT, tuple(contexts), 2), (*maps, spin, *take, Sample(1), Stop(1)))


def _take(rng: random.Random, way: str, at: int, offset: int) -> list[Action]:
    match way:
        case "event":
            return [Host("dontneed", offset)]
        case "memslot":
            return [Host(rng.choice(("move", "delete")), offset)]
        case "dirty":
            return [Host("dirty-on", offset), Host("dirty-read", offset)]
        case "online":
            return [Host("online", 0)]
        case "stage1":
            operation = by_name(rng.choice(plain(OF_EL1)))
            return [
                Map("s1", 0, at, 3, None),
                Tlbi(0, operation.name, make_operand(operation, at=at, asid=0)),
            ]
        case "stage2":
            return list(unmap(rng, at))
        case _:
            return []


def vncr_turns(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """Two L2s that are hypervisors take turns on a vCPU, whose pseudo-TLB has the page of one of them."""
    return _vncr_program(rng, layout, bits, way or rng.choice(VNCR_TAKES), "vncr-turns")


def vncr_own(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """CPU 1 invalidates its own pseudo-TLB after each use: both CPUs look for it at once."""
    return _vncr_program(rng, layout, bits, way or rng.choice(VNCR_TAKES), "vncr-own")


def _vncr_program(rng: random.Random, layout: Layout, bits: int | None, way: str, where: str) -> Program:
    pages = [layout.e2(area) for area in rng.sample(range(2), 2)]
    frame, words = rng.randrange(4) << SHIFT, []
    contexts = (
        Context(1, vncr=pages[0], s2_bits=bits),
        Context(1, tge=True, s2_bits=bits),
        Context(2, vncr=pages[1], s2_bits=bits),
    )
    offset = frame + VNCR_WORD
    of_vmm = way in OF_VMM
    maps: list[Action] = [Host("set-up", offset)] if of_vmm else []
    frames = [EVENT_PA + frame if of_vmm else layout.frame(0), layout.frame(1)]
    for page, to in zip(pages, frames, strict=True):
        maps.append(Map("e2", 0, page, 3, to, rng.choice(("w", "wg"))))
        words += [(to + VNCR_WORD, value_at(to + VNCR_WORD))] if to < EVENT_PA else []
    operation = by_name(rng.choice(plain(OF_VEL2)))
    tlbi = Tlbi(1, operation.name, make_operand(operation, at=pages[0], asid=E2_ASID))
    takes: dict[str, list[Action]] = {
        "own": [Map("e2", 0, pages[0], 3, None), tlbi],
        "event": [Host("dontneed", offset)],
        "memslot": [Host(rng.choice(("move", "delete")), offset)],
        "dirty": [Host("dirty-on", offset)],  # not read: L0 logs the page of each pseudo-TLB that it fills
        "online": [Host("online", 0)],
    }
    spin = Spin(1, 0, pages[0], where)
    actions = (*maps, spin, *takes[way], Sample(1), Stop(1))
    return Program(World(SHIFT, contexts, 2), actions, InitialMemory(tuple(words)))
