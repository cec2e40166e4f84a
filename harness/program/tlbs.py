# SPDX-License-Identifier: GPL-2.0-only
"""What the TLBs of a program's PEs may hold, and what a TLBI obliges them to forget, for the reference model.

Which operation takes what: ``harness.arch.cover``. Rules are those of DDI 0487 M.a.a.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.arch.cover import Entry, State, obliges
from harness.arch.operand import decode
from harness.arch.table import Operand, Operation, Regime
from harness.program.addresses import E2_ASID, fits, input_bits
from harness.program.entries import FLAT_BYTES, FLAT_SHIFT, Combined, Held, TableLeaf
from harness.program.kernel_defects import KernelDefect
from harness.program.program import Context, World
from harness.program.tables import LAST_LEVEL, VEL2_SHIFT, ProgramTables, usable

CUT_OFF = "cut off"


@dataclass
class Tlb:
    """What one PE may hold."""

    s1: set[Held] = field(default_factory=set)
    s2: set[Held] = field(default_factory=set)
    combined: set[Combined] = field(default_factory=set)
    e2: set[Held] = field(default_factory=set)
    vncr: set[Held] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class ExecutedTlbi:
    """``operation`` with ``xt``; ``raw``: all of VTTBR_EL2.VMID, of which the rule sees what counts."""

    operation: Operation
    xt: int
    raw: int


class Tlbs:
    """The TLBs of all PEs over ``tables``; ``known``: defects that are taken for granted."""

    def __init__(self, world: World, tables: ProgramTables, known: tuple[KernelDefect, ...]) -> None:
        self.world = world
        self.tables = tables
        self.known = known
        self._drops_bits = any(defect.aliases for defect in known)
        self.of_pe = [Tlb() for _ in range(world.cpus)]
        self._closed = False

    def changed(self) -> None:
        """The tables, or what is held, are not what they were."""
        self._closed = False

    def close(self) -> None:
        """Let every PE hold all that it may hold now."""
        if self._closed:
            return
        self._closed = True
        asid = 0 if self.world.e2h0 else E2_ASID
        e2 = {Held(leaf, 0, asid) for leaf in self.tables.current("e2", 0) if not leaf.fault}
        for cpu, tlb in enumerate(self.of_pe):
            tlb.e2 |= e2
            tlb.vncr |= e2
            for i, c in enumerate(self.world.contexts):
                if c.tge or not c.loaded_by(cpu) or self.unfit(c):
                    continue
                if c.s1:
                    tlb.s1 |= {
                        Held(leaf, c.tag_vmid, c.tag_asid, c.vmid)
                        for leaf in self.tables.current("s1", self.world.s1_table(i))
                        if not leaf.fault
                    }
                if c.s2:
                    tlb.s2 |= {
                        Held(leaf, c.tag_vmid, raw=c.vmid)
                        for leaf in self.tables.current("s2", self.world.s2_table(i))
                        if not leaf.fault
                    }
                    tlb.s2 |= {Held(leaf, c.tag_vmid, raw=c.vmid) for leaf in self._aliases(i)}
                tlb.combined |= set(self._combinations(tlb, i))

    def bits(self, c: Context) -> int:
        """Log2 of what stage 2 of ``c`` translates."""
        return c.s2_bits or input_bits(self.world.shift)

    def unfit(self, c: Context) -> bool:
        """Whether stage 2 is on and cannot begin where VTCR_EL2.SL0 says: every access of L2 faults."""
        return c.s2 and c.sl0 is not None and not fits(self.world.shift, self.bits(c), c.sl0)

    def indexed(self, ctx: int, ipa: int) -> set[int]:
        """For which IPAs a walk of stage 2 may look: two where bits above the input size are dropped."""
        low = (1 << self.bits(self.world.contexts[ctx])) - 1
        return {ipa, ipa & low} if self._drops_bits else {ipa}

    def _aliases(self, ctx: int) -> set[TableLeaf]:
        """With such a defect: the leaves once more, where stage 1 leads."""
        c = self.world.contexts[ctx]
        if not c.s1 or not self._drops_bits:
            return set()
        low = (1 << self.bits(c)) - 1
        above = {leaf.to & ~low for leaf in self.tables.current("s1", self.world.s1_table(ctx))} - {0}
        leaves = [leaf for leaf in self.tables.current("s2", self.world.s2_table(ctx)) if not leaf.fault]
        return {dataclasses.replace(leaf, start=leaf.start + up) for leaf in leaves for up in above}

    def s1(self, tlb: Tlb, ctx: int) -> set[TableLeaf]:
        """The leaves of stage 1 that an access under ``ctx`` may use, held or in the tables."""
        c = self.world.contexts[ctx]
        held = {
            h.leaf
            for h in tlb.s1
            if h.vmid == c.tag_vmid and (h.asid == c.tag_asid or self._any_global(h.leaf))
        }
        return usable(held | self.tables.current("s1", self.world.s1_table(ctx)))

    @staticmethod
    def _any_global(leaf: TableLeaf) -> bool:
        return leaf.is_global and leaf.children is None

    def s2(self, tlb: Tlb, ctx: int) -> set[TableLeaf]:
        """The same of stage 2."""
        vmid = self.world.contexts[ctx].tag_vmid
        held = {h.leaf for h in tlb.s2 if h.vmid == vmid}
        return usable(held | self.tables.current("s2", self.world.s2_table(ctx)))

    def _combinations(self, tlb: Tlb, ctx: int) -> Iterable[Combined]:
        c = self.world.contexts[ctx]
        if not c.s1:
            return [
                Combined(None, leaf, c.tag_vmid, 0, raw=c.vmid)
                for leaf in (self.s2(tlb, ctx) if c.s2 else ())
            ]
        firsts = self.s1(tlb, ctx)
        if not c.s2:
            return [Combined(first, None, c.tag_vmid, c.tag_asid, raw=c.vmid) for first in firsts]
        seconds = self.s2(tlb, ctx)
        return [
            Combined(first, second, c.tag_vmid, c.tag_asid, raw=c.vmid)
            for first in firsts
            for second in seconds
            if second.start < first.to + first.size and first.to < second.end
        ]

    def cut_off(self, pointer: TableLeaf, children: frozenset[TableLeaf]) -> None:
        """Who still holds ``pointer`` finds in its table what was there last."""
        old = dataclasses.replace(pointer, perms=CUT_OFF, children=children)
        for tlb in self.of_pe:
            for held in (tlb.s1, tlb.s2, tlb.e2, tlb.vncr):
                for each in [h for h in held if h.leaf == pointer]:
                    held.remove(each)
                    held.add(dataclasses.replace(each, leaf=old))

    def overlapping(self, new: TableLeaf) -> set[TableLeaf]:
        """What any PE may hold, or any table says, of the addresses of ``new`` under its VMIDs."""
        found: set[TableLeaf] = set()
        if new.stage == "e2":
            for tlb in self.of_pe:
                found |= {held.leaf for held in tlb.e2 | tlb.vncr}
            return {leaf for leaf in found | self.tables.current("e2", 0) if leaf.overlaps(new)}
        users = self._users(new)
        for cpu, tlb in enumerate(self.of_pe):
            vmids = {c.tag_vmid for c in users if c.loaded_by(cpu)}
            held = tlb.s2 if new.stage == "s2" else tlb.s1
            found |= {
                each.leaf for each in held if each.vmid in vmids and self._clash(new, each.leaf, each.asid)
            }
            for both in tlb.combined:
                part = both.s2 if new.stage == "s2" else both.s1
                if part is not None and both.vmid in vmids and self._clash(new, part, both.asid):
                    found.add(part)
        return {leaf for leaf in found | self.tables.current(new.stage, new.table) if leaf.overlaps(new)}

    def _users(self, new: TableLeaf) -> list[Context]:
        """The contexts that use the table of ``new``."""
        table_of = self.world.s2_table if new.stage == "s2" else self.world.s1_table
        return [c for i, c in enumerate(self.world.contexts) if table_of(i) == new.table]

    def _clash(self, new: TableLeaf, old: TableLeaf, asid: int) -> bool:
        """Stage 1: entries of other ASIDs are apart unless one is global."""
        if new.stage == "s2" or old.is_global or new.is_global:
            return True
        return asid in {c.tag_asid for c in self._users(new)}

    def take(self, tlb: Tlb, tlbi: ExecutedTlbi, state: State) -> None:
        """Take from ``tlb`` what the operation obliges its PE to forget."""
        shift = self.world.shift

        def gone(held: Held, granule: int = shift, vncr: bool = False) -> bool:
            entry = held.entry(granule)
            if not obliges(tlbi.operation, tlbi.xt, state, entry):
                return False
            if entry.regime is Regime.EL10 and self._spared(held.raw, tlbi):
                return False
            return not any(
                defect.leaves(tlbi.operation, tlbi.xt, state, entry, vncr) for defect in self.known
            )

        tlb.s1 = {held for held in tlb.s1 if not gone(held)}
        tlb.s2 = {held for held in tlb.s2 if not gone(held)}
        tlb.e2 = {held for held in tlb.e2 if not gone(held, VEL2_SHIFT)}
        tlb.vncr = {held for held in tlb.vncr if not gone(held, VEL2_SHIFT, True)}
        left = (self._combined_left(both, tlbi, state, gone) for both in tlb.combined)
        tlb.combined = {both for both in left if both is not None}

    def _spared(self, raw: int, tlbi: ExecutedTlbi) -> bool:
        """With a defect that compares all bits of VTTBR_EL2.VMID: what differs in those that do not count."""
        return raw != tlbi.raw and any(defect.wide_vmids for defect in self.known)

    def _combined_left(
        self, both: Combined, tlbi: ExecutedTlbi, state: State, gone: Callable[[Held], bool]
    ) -> Combined | None:
        """What is left of a combined entry, which goes with its stage-1 part; IPAS2 leaves it (R_TVTYQ).

        With stage 1 off operations by VA are for it, too (R_XQBCL, I_RGYNM): the 4 KB page that is named
        goes.
        """
        if both.s1 is not None:
            return None if gone(Held(both.s1, both.vmid, both.asid, both.raw)) else both
        at = None
        if tlbi.operation.operand in (Operand.VA, Operand.VA_RANGE):
            at = decode(tlbi.operation, tlbi.xt, ds=state.ds1).va or 0
        page = Entry(
            stage=1,
            regime=Regime.EL10,
            start=0 if at is None else at,
            size=FLAT_BYTES,
            shift=FLAT_SHIFT,
            level=LAST_LEVEL,
            vmid=both.vmid,
            flat=True,
        )
        if self._spared(both.raw, tlbi) or not obliges(tlbi.operation, tlbi.xt, state, page):
            return both
        return None if at is None else dataclasses.replace(both, gone=both.gone | {at})
