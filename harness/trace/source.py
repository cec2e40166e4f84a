# SPDX-License-Identifier: GPL-2.0-only
"""Who observed an event: the tracefs of a level, or the hardware model."""

from __future__ import annotations

import enum
import functools

from harness.level import Level


class Source(enum.StrEnum):
    """Order is exact within one source."""

    MODEL = "model"
    L0 = "l0"
    L1 = "l1"
    L2 = "l2"

    @classmethod
    def of(cls, level: Level) -> Source:
        """Return the source that is the tracefs of ``level``."""
        return cls(str(level))

    @property
    def level(self) -> Level | None:
        """The level whose tracefs this is; None for the model, which sees code of every level."""
        return None if self is Source.MODEL else Level.parse(self.value)


@functools.lru_cache(maxsize=4096)
def source_of(name: str) -> Source:
    """Return the source that the event name begins with, as in ``l0.tlbi``; ``ValueError`` for another."""
    return Source(name.partition(".")[0])
