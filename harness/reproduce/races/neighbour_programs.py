# SPDX-License-Identifier: GPL-2.0-only
"""Programs in which two vCPUs share a CPU of L0, each with translations of its own, and take turns on it.

What KVM keeps for a CPU - whose VNCR page is mapped there, which vCPU ran last - is the other one's when
one of them comes; and who takes translations away meanwhile finds the one or the other there, or neither
(docs/races.md).
"""

from __future__ import annotations

import random
from dataclasses import replace

from harness.arch.table import by_name
from harness.program.addresses import E2_ASID, EVENT_PA, VNCR_WORD, Layout, value_at
from harness.program.program import (
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
from harness.reproduce.races.conflict_programs import OF_EL1, OF_VEL2, SHIFT, plain, unmap

TAKES = ("vncr-own", "vncr-event", "vncr-memslot", "event", "memslot", "stage1", "stage2", "private")
"""What is taken from one of them: its VNCR page, by L1 or by L0's VMM; or a page of its stage 1 or 2; or
nothing, where both have one VMID and ASID, and each has tables of its own."""
END: tuple[Action, ...] = (Sample(1), Sample(2), Stop(1), Stop(2))
SHARE = Host("share", 0)


def neighbours(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """vCPUs 1 and 2 on one CPU, of two L2s; vCPU 0 takes away what vCPU 1 uses."""
    way = way or rng.choice(TAKES)
    if way.startswith("vncr-"):
        return _hypervisors(rng, layout, bits, way.removeprefix("vncr-"))
    return _private(rng, layout, bits) if way == "private" else _guests(rng, layout, bits, way)


def _hypervisors(rng: random.Random, layout: Layout, bits: int | None, way: str) -> Program:
    """Each has a VNCR page, which KVM maps where that of the other one was on the same CPU."""
    pages = [layout.e2(area) for area in rng.sample(range(2), 2)]
    frame = rng.randrange(4) << SHIFT
    offset = frame + VNCR_WORD
    of_vmm = way in ("event", "memslot")
    contexts = (
        Context(1, vncr=pages[0], s2_bits=bits),
        Context(1, tge=True, s2_bits=bits),
        Context(2, vncr=pages[1], s2_bits=bits),
    )
    frames = [EVENT_PA + frame if of_vmm else layout.frame(0), layout.frame(1)]
    maps: list[Action] = [Host("set-up", offset)] if of_vmm else []
    maps += [
        Map("e2", 0, page, 3, to, rng.choice(("w", "wg"))) for page, to in zip(pages, frames, strict=True)
    ]
    words = tuple((to + VNCR_WORD, value_at(to + VNCR_WORD)) for to in frames if to < EVENT_PA)
    operation = by_name(rng.choice(plain(OF_VEL2)))
    takes: dict[str, list[Action]] = {
        "own": [
            Map("e2", 0, pages[0], 3, None),
            Tlbi(1, operation.name, make_operand(operation, at=pages[0], asid=E2_ASID)),
        ],
        "event": [Host("dontneed", offset)],
        "memslot": [Host(rng.choice(("move", "delete")), offset)],
    }
    spins = Spin(1, 0, pages[0], "vncr"), Spin(2, 2, pages[1], "vncr")
    return Program(World(SHIFT, contexts, 3), (*maps, *spins, SHARE, *takes[way], *END), InitialMemory(words))


def _guests(rng: random.Random, layout: Layout, bits: int | None, way: str) -> Program:
    """Each has a page of its own at one address, under a VMID of its own."""
    at, offset = layout.ipa(0), rng.randrange(4) << SHIFT
    of_vmm, first = way in ("event", "memslot"), way == "stage1"
    at += offset if of_vmm else 0
    va = layout.va(0) if first else at
    contexts = tuple(Context(vmid, s1=first, s2_bits=bits) for vmid in (1, 2))
    to = EVENT_PA + offset if of_vmm else layout.frame(0)
    maps: list[Action] = [Host("set-up", offset)] if of_vmm else []
    maps += [Map("s2", 0, at, 3, to, "rwx"), Map("s2", 1, at, 3, layout.frame(1), "rwx")]
    maps += [Map("s1", ctx, va, 3, at, "w") for ctx in range(2)] if first else []
    operation = by_name(rng.choice(plain(OF_EL1)))
    takes: dict[str, list[Action]] = {
        "event": [Host("dontneed", offset)],
        "memslot": [Host(rng.choice(("move", "delete")), offset)],
        "stage1": [
            Map("s1", 0, va, 3, None),
            Tlbi(0, operation.name, make_operand(operation, at=va, asid=0)),
        ],
        "stage2": list(unmap(rng, at)),
    }
    spins = Spin(1, 0, va, "l2"), Spin(2, 1, va, "l2")
    return Program(World(SHIFT, contexts, 3), (*maps, *spins, SHARE, *takes[way], *END))


def _private(rng: random.Random, layout: Layout, bits: int | None) -> Program:
    """One shadow, one VMID, one ASID, and tables of stage 1 that are one vCPU's alone, as they may be.

    L0 has to keep what one of them holds on the CPU from the other one, whenever it gives that the CPU. L1's
    operation is for another page: both go on.
    """
    pages = [layout.ipa(0) + (n << SHIFT) for n in range(2)]
    va = layout.va(0)
    first = Context(1, s1=True, s2_bits=bits, pe=1)
    contexts = (first, replace(first, s2_of=0, pe=2), replace(first, s2_of=0, pe=0))
    maps: list[Action] = []
    for n, page in enumerate(pages):
        maps += [Map("s2", 0, page, 3, layout.frame(n), "rwx"), Map("s1", n, va, 3, page, "w")]
    operation = by_name(rng.choice(plain(("vae1", "vaae1"))))
    take = [Tlbi(2, operation.name, make_operand(operation, at=va + (1 << SHIFT), asid=0))]
    spins = Spin(1, 0, va, "l2"), Spin(2, 1, va, "l2")
    return Program(World(SHIFT, contexts, 3), (*maps, *spins, SHARE, *take, *END))
