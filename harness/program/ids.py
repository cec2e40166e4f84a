# SPDX-License-Identifier: GPL-2.0-only
"""Which numbers a program uses where a field has many bits: VMIDs, ASIDs, bits of addresses.

The rule: low, high, all bits, and one-bit neighbours of what the program uses already. A kernel that cuts a
field short, or drops one of its bits, takes two of them for one.
"""

from __future__ import annotations

import random

ID_BITS = 16
"""Of VMIDs and ASIDs: VTCR_EL2.VS and TCR_ELx.AS are set."""


def any_id(rng: random.Random, bits: int = ID_BITS) -> int:
    """One of the low ones, the top bit alone or with another, all bits, or any."""
    top = 1 << (bits - 1)
    return rng.choice(
        (1, 2, 3, top, top | 1 << rng.randrange(bits - 1), (1 << bits) - 1, rng.randrange(1 << bits))
    )


def neighbour(rng: random.Random, value: int, bits: int = ID_BITS) -> int:
    """``value`` with one bit changed; mostly one that a field of 8 bits would lose."""
    low = bits // 2 if rng.random() < 0.5 else 0
    return value ^ 1 << rng.randrange(low, bits)


def distinct(rng: random.Random, count: int, bits: int = ID_BITS) -> tuple[int, ...]:
    """``count`` different ones: one by the rule, then neighbours of those before, or others by the rule."""
    found = [any_id(rng, bits)]
    while len(found) < count:
        new = neighbour(rng, rng.choice(found), bits) if rng.random() < 0.7 else any_id(rng, bits)
        if new not in found:
            found.append(new)
    return tuple(found)
