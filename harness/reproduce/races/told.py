# SPDX-License-Identifier: GPL-2.0-only
"""What a worker of a hunt for races tells the campaign."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

RUN_COST = 40_000_000
"""A quarter of a second's worth: to begin and to judge a run."""
ARRIVAL_COST = 1000
"""The plugin's work at a place."""


@dataclass
class Done:
    """What some schedules of a program brought. ``met``: runs in which each hold's condition came.

    ``begins``: these are its first ones; ``seconds``: what all took; ``instructions``: what the machine
    executed in its runs; ``arrivals``: at places, meanwhile.
    """

    kind: str = ""
    begins: bool = False
    seconds: float = 0.0
    instructions: int = 0
    arrivals: int = 0
    runs: int = 0
    held: int = 0
    met: int = 0
    restores: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)

    @property
    def cost(self) -> int:
        """What this took of the machine, as instructions: which does not depend on the host."""
        return self.runs * RUN_COST + self.arrivals * ARRIVAL_COST + self.instructions


@dataclass(frozen=True)
class RaceNote:
    """Something to tell; ``kept``: a finding was written; ``fatal``: the worker gave up."""

    text: str
    kept: bool = False
    fatal: bool = False
