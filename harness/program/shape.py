# SPDX-License-Identifier: GPL-2.0-only
"""What the programs of a batch have in common."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """What the programs of a batch share, so that one VM serves them: granule, CPUs, a hidden feature.

    VMIDs and what else tells KVM's shadow contexts apart are among it: taking one for another is slow
    (docs/litmus.md). ``bits``: of stage 2 of the first and the second context; 0 for what every program has.
    ``sl0``: of a context whose stage 2 cannot begin, or None. ``cnp``: every other context has it. ``ps``,
    ``ips``, ``s1_bits``: output sizes, and the input size of stage 1, of the first context, or None.
    ``flags``: of stage 1 and 2, whether hardware sets access flags. ``e2h0``: L1 has no HCR_EL2.E2H.
    """

    shift: int
    cpus: int
    hide: str = ""
    vmids: tuple[int, ...] = (1, 2, 3, 4)
    bits: tuple[int, int] = (0, 0)
    sl0: int | None = None
    cnp: bool = False
    ps: int | None = None
    ips: int | None = None
    s1_bits: int | None = None
    flags: tuple[bool, bool] = (False, False)
    e2h0: bool = False

    @property
    def least_bits(self) -> int:
        """The smallest input size, or 0."""
        return min(self.bits)
