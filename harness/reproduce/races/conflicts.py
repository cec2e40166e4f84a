# SPDX-License-Identifier: GPL-2.0-only
"""Programs in which two CPUs meet: one uses a translation all the time, the other takes it away.

The reference model of the hunt says what the first one may see afterwards (docs/hunt.md).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from harness.arch.table import Operation, Regime, Shareability, by_name, load
from harness.program.addresses import E2_ASID, EVENT_PA, Layout
from harness.program.allowed import illegal
from harness.program.kernel_defects import DEFECTS, KernelDefect
from harness.program.program import (
    Access,
    Action,
    Context,
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


def program(rng: random.Random) -> Program:
    """One at random, legal by break-before-make; ``RuntimeError`` when none comes of many tries."""
    layout = Layout(SHIFT, rng.randrange(WINDOWS), 0)
    for _ in range(100):
        found = CONFLICTS[rng.choices(list(CONFLICTS), WEIGHTS)[0]](rng, layout)
        if not illegal(found):
            return found
    raise RuntimeError("no legal program in 100 tries")


def event(rng: random.Random, layout: Layout) -> Program:
    """L2 uses event memory on one CPU while L0's VMM drops or replaces it: no operation of L1 is needed."""
    at, offset = layout.ipa(0), rng.randrange(4) << SHIFT
    at += offset % layout.area_size
    begin: list[Action] = [Host("set-up", offset), Map("s2", 0, at, 3, EVENT_PA + offset, "rwx")]
    if rng.random() < 0.3:
        begin.append(Access("read", 0, at))
    action = rng.choice(("dontneed", "dontneed", "move", "delete"))
    end: list[Action] = [Host(action, offset), Sample(1), Stop(1)]
    return Program(World(SHIFT, (Context(1),), 2), (*begin, Spin(1, 0, at, "l2"), *end))


def vncr(rng: random.Random, layout: Layout) -> Program:
    """An L2 that is a hypervisor uses its VNCR page on one CPU while L1 unmaps or moves it on another."""
    page = layout.e2(rng.randrange(2))
    world = World(SHIFT, (Context(1, vncr=page), Context(1, tge=True)), 2)
    letters = rng.choice(("w", "w", "wg"))
    begin: list[Action] = [Map("e2", 0, page, 3, layout.frame(0), letters)]
    if rng.random() < 0.4:
        begin.append(Access("vncr", 0))
    operation = by_name(rng.choice(_of_vel2()))
    take: list[Action] = [
        Map("e2", 0, page, 3, None),
        Tlbi(1, operation.name, make_operand(operation, at=page, asid=E2_ASID)),
    ]
    end: list[Action] = []
    if rng.random() < 0.4:
        end.append(Map("e2", 0, page, 3, layout.frame(1), letters))
    return Program(world, (*begin, Spin(1, 0, page, "vncr"), *take, *end, Sample(1), Stop(1)))


def _of_vel2() -> list[str]:
    return [
        op.name
        for op in load()
        if op.family in OF_VEL2 and not op.nxs and not op.features and _broadcast(op) and not op.last_level
    ]


def _broadcast(operation: Operation) -> bool:
    return operation.scope is not Shareability.LOCAL and not operation.operand.is_range


def stage2(rng: random.Random, layout: Layout) -> Program:
    """L2 uses a page on one CPU while L1 takes it out of stage 2 on another: a known defect of Linux."""
    at = layout.ipa(0)
    operation = by_name("ipas2e1is")
    take = (
        Map("s2", 0, at, 3, None),
        Tlbi(0, operation.name, make_operand(operation, at=at)),
        Tlbi(0, "vmalle1is"),
    )
    end: tuple[Action, ...] = (Map("s2", 0, at, 3, layout.frame(1), "rwx"),) if rng.random() < 0.3 else ()
    begin = (Map("s2", 0, at, 3, layout.frame(0), "rwx"), Spin(1, 0, at, "l2"))
    return Program(World(SHIFT, (Context(1),), 2), (*begin, *take, *end, Sample(1), Stop(1)))


def recycle(rng: random.Random, layout: Layout) -> Program:
    """One CPU stays in its VMID; the other goes through more than KVM has shadow contexts for."""
    count = rng.choice((5, 6))
    world = World(SHIFT, tuple(Context(vmid) for vmid in range(1, count + 1)), 2)
    at = layout.ipa(0)
    maps = [Map("s2", ctx, at, 3, layout.frame(ctx % 4), "rwx") for ctx in range(count)]
    turns = [Access("read", ctx, at) for ctx in range(1, count)]
    rng.shuffle(turns)
    return Program(world, (*maps, Spin(1, 0, at, "l2"), *turns, Sample(1), *turns[:2], Sample(1), Stop(1)))


CONFLICTS: Mapping[str, Callable[[random.Random, Layout], Program]] = {
    "event": event,
    "vncr": vncr,
    "recycle": recycle,
    "stage2": stage2,
}
WEIGHTS = (40, 40, 14, 6)
