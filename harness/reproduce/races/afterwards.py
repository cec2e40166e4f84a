# SPDX-License-Identifier: GPL-2.0-only
"""What a race leaves in counters, flags and references shows at the next invalidation, not at once.

So each program ends with one: L1 takes away what its users still use, and they are looked at once more. A
pseudo-TLB that is not counted, for one, is stale at the next TLBI that believes the count.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.arch.table import by_name
from harness.program.addresses import E2_ASID
from harness.program.program import (
    VNCR_WRITES,
    Action,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    World,
    make_operand,
)
from harness.reproduce.races.conflict_programs import OF_EL1, OF_VEL2, plain, unmap


def probed(rng: random.Random, program: Program) -> Program:
    """``program``, and before its first user ends: what is still mapped for them is taken away by L1."""
    first = next(i for i, each in enumerate(program.actions) if isinstance(each, Stop))
    before = program.actions[:first]
    takes: list[Action] = []
    looks: list[Action] = []
    for spin in (each for each in before if isinstance(each, Spin)):
        stage = stage_of(program.world, spin)
        if not _mapped(before, stage, spin):
            continue
        took = _take(rng, program.world, stage, spin)
        takes += [] if took[0] in takes else took
        looks.append(Sample(spin.cpu))
    return program.with_actions((*before, *takes, *looks, *program.actions[first:]))


def stage_of(world: World, spin: Spin) -> str:
    """Whose table leads the user to its page: the first one on its way, s1, s2 or e2."""
    if spin.seen in ("vel2", "vncr", VNCR_WRITES):
        return "e2"
    return "s1" if world.contexts[spin.ctx].s1 else "s2"


def _mapped(actions: Sequence[Action], stage: str, spin: Spin) -> bool:
    """Whether its page is there in the end."""
    found = [
        each
        for each in actions
        if isinstance(each, Map)
        and (each.stage, each.at) == (stage, spin.at)
        and (stage == "e2" or each.ctx == spin.ctx)
    ]
    return bool(found) and found[-1].to is not None


def _take(rng: random.Random, world: World, stage: str, spin: Spin) -> list[Action]:
    """For EL2&0 with TGE where a context has it: else Linux leaves pseudo-TLBs alone, as is known."""
    if stage == "s2":
        return list(unmap(rng, spin.at, spin.ctx))
    ctx = spin.ctx
    if stage == "e2":
        ctx = next((i for i, each in enumerate(world.contexts) if each.tge), 0)
    elif not world.contexts[ctx].loaded_by(0):  # private to another CPU, and so is what the operation is for
        vmid = world.contexts[ctx].vmid
        ctx = next(i for i, each in enumerate(world.contexts) if each.vmid == vmid and each.loaded_by(0))
    families = OF_EL1 if stage == "s1" else OF_VEL2 if world.contexts[ctx].tge else ("alle2",)
    operation = by_name(rng.choice(plain(families)))
    asid = E2_ASID if stage == "e2" else 0
    return [
        Map(stage, spin.ctx if stage == "s1" else 0, spin.at, 3, None),
        Tlbi(ctx, operation.name, make_operand(operation, at=spin.at, asid=asid)),
    ]
