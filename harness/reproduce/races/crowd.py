# SPDX-License-Identifier: GPL-2.0-only
"""Shadows of other VMIDs, before that of the user: it is not the first one, nor the only one.

Who takes translations away goes through all of them, and gives the lock up on the way; and another one has
something else at the address that the user looks at.
"""

from __future__ import annotations

import random
from dataclasses import replace

from harness.program.addresses import Layout
from harness.program.program import Access, Action, Context, Map, Program

KINDS = ("event", "memslot", "dirty", "stage1", "stage2", "flag")
"""Of program, in which a user in L2 has one shadow, and no other is there."""
OFTEN = 0.5
VMIDS = (0x31, 0x32)


def crowded(rng: random.Random, kind: str, program: Program, layout: Layout, bits: int | None) -> Program:
    """``program``, of a ``kind``, and sometimes one or two more contexts that the first CPU enters first."""
    if kind not in KINDS or rng.random() >= OFTEN:
        return program
    world, at = program.world, layout.ipa(0)
    more = rng.sample(VMIDS, rng.choice((1, 2)))
    first: list[Action] = []
    for ctx in range(len(world.contexts), len(world.contexts) + len(more)):
        first += [Map("s2", ctx, at, 3, layout.frame(3), "rwx"), Access("read", ctx, at)]
    contexts = (*world.contexts, *(Context(vmid, s2_bits=bits) for vmid in more))
    return replace(program, world=replace(world, contexts=contexts), actions=(*first, *program.actions))
