# SPDX-License-Identifier: GPL-2.0-only
"""Random programs: short, legal by break-before-make, and likely to have something stale to look at.

A program is made of rounds (``rounds``), of which its kind (``kinds``) says how many and of what.
"""

from __future__ import annotations

import random

from harness.program.addresses import Layout
from harness.program.kinds import KINDS, Shape
from harness.program.needs import FEATURES
from harness.program.program import Program, World
from harness.program.rounds import Rounds

ALL_FEATURES = frozenset(FEATURES)


def generate(
    seed: str, kind: str, window: int, features: frozenset[str] = ALL_FEATURES, shape: Shape | None = None
) -> Program:
    """The program of ``kind`` and ``shape`` that follows from ``seed``, with the addresses of ``window``."""
    rng = random.Random(f"{seed} {kind} {window}")
    how = KINDS[kind]
    shape = shape or how.shape(rng)
    layout = Layout(shape.shift, window, shape.least_bits)
    world = World(shape.shift, how.contexts(rng, layout, shape), shape.cpus, shape.hide, shape.e2h0)
    g = Rounds(rng, world, layout, features, how.whole)
    how.fill(g)
    return g.program()
