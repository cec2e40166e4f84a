# SPDX-License-Identifier: GPL-2.0-only
"""What a TLB may hold, for the reference model: leaves, tables, and their combinations."""

from __future__ import annotations

from dataclasses import dataclass

from harness.arch.cover import Entry
from harness.arch.table import Regime
from harness.program.memory_types import letters
from harness.program.program import CONTIGUOUS, OLD

FLAT_SHIFT = 12
FLAT_BYTES = 1 << FLAT_SHIFT
"""The least that an entry may be for while stage 1 is off."""


@dataclass(frozen=True, slots=True)
class TableLeaf:
    """A descriptor as it was in a table: of ``stage`` s1, s2 or e2, at ``start`` for ``size`` bytes.

    ``children`` is None for a leaf. A table pointer, which has its number in ``to``, has the leaves that its
    table held when it was cut off: whoever still holds the pointer still finds them. ``beyond``: the output
    has more bits than PS or IPS allows. ``flag`` is not 0 where hardware sets the access flag: another
    number for each time that L1 has written it as 0. ``dirty`` is the same of the dirty state, where a
    write sets it: such a leaf is writable (Arm ARM D8.5).
    """

    stage: str
    table: int
    start: int
    size: int
    level: int
    to: int
    perms: str
    children: frozenset[TableLeaf] | None = None
    beyond: bool = False
    flag: int = 0
    dirty: int = 0

    def __hash__(self) -> int:
        """Of what tells leaves apart as a rule: sets of them are most of what the model does."""
        return hash((self.start, self.to, self.level, self.perms))

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.size

    @property
    def is_global(self) -> bool:
        """Stage 1: nG is 0."""
        return "g" in self.perms

    @property
    def is_old(self) -> bool:
        """AF is 0 and stays so: an access faults, and no TLB holds it (Arm ARM D8.5.1)."""
        return OLD in self.perms and self.children is None and not self.flag

    @property
    def fault(self) -> str:
        """The kind of fault that a walk ends with here, or an empty string; then no TLB holds the leaf."""
        if self.beyond:  # first of the two (AArch64.S2Walk(), J1.1.3)
            return "address-size"
        return "access-flag" if self.is_old else ""

    def covers(self, at: int) -> bool:
        """Whether it translates ``at``."""
        return self.start <= at < self.end

    def overlaps(self, other: TableLeaf) -> bool:
        """Whether some address is translated by both."""
        return self.start < other.end and other.start < self.end

    def same_output(self, other: TableLeaf) -> bool:
        """Whether replacing one by the other needs no break-before-make: permissions alone differ.

        Arm ARM DDI 0487 M.a.a, R_WHZWS: output address (the contents of two pages always differ here),
        block size, type of memory, the contiguous bit and the move between global and non-global need it.
        """
        return (
            (self.start, self.level, self.to) == (other.start, other.level, other.to)
            and self.children is None
            and other.children is None
            and self.is_global == other.is_global
            and (CONTIGUOUS in self.perms) == (CONTIGUOUS in other.perms)
            and letters(self.perms) == letters(other.perms)
        )


@dataclass(frozen=True, slots=True)
class Held:
    """A leaf (or table pointer) in a TLB, with the tags of the context that it was walked for.

    ``raw``: all of that context's VTTBR_EL2.VMID, of which ``vmid`` may be the lower half.
    """

    leaf: TableLeaf
    vmid: int = 0
    asid: int = 0
    raw: int = 0

    def entry(self, shift: int) -> Entry:
        """The same for ``harness.arch.cover.obliges``; ``shift`` is log2 of the granule."""
        return Entry(
            stage=2 if self.leaf.stage == "s2" else 1,
            regime=Regime.EL2 if self.leaf.stage == "e2" else Regime.EL10,
            start=self.leaf.start,
            size=self.leaf.size,
            shift=shift,
            level=self.leaf.level,
            vmid=self.vmid,
            asid=self.asid,
            is_global=self.leaf.is_global,
            table=self.leaf.children is not None,
        )


@dataclass(frozen=True, slots=True)
class Combined:
    """A translation of both stages. ``s1`` None: stage 1 was off. ``s2`` None: stage 2 was.

    ``gone``: with stage 1 off, 4 KB pages that were invalidated by address. There is no leaf of stage 1 that
    would make the rest of them one entry, so a TLB may hold what is left of them. ``raw``: as of ``Held``.
    """

    s1: TableLeaf | None
    s2: TableLeaf | None
    vmid: int
    asid: int
    gone: frozenset[int] = frozenset()
    raw: int = 0

    def covers(self, va: int) -> bool:
        """Whether it translates ``va``."""
        if self.s1 is None:
            return self.s2 is not None and self.s2.covers(va) and va & ~(FLAT_BYTES - 1) not in self.gone
        if not self.s1.covers(va):
            return False
        return self.s2 is None or self.s2.covers(self.s1.to + (va - self.s1.start))

    def matches(self, vmid: int, asid: int) -> bool:
        """Whether a PE with these in VTTBR_EL2 and TTBR0_EL1 may use it: Arm ARM D8.16, entries carry both
        tags."""
        is_global = self.s1 is None or self.s1.is_global
        return self.vmid == vmid and (is_global or self.asid == asid)
