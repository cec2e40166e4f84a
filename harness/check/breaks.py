# SPDX-License-Identifier: GPL-2.0-only
"""What the TLB sanitizer says of break-before-make: data for the oracle ``break-before-make``.

A level says who keeps the tables of a translation, and so has to break it: ``l0`` stage 2, which L0
keeps, for L1 and as the shadow of L1's; ``l1`` stage 1 of virtual EL2; ``l2`` stage 1 of everything else
below EL2: of L2, and of a guest without virtual EL2. It is ``enum keeper`` of the sanitizer's break.h.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.level import Level


@dataclass(frozen=True, slots=True)
class Unbroken:
    """A translation that became another one without a break: a report's text, first line first."""

    keeper: Level
    text: str


@dataclass(frozen=True, slots=True)
class Breaks:
    """What was seen until the end of the steps.

    ``broken`` counts, by keeper, entries of PEs whose translation was invalid when an operation by address
    took them. ``doubts`` say why the counts are no ground for a verdict; ``problem`` why there are none.
    """

    broken: Mapping[Level, int] = field(default_factory=dict)
    unbroken: tuple[Unbroken, ...] = ()
    doubts: tuple[str, ...] = ()
    problem: str = ""
