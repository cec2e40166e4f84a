# SPDX-License-Identifier: GPL-2.0-only
"""What looks at the stopped machine found in the shadow stage 2: data for the oracle ``shadow-subset``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stray:
    """``size`` bytes from ``ipa`` on that a shadow context maps and must not, or not so, and why."""

    ipa: int
    size: int
    text: str


@dataclass(frozen=True, slots=True)
class Shadow:
    """A shadow context held against L1's stage 2 composed with L0's.

    ``alive``: L1 has a VM with this VMID and table, or (without a kernel of ours) a vCPU of L1 has it loaded.
    ``agreeing`` and ``unknown`` count bytes. ``problem``
    says why it could not be walked.
    """

    index: int
    vttbr: int
    alive: bool
    agreeing: int = 0
    unknown: int = 0
    strays: tuple[Stray, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """All shadow contexts at one moment; ``problem`` says why the machine could not be looked into."""

    shadows: tuple[Shadow, ...] = ()
    problem: str = ""
