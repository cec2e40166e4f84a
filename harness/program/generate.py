# SPDX-License-Identifier: GPL-2.0-only
"""Random programs: short, legal by break-before-make, and likely to have something stale to look at.

A program is made of rounds (``rounds``), of which its kind (``kinds``) says how many and of what.
"""

from __future__ import annotations

import random

from harness.program.addresses import Layout
from harness.program.kinds import KINDS
from harness.program.needs import FEATURES
from harness.program.program import Program, World
from harness.program.rounds import Rounds
from harness.program.shape import Shape

ALL_FEATURES = frozenset(FEATURES)
PRESSURE_PAGES = 1024
"""With so many entries of others QEMU's TLB is so large that a range operation of up to 8 pages is exact."""
PRESSED = 1 / 3
"""Part of the programs that begin with them."""


def generate(
    seed: str, kind: str, window: int, features: frozenset[str] = ALL_FEATURES, shape: Shape | None = None
) -> Program:
    """The program of ``kind`` and ``shape`` that follows from ``seed``, with the addresses of ``window``."""
    rng = random.Random(f"{seed} {kind} {window}")
    how = KINDS[kind]
    shape = shape or how.shape(rng)
    layout = Layout(shape.shift, window, shape.least_bits)
    contexts = how.contexts(rng, layout, shape)
    world = World(
        shape.shift, contexts, shape.cpus, shape.hide, shape.e2h0, _pressure(f"{seed} {kind} {window}")
    )
    g = Rounds(rng, world, layout, features, how.whole)
    how.fill(g)
    return g.program()


def _pressure(seed: str) -> int:
    """Drawn apart from the rest, so that a program is the same with and without."""
    return PRESSURE_PAGES if random.Random(f"pressure {seed}").random() < PRESSED else 0
