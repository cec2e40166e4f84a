# SPDX-License-Identifier: GPL-2.0-only
"""The three levels of a nested stack, in KVM's own terms."""

from __future__ import annotations

import enum


class Level(enum.IntEnum):
    """L0 is the host kernel, L1 the guest hypervisor, L2 the nested guest."""

    L0 = 0
    L1 = 1
    L2 = 2

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Level:
        """Return the level named ``l0``, ``l1`` or ``l2``; ``ValueError`` otherwise."""
        try:
            return cls[text.upper()]
        except KeyError:
            raise ValueError(f"{text!r} is not a level (l0, l1, l2)") from None
