# SPDX-License-Identifier: GPL-2.0-only
"""Stage-2 translation tables of the Arm VMSAv8-64, read from memory: geometry, descriptors, a bounded walk.

Source of every layout here: Arm ARM (DDI 0487) D8.2 "Translation process", D8.3 "Translation table descriptor
formats" and the description of VTCR_EL2. It knows no kernel: tables of L0, of L1 and shadow tables are alike.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from harness.arch.registers import get, mask
from harness.errors import InfraError

Read = Callable[[int, int], bytes]
"""Returns ``size`` bytes at a physical ``address``; raises ``MemoryGap`` where there is no memory."""

LAST_LEVEL = 3
MAX_TABLES = 1 << 18
MAX_DEFECTS = 64
_GRANULE_SHIFT = {0b00: 12, 0b01: 16, 0b10: 14}  # VTCR_EL2.TG0
# VTCR_EL2.SL0 to the initial lookup level; 4K needs FEAT_TTST for 0b11, 16K needs FEAT_LPA2.
_START = {12: {0: 2, 1: 1, 2: 0, 3: 3}, 14: {0: 3, 1: 2, 2: 1, 3: 0}, 16: {0: 3, 1: 2, 2: 1}}
_EXECUTE = {0b00: "x", 0b01: "u", 0b10: "-", 0b11: "p"}  # XN[1:0]: both, EL0 only, none, EL1 only


class MemoryGap(Exception):
    """An address that the memory at hand does not hold."""

    def __init__(self, address: int) -> None:
        super().__init__(f"no memory at {address:#x}")
        self.address = address


class BadTable(InfraError):
    """Tables that cannot be walked: a VTCR_EL2 that contradicts itself, or more tables than there can be."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The shape of a stage-2 tree. ``wide`` is the 52-bit output address: 4K and 16K by FEAT_LPA2, or 64K."""

    granule_shift: int
    ipa_bits: int
    start_level: int
    lpa2: bool = False
    wide: bool = False

    @classmethod
    def from_vtcr(cls, vtcr: int) -> Geometry:
        """Decode VTCR_EL2; ``BadTable`` when its fields contradict each other or permissions are indirect."""
        shift = _GRANULE_SHIFT.get(get(vtcr, "VTCR.TG0"))
        if shift is None:
            raise BadTable(f"VTCR_EL2 {vtcr:#x}: TG0 is reserved")
        if vtcr & mask("VTCR.S2PIE"):
            raise BadTable(f"VTCR_EL2 {vtcr:#x}: S2PIE is set; permissions by S2PIR_EL2 are not decoded")
        lpa2 = bool(vtcr & mask("VTCR.DS")) and shift != 16
        sl0 = get(vtcr, "VTCR.SL0")
        start = (
            -1 if lpa2 and shift == 12 and vtcr & mask("VTCR.SL2") and sl0 == 0 else _START[shift].get(sl0)
        )
        if start is None:
            raise BadTable(f"VTCR_EL2 {vtcr:#x}: SL0 {sl0} is reserved for this granule")
        wide = lpa2 or (shift == 16 and get(vtcr, "VTCR.PS") == 6)
        return cls(shift, 64 - get(vtcr, "VTCR.T0SZ"), start, lpa2, wide).checked(f"VTCR_EL2 {vtcr:#x}")

    def checked(self, what: str) -> Geometry:
        """Return itself; ``BadTable`` when the initial level cannot hold the IPA size (D8.2.8)."""
        bits = self.ipa_bits - self.shift(self.start_level)
        if not 1 <= bits <= self.stride + 4 or self.ipa_bits > 52:
            raise BadTable(
                f"{what}: an IPA of {self.ipa_bits} bits cannot start at level {self.start_level} "
                f"with a granule of {1 << self.granule_shift - 10}K"
            )
        return self

    @property
    def granule(self) -> int:
        """The granule in bytes."""
        return 1 << self.granule_shift

    @property
    def stride(self) -> int:
        """Address bits that one level resolves."""
        return self.granule_shift - 3

    def shift(self, level: int) -> int:
        """The address bit at which ``level`` starts to index."""
        return self.granule_shift + (LAST_LEVEL - level) * self.stride

    def span(self, level: int) -> int:
        """Bytes that one descriptor of ``level`` covers."""
        return 1 << self.shift(level)

    def entries(self, level: int) -> int:
        """Descriptors of a table of ``level``; concatenated tables of the initial level count as one."""
        if level == self.start_level:
            return 1 << self.ipa_bits - self.shift(level)
        return 1 << self.stride

    def block_allowed(self, level: int) -> bool:
        """Whether a block descriptor is permitted at ``level`` (D8.3.1)."""
        first = {12: 0 if self.lpa2 else 1, 14: 1 if self.lpa2 else 2, 16: 1 if self.wide else 2}
        return first[self.granule_shift] <= level < LAST_LEVEL

    def output(self, descriptor: int, level: int) -> int:
        """The output address of a leaf or the next-level table's address, its low bits cleared."""
        if self.lpa2:
            address = _bits(descriptor, 49, self.granule_shift) | (descriptor >> 8 & 3) << 50
        else:
            address = _bits(descriptor, 47, self.granule_shift)
            if self.wide:
                address |= (descriptor >> 12 & 0xF) << 48
        return address & -self.span(level)


def _bits(value: int, high: int, low: int) -> int:
    return value & ((1 << high + 1) - (1 << low))


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a stage-2 leaf permits and says of memory (D8.4.2 and D8.6.5).

    ``memattr`` is MemAttr[3:0], whose meaning depends on HCR_EL2.FWB; ``execute`` is x, u (EL0 only),
    p (EL1 only) or -.
    """

    read: bool
    write: bool
    execute: str
    memattr: int
    shareability: int
    accessed: bool
    dirty_bit: bool
    contiguous: bool
    software: int

    @classmethod
    def of(cls, descriptor: int, lpa2: bool) -> Attributes:
        """Decode the lower and upper attributes of a leaf. With FEAT_LPA2 shareability is in VTCR_EL2: -1."""
        return cls(
            read=bool(descriptor >> 6 & 1),
            write=bool(descriptor >> 7 & 1),
            execute=_EXECUTE[descriptor >> 53 & 3],
            memattr=descriptor >> 2 & 0xF,
            shareability=-1 if lpa2 else descriptor >> 8 & 3,
            accessed=bool(descriptor >> 10 & 1),
            dirty_bit=bool(descriptor >> 51 & 1),
            contiguous=bool(descriptor >> 52 & 1),
            software=descriptor >> 55 & 0xF,
        )

    @property
    def permissions(self) -> str:
        """Three letters, such as ``rwx`` or ``r--``."""
        return ("r" if self.read else "-") + ("w" if self.write else "-") + self.execute

    def __str__(self) -> str:
        words = [self.permissions, f"attr={self.memattr:#x}"]
        words += ["af"] if self.accessed else []
        words += ["dbm"] if self.dirty_bit else []
        words += ["cont"] if self.contiguous else []
        words += [f"sw={self.software:#x}"] if self.software else []
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One block or page descriptor: ``size`` bytes at ``ipa`` go to ``pa``."""

    ipa: int
    pa: int
    size: int
    level: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class BadDescriptor:
    """A descriptor that hardware could not use although it is valid."""

    ipa: int
    level: int
    descriptor: int
    text: str


@dataclass(slots=True)
class Walk:
    """What a walk found. ``annotated`` counts invalid descriptors that are not zero: notes of software."""

    leaves: list[Leaf] = field(default_factory=list)
    defects: list[BadDescriptor] = field(default_factory=list)
    tables: int = 0
    annotated: int = 0

    @property
    def mapped(self) -> int:
        """Bytes that the leaves map."""
        return sum(leaf.size for leaf in self.leaves)


@dataclass(frozen=True, slots=True)
class LeafRun:
    """Neighbouring leaves of one level with the same attributes and contiguous output: ``count`` of them."""

    ipa: int
    pa: int
    size: int
    level: int
    attributes: Attributes
    count: int


def walk(read: Read, base: int, geometry: Geometry, start: int = 0, end: int | None = None) -> Walk:
    """Walk the tree at physical ``base`` for the IPAs from ``start`` up to ``end``, which is not included.

    Unusable descriptors become defects, at most ``MAX_DEFECTS`` of them; ``BadTable`` after ``MAX_TABLES``
    tables, which no honest tree has. A leaf that only partly lies in the range is included whole.
    """
    found = Walk()
    limit = 1 << geometry.ipa_bits
    _table(
        read, base, geometry, geometry.start_level, 0, start, limit if end is None else min(end, limit), found
    )
    return found


def _table(
    read: Read, base: int, geometry: Geometry, level: int, origin: int, start: int, end: int, found: Walk
) -> None:
    found.tables += 1
    if found.tables > MAX_TABLES:
        raise BadTable(f"more than {MAX_TABLES} tables: this is not a translation table")
    span = geometry.span(level)
    first = max(0, (start - origin) // span)
    last = min(geometry.entries(level), -(-(end - origin) // span))
    if first >= last:
        return
    try:
        data = read(base + 8 * first, 8 * (last - first))
    except MemoryGap as gap:
        _defect(found, BadDescriptor(origin, level, 0, f"the table at {base:#x} cannot be read: {gap}"))
        return
    for index, descriptor in enumerate(struct.unpack(f"<{last - first}Q", data), first):
        if descriptor == 0:
            continue
        ipa = origin + index * span
        kind = descriptor & 3
        if not kind & 1:
            found.annotated += 1
        elif kind == 3 and level < LAST_LEVEL:
            table = geometry.output(descriptor, LAST_LEVEL)
            _table(read, table, geometry, level + 1, ipa, start, end, found)
        elif (kind == 3) == (level == LAST_LEVEL) and (kind == 3 or geometry.block_allowed(level)):
            attributes = Attributes.of(descriptor, geometry.lpa2)
            found.leaves.append(Leaf(ipa, geometry.output(descriptor, level), span, level, attributes))
        else:
            what = "a reserved descriptor" if level == LAST_LEVEL else "a block where none may be"
            _defect(found, BadDescriptor(ipa, level, descriptor, what))


def _defect(found: Walk, defect: BadDescriptor) -> None:
    if len(found.defects) < MAX_DEFECTS:
        found.defects.append(defect)


def runs(leaves: Iterable[Leaf]) -> Iterator[LeafRun]:
    """Merge leaves, in ascending order of IPA, into runs."""
    run: LeafRun | None = None
    for leaf in leaves:
        joins = (
            run is not None
            and (run.level, run.attributes) == (leaf.level, leaf.attributes)
            and (run.ipa + run.size, run.pa + run.size) == (leaf.ipa, leaf.pa)
        )
        if run is not None and joins:
            run = LeafRun(run.ipa, run.pa, run.size + leaf.size, run.level, run.attributes, run.count + 1)
            continue
        if run is not None:
            yield run
        run = LeafRun(leaf.ipa, leaf.pa, leaf.size, leaf.level, leaf.attributes, 1)
    if run is not None:
        yield run


def vttbr_base(vttbr: int, geometry: Geometry) -> int:
    """The table's address in VTTBR_EL2, without VMID and CnP; [5:2] hold bits 51:48 of a 52-bit address."""
    if geometry.wide:
        return _bits(vttbr, 47, 6) | get(vttbr, "TTBR.BADDR_HIGH") << 48
    return vttbr & mask("VTTBR.BADDR")


def vmid(vttbr: int) -> int:
    """VTTBR_EL2.VMID, sixteen bits."""
    return get(vttbr, "VTTBR.VMID")
