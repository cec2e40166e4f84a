# SPDX-License-Identifier: GPL-2.0-only
"""Programs in which another VM ends, or comes and ends, while a CPU drops memory that is that VM's, too.

What L0 frees then, the MMU notifiers of that memory walk: a VM is among those that hear of them until it has
freed its shadows (``mmu_notifier_unregister()``). What goes wrong is no translation of the first VM's, and
shows as a splat, an oops, a hang, or as what is left behind.
"""

from __future__ import annotations

import random

from harness.program.addresses import Layout
from harness.program.program import (
    OTHER_VM_BEGINS,
    OTHER_VM_ENDS,
    Action,
    Context,
    Host,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    World,
)
from harness.reproduce.races.conflict_programs import SHIFT

WAYS = ("ends", "lives")
"""The other VM is there when CPU 1 begins; or it comes then: its shadows, too, are made beside notifiers."""


def ends(rng: random.Random, layout: Layout, bits: int | None = None, way: str = "") -> Program:
    """CPU 1 enters L2 for a read and drops the memory, in turn; CPU 0 ends the other VM."""
    way = way or rng.choice(WAYS)
    at = layout.ipa(0)
    begins, over = Host(OTHER_VM_BEGINS, 0), Host(OTHER_VM_ENDS, 0)
    maps: list[Action] = [Map("s2", 0, at, 3, layout.frame(0), "rwx")]
    spin = Spin(1, 0, at, "drop-turns")
    begin: list[Action] = [begins, spin] if way == "ends" else [spin, begins]
    world = World(SHIFT, (Context(1, s2_bits=bits),), 2)
    return Program(world, (*maps, *begin, over, Sample(1), Stop(1)))
