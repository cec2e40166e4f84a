# SPDX-License-Identifier: GPL-2.0-only
"""The reference model: what the architecture allows L2 (and vEL2) to observe, action by action.

It is set-valued. A translation may be held by a TLB from the moment that a table has it, whether or not
anybody used it (Arm ARM D8.16: speculative walks), and by any PE, until an executed TLBI covers it: no TLB
that an implementation may have retains more. An access may use what the tables say now, any stage-1 or
stage-2 entry that may still be held, in any combination, and any combined entry. Forgetting is always
allowed, so there is no rule for it. Which operation takes what, what traps and what is UNDEFINED:
``harness.arch.cover``, that is the reference in images/payloads/arch. Rules are those of DDI 0487 M.a.a.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from harness.arch import registers
from harness.arch.cover import Entry, State, fate, obliges, syndrome
from harness.arch.library import ALL_FEATURES, Fate, Features
from harness.arch.operand import decode
from harness.arch.table import Operand, Operation, Regime
from harness.program.addresses import (
    DATA_PA,
    E2_ASID,
    EVENT_PA,
    PHYSICAL_BITS,
    code_result,
    fits,
    input_bits,
    level_size,
    value_at,
)
from harness.program.entries import FLAT_BYTES, FLAT_SHIFT, Combined, Held, TableLeaf
from harness.program.kernel_defects import KernelDefect
from harness.program.program import (
    CONTIGUOUS,
    OLD,
    Access,
    Action,
    At,
    Context,
    Cpu,
    DescriptorLook,
    Host,
    InitialMemory,
    Map,
    Program,
    Sample,
    Spin,
    Tlbi,
    World,
)

VEL2_SHIFT = 12
LAST_LEVEL = 3
CUT_OFF = "cut off"
DONE = "done"
UNDEFINED = "undefined"
NOWHERE = "at=none"
HANG = "hang"
NO_STAGE_2 = "s2-translation!code"
"""VTCR_EL2.SL0 does not fit T0SZ: L2 cannot even be fetched."""
ALL64 = (1 << 64) - 1
DESCRIPTOR_OLD, DESCRIPTOR_YOUNG = "old", "young"
HPFAR_PAGE = ~0xFFF
"""HPFAR_EL2 has all of IPA[47:12], whatever the granule (Arm ARM D24.2 HPFAR_EL2, M.a.a)."""
HIDES = {"os": (Features.OS, Features.RANGE), "range": (Features.RANGE,), "xs": (Features.XS,)}
"""Features that L1 lacks with ``hide=``: the levels of ID_AA64ISAR0_EL1.TLB build on each other."""


def trap_token(operation: Operation) -> str:
    """ESR_EL2 of a TLBI by L2 that L1 traps, less IL. L2 has its operand in X1."""
    return f"trap={syndrome(operation, 1):#x}"


def l2_state(traps: Iterable[str], hide: str = "") -> State:
    """Of L2 at EL1, with L1's ``traps`` set (bits of HCR_EL2 by name) and the features ``hide`` hidden."""
    hcr = sum(registers.mask(f"HCR.{name.upper()}") for name in set(traps))
    features = ALL_FEATURES
    for feature in HIDES.get(hide, ()):
        features &= ~feature
    return State(0, el=1, e2h=False, hcr=hcr, features=features)


def trapped(operation: Operation, traps: Iterable[str]) -> bool:
    """Whether HCR_EL2.{TTLB,TTLBIS,TTLBOS} sends L2's operation to L1 (Arm ARM D24.2.62, M.a.a)."""
    return fate(operation, l2_state(traps)).trapped


def l2_fate(operation: Operation, context: Context) -> Fate:
    """What becomes of ``operation`` by L2 under ``context``; an L2 with a VNCR page is a hypervisor."""
    nv = frozenset({"nv"} if context.vncr is not None else ())
    return fate(operation, l2_state(context.traps | nv))


def hidden(operation: Operation, hide: str) -> bool:
    """Whether the operation belongs to a feature that L1 does not have, so that it is UNDEFINED there."""
    return fate(operation, l2_state((), hide)) is Fate.HIDDEN


@dataclass
class Tlb:
    """What one PE may hold."""

    s1: set[Held] = field(default_factory=set)
    s2: set[Held] = field(default_factory=set)
    combined: set[Combined] = field(default_factory=set)
    e2: set[Held] = field(default_factory=set)
    vncr: set[Held] = field(default_factory=set)


@dataclass
class _Spinning:
    ctx: int
    at: int
    where: str


class ReferenceModel:
    """The state after some actions of a program in ``world``.

    ``known``: defects that are taken for granted. ``forgetless``: no TLBI takes anything (for the question
    what a missing one would show).
    """

    def __init__(
        self,
        world: World,
        known: Iterable[KernelDefect] = (),
        forgetless: bool = False,
        memory: InitialMemory | None = None,
    ) -> None:
        self.world = world
        self.memory = memory
        self._words = (
            {pa: frozenset({value}) for pa, value in (*memory.words, *memory.code)} if memory else {}
        )
        self._code = dict(memory.code) if memory else {}
        self.known = tuple(known)
        self.forgetless = forgetless
        self.tables: dict[tuple[str, int], set[TableLeaf]] = {}
        self.tlbs = [Tlb() for _ in range(world.cpus)]
        self.cpu = 0
        self.spins: dict[int, _Spinning] = {}
        self._event: dict[int, bool] = {}
        self._present = True
        self._dirty: dict[int, bool] = {}
        self._closed = False
        self._pointers = 0
        self._flags: dict[int, frozenset[str]] = {}

    @classmethod
    def of(
        cls, program: Program, known: Iterable[KernelDefect] = (), forgetless: bool = False
    ) -> ReferenceModel:
        """The state before the first action of ``program``."""
        return cls(program.world, known, forgetless, program.memory)

    def step(self, action: Action) -> frozenset[str] | None:
        """Do ``action``; returns the observations that are allowed, None where there is none."""
        match action:
            case Map():
                self._map(action)
                return None
            case Tlbi():
                return self._tlbi(action)
            case Access():
                return self._access(action)
            case At():
                return self._at(action)
            case DescriptorLook():
                return frozenset(self._descriptor(action))
            case Spin():
                self.spins[action.cpu] = _Spinning(action.ctx, action.at, action.where)
                return frozenset({DONE})
            case Sample():
                return self._sample(self.spins[action.cpu], action.cpu)
            case Cpu():
                self.cpu = action.cpu
                return None
            case Host():
                return self._host(action)
            case _:
                return None

    # --- tables

    def current(self, stage: str, table: int) -> set[TableLeaf]:
        """The valid descriptors of a table now; table pointers too."""
        return self.tables.setdefault((stage, table), set())

    def leaf_of(self, action: Map) -> TableLeaf:
        """The leaf that ``action`` writes."""
        table = self._table_of(action)
        size = level_size(self._shift(action.stage), action.level)
        to = action.to or 0
        beyond = bool(to >> self._output_bits(action))
        return TableLeaf(action.stage, table, action.at, size, action.level, to, action.perms, beyond=beyond)

    def _output_bits(self, action: Map) -> int:
        """Of an output address of the tables that ``action`` writes: those who use them agree."""
        c = self.world.contexts[action.ctx]
        own = {"s2": c.ps, "s1": c.ips}.get(action.stage)
        return PHYSICAL_BITS if own is None else min(own, PHYSICAL_BITS)

    def _table_of(self, action: Map | DescriptorLook) -> int:
        if action.stage == "e2":
            return 0
        return self.world.s2_table(action.ctx) if action.stage == "s2" else self.world.s1_table(action.ctx)

    def _shift(self, stage: str) -> int:
        return VEL2_SHIFT if stage == "e2" else self.world.shift

    def why_illegal(self, action: Map) -> str:
        """Why ``action`` must not be done now, or an empty string.

        Break-before-make (R_WHZWS), and: an invalid descriptor is written over a valid one of the same level
        only.
        """
        return next(filter(None, map(self._why, action.parts(self._shift(action.stage)))), "")

    def _why(self, action: Map) -> str:
        new = self.leaf_of(action)
        now = self.current(new.stage, new.table)
        if action.to is None:
            there = any((leaf.start, leaf.level) == (new.start, new.level) for leaf in now)
            return "" if there else f"{new.stage} has nothing at {new.start:#x}, level {new.level}"
        self._close()
        for old in self._overlapping(new):
            if old in now and old.children is not None and old.level < new.level:
                continue  # its own table pointer
            if not old.same_output(new):
                return f"a TLB may hold {old.start:#x} at level {old.level} of {old.stage}"
        return ""

    def _overlapping(self, new: TableLeaf) -> set[TableLeaf]:
        """What any PE may hold, or any table says, of the addresses of ``new`` under its VMIDs."""
        found: set[TableLeaf] = set()
        if new.stage == "e2":
            for tlb in self.tlbs:
                found |= {held.leaf for held in tlb.e2 | tlb.vncr}
            return {leaf for leaf in found | self.current("e2", 0) if leaf.overlaps(new)}
        table_of = self.world.s2_table if new.stage == "s2" else self.world.s1_table
        users = [c for i, c in enumerate(self.world.contexts) if table_of(i) == new.table]
        for cpu, tlb in enumerate(self.tlbs):
            vmids = {c.tag_vmid for c in users if c.loaded_by(cpu)}
            held = tlb.s2 if new.stage == "s2" else tlb.s1
            found |= {
                each.leaf for each in held if each.vmid in vmids and self._clash(new, each.leaf, each.asid)
            }
            for both in tlb.combined:
                part = both.s2 if new.stage == "s2" else both.s1
                if part is not None and both.vmid in vmids and self._clash(new, part, both.asid):
                    found.add(part)
        return {leaf for leaf in found | self.current(new.stage, new.table) if leaf.overlaps(new)}

    def _clash(self, new: TableLeaf, old: TableLeaf, asid: int) -> bool:
        """Stage 1: entries of other ASIDs are apart unless one is global."""
        if new.stage == "s2" or old.is_global or new.is_global:
            return True
        users = [c for i, c in enumerate(self.world.contexts) if self.world.s1_table(i) == new.table]
        return asid in {c.tag_asid for c in users}

    def _map(self, action: Map) -> None:
        self._close()
        self._closed = False
        for part in action.parts(self._shift(action.stage)):
            self._write(part)

    def _write(self, action: Map) -> None:
        new = self.leaf_of(action)
        leaves = self.current(new.stage, new.table)
        inside = {leaf for leaf in leaves if new.start <= leaf.start and leaf.end <= new.end}
        for pointer in [leaf for leaf in inside if leaf.children is not None]:
            self._cut_off(pointer, frozenset(leaf for leaf in inside if leaf.children is None))
        leaves -= inside
        if action.to is None:
            return
        if new.level == LAST_LEVEL and not any(
            p.children is not None and p.covers(new.start) for p in leaves
        ):
            size = level_size(self._shift(new.stage), LAST_LEVEL - 1)
            self._pointers += 1
            at = new.start & ~(size - 1)
            leaves.add(
                TableLeaf(new.stage, new.table, at, size, LAST_LEVEL - 1, self._pointers, "", frozenset())
            )
        if OLD in new.perms and self._sets_flags(action):
            new = dataclasses.replace(new, flag=len(self._flags) + 1)
            self._flags[new.flag] = frozenset({DESCRIPTOR_OLD, DESCRIPTOR_YOUNG})  # or soon, by speculation
        leaves.add(new)

    def _sets_flags(self, action: Map) -> bool:
        """Whether hardware manages the access flag of these tables: those who use them agree."""
        c = self.world.contexts[action.ctx]
        return {"s2": c.s2_ha, "s1": c.s1_ha}.get(action.stage, False)

    def _descriptor(self, look: DescriptorLook) -> frozenset[str]:
        """What L1 finds in its table: as it wrote it, and the flag as hardware may have left it."""
        table = self._table_of(look)
        for leaf in self.current(look.stage, table):
            if (leaf.start, leaf.level) != (look.at, look.level):
                continue
            if leaf.children is not None:
                return frozenset({"table"})
            return self._flags.get(
                leaf.flag, frozenset({DESCRIPTOR_OLD if leaf.is_old else DESCRIPTOR_YOUNG})
            )
        return frozenset({"invalid"})

    def _settle(self, action: Access, found: frozenset[str]) -> None:
        """A translation that was used has its flag set, where it can have been no other one."""
        if any(token.startswith(("s1-", "s2-")) for token in found) or action.kind in ("peek", "vncr"):
            return
        c, tlb = self.world.contexts[action.ctx], self.tlbs[self.cpu]
        both = [b for b in tlb.combined if b.matches(c.tag_vmid, c.tag_asid) and b.covers(action.at)]
        firsts = [leaf for leaf in self._s1(tlb, action.ctx) if leaf.covers(action.at)] if c.s1 else []
        ipas = {leaf.to + (action.at - leaf.start) for leaf in firsts} if c.s1 else {action.at}
        seconds = [leaf for leaf in self._s2(tlb, action.ctx) if c.s2 and any(map(leaf.covers, ipas))]
        for used in (
            {*firsts, *(b.s1 for b in both if b.s1 is not None)},
            {*seconds, *(b.s2 for b in both if b.s2 is not None)},
        ):
            flags = {leaf.flag for leaf in used}
            if len(flags) == 1 and 0 not in flags and not any(CONTIGUOUS in leaf.perms for leaf in used):
                self._flags[flags.pop()] = frozenset({DESCRIPTOR_YOUNG})

    def _cut_off(self, pointer: TableLeaf, children: frozenset[TableLeaf]) -> None:
        """Who still holds ``pointer`` finds in its table what was there last."""
        old = dataclasses.replace(pointer, perms=CUT_OFF, children=children)
        for tlb in self.tlbs:
            for held in (tlb.s1, tlb.s2, tlb.e2, tlb.vncr):
                for each in [h for h in held if h.leaf == pointer]:
                    held.remove(each)
                    held.add(dataclasses.replace(each, leaf=old))

    # --- TLBs

    def _close(self) -> None:
        """Let every PE hold all that it may hold now."""
        if self._closed:
            return
        self._closed = True
        asid = 0 if self.world.e2h0 else E2_ASID
        e2 = {Held(leaf, 0, asid) for leaf in self.current("e2", 0) if not leaf.fault}
        for cpu, tlb in enumerate(self.tlbs):
            tlb.e2 |= e2
            tlb.vncr |= e2
            for i, c in enumerate(self.world.contexts):
                if c.tge or not c.loaded_by(cpu) or self.unfit(c):
                    continue
                if c.s1:
                    table = self.world.s1_table(i)
                    tlb.s1 |= {
                        Held(leaf, c.tag_vmid, c.tag_asid, c.vmid)
                        for leaf in self.current("s1", table)
                        if not leaf.fault
                    }
                if c.s2:
                    table = self.world.s2_table(i)
                    tlb.s2 |= {
                        Held(leaf, c.tag_vmid, raw=c.vmid)
                        for leaf in self.current("s2", table)
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

    def _aliases(self, ctx: int) -> set[TableLeaf]:
        """With a defect that drops bits above the input size: the leaves once more, where stage 1 leads."""
        c = self.world.contexts[ctx]
        if not c.s1 or not any(defect.aliases for defect in self.known):
            return set()
        low = (1 << self.bits(c)) - 1
        above = {leaf.to & ~low for leaf in self.current("s1", self.world.s1_table(ctx))} - {0}
        leaves = [leaf for leaf in self.current("s2", self.world.s2_table(ctx)) if not leaf.fault]
        return {dataclasses.replace(leaf, start=leaf.start + up) for leaf in leaves for up in above}

    def _leaves(self, held: Iterable[TableLeaf]) -> set[TableLeaf]:
        """With what table pointers lead to in place of the pointers; less what an access cannot use."""
        found: set[TableLeaf] = set()
        for leaf in held:
            found |= {leaf} if leaf.children is None else leaf.children
        return {leaf for leaf in found if not leaf.fault}

    def _fault_now(self, stage: str, table: int, at: int) -> str:
        """What a walk of the tables as they are ends with at ``at``: a kind of fault, or an empty string."""
        for leaf in self.current(stage, table):
            if leaf.children is None and leaf.covers(at):
                return leaf.fault
        return "translation"

    def _s1(self, tlb: Tlb, ctx: int) -> set[TableLeaf]:
        c = self.world.contexts[ctx]
        held = {
            h.leaf
            for h in tlb.s1
            if h.vmid == c.tag_vmid and (h.asid == c.tag_asid or self._any_global(h.leaf))
        }
        return self._leaves(held | self.current("s1", self.world.s1_table(ctx)))

    @staticmethod
    def _any_global(leaf: TableLeaf) -> bool:
        return leaf.is_global and leaf.children is None

    def _s2(self, tlb: Tlb, ctx: int) -> set[TableLeaf]:
        vmid = self.world.contexts[ctx].tag_vmid
        held = {h.leaf for h in tlb.s2 if h.vmid == vmid}
        return self._leaves(held | self.current("s2", self.world.s2_table(ctx)))

    def _combinations(self, tlb: Tlb, ctx: int) -> Iterable[Combined]:
        c = self.world.contexts[ctx]
        if not c.s1:
            return [
                Combined(None, leaf, c.tag_vmid, 0, raw=c.vmid)
                for leaf in (self._s2(tlb, ctx) if c.s2 else ())
            ]
        firsts = self._s1(tlb, ctx)
        if not c.s2:
            return [Combined(first, None, c.tag_vmid, c.tag_asid, raw=c.vmid) for first in firsts]
        seconds = self._s2(tlb, ctx)
        return [
            Combined(first, second, c.tag_vmid, c.tag_asid, raw=c.vmid)
            for first in firsts
            for second in seconds
            if second.start < first.to + first.size and first.to < second.end
        ]

    def _tlbi(self, action: Tlbi) -> frozenset[str]:
        operation, c = action.operation, self.world.contexts[action.ctx]
        if action.by_l2 and self.unfit(c):
            return frozenset({NO_STAGE_2})
        allowed = {DONE}
        # What does not exist is UNDEFINED whatever L1 traps: that is first in the pseudocode of C5.5.
        if hidden(operation, self.world.hide):
            executes = any(defect.executes(operation, self.world.hide) for defect in self.known)
            # What such an operation does besides is nobody's promise: it obliges nothing.
            return frozenset({UNDEFINED, DONE} if executes else {UNDEFINED})
        if action.by_l2 and (end := l2_fate(operation, c)) is not Fate.EXECUTES:
            return frozenset({UNDEFINED if end.undefined else trap_token(operation)})
        self._close()
        self._closed = False
        if not self.forgetless:
            for pe, tlb in enumerate(self.tlbs):
                el = 1 if action.by_l2 else 2
                tge = c.tge and not action.by_l2
                state = State(c.tag_vmid, not self.world.e2h0, tge, own_pe=pe == self.cpu, el=el)
                self._take(tlb, operation, action.xt, state, c.vmid)
        return frozenset(allowed)

    def _take(self, tlb: Tlb, operation: Operation, xt: int, state: State, raw: int) -> None:
        shift = self.world.shift

        def gone(held: Held, granule: int = shift, vncr: bool = False) -> bool:
            entry = held.entry(granule)
            if not obliges(operation, xt, state, entry):
                return False
            if entry.regime is Regime.EL10 and held.raw != raw and any(d.wide_vmids for d in self.known):
                return False
            return not any(defect.leaves(operation, xt, state, entry, vncr) for defect in self.known)

        tlb.s1 = {held for held in tlb.s1 if not gone(held)}
        tlb.s2 = {held for held in tlb.s2 if not gone(held)}
        tlb.e2 = {held for held in tlb.e2 if not gone(held, VEL2_SHIFT)}
        tlb.vncr = {held for held in tlb.vncr if not gone(held, VEL2_SHIFT, True)}
        left = (self._combined_left(both, operation, xt, state, gone, raw) for both in tlb.combined)
        tlb.combined = {both for both in left if both is not None}

    def _combined_left(
        self,
        both: Combined,
        operation: Operation,
        xt: int,
        state: State,
        gone: Callable[[Held], bool],
        raw: int,
    ) -> Combined | None:
        """What is left of a combined entry, which goes with its stage-1 part; IPAS2 leaves it (R_TVTYQ).

        With stage 1 off operations by VA are for it, too (R_XQBCL, I_RGYNM): the 4 KB page that is named
        goes.
        """
        if both.s1 is not None:
            return None if gone(Held(both.s1, both.vmid, both.asid, both.raw)) else both
        at = None
        if operation.operand in (Operand.VA, Operand.VA_RANGE):
            at = decode(operation, xt).va or 0
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
        other = both.raw != raw and any(d.wide_vmids for d in self.known)
        if other or not obliges(operation, xt, state, page):
            return both
        return None if at is None else dataclasses.replace(both, gone=both.gone | {at})

    # --- accesses

    def may(self, action: Access) -> frozenset[str]:
        """What ``action`` could lead to now, on this CPU; a write by the one word that it reaches."""
        self._close()  # a global entry of another context's tables is as good as one's own
        tlb = self.tlbs[self.cpu]
        if action.kind == "peek":
            return self._own(tlb.e2, action.at, "el2")
        if action.kind == "vncr":
            return self._vncr(tlb, action.ctx)
        return self._translate(tlb, action.ctx, action.at, action)

    def _at(self, action: At) -> frozenset[str]:
        """AT may use what an access may (C5.4), and looks at no memory; S1 forms end with an IPA."""
        self._close()
        tlb, c = self.tlbs[self.cpu], self.world.contexts[action.ctx]
        access = Access(action.op[-1], action.ctx, action.at, el0="e0" in action.op)
        if action.op.startswith("s12"):
            found = self._translate(tlb, action.ctx, action.at, access)
        elif c.s1:
            found = self._first(tlb, action.ctx, action.at, access)
        else:
            found = self._outcome(access, None, None, action.at)
        return frozenset(w if w.startswith("pa=") else f"par-{w.partition('@')[0]}" for w in found)

    def _first(self, tlb: Tlb, ctx: int, va: int, access: Access) -> frozenset[str]:
        """Stage 1 alone."""
        found: set[str] = set()
        if fault := self._fault_now("s1", self.world.s1_table(ctx), va):
            found.add(f"s1-{fault}")
        c = self.world.contexts[ctx]
        held = {h.leaf for h in tlb.s1 if h.vmid == c.tag_vmid and h.asid == c.tag_asid}
        found |= self._through_pointers(held, va, "s1")
        leaves = self._s1(tlb, ctx)
        leaves |= {b.s1 for b in tlb.combined if b.s1 is not None and b.matches(c.tag_vmid, c.tag_asid)}
        for first in leaves:
            if first.covers(va):
                found |= self._outcome(access, first, None, first.to + (va - first.start))
        return frozenset(found)

    def _access(self, action: Access) -> frozenset[str]:
        found = self.may(action)
        self._settle(action, found)
        if action.kind != "write":
            return found
        landed = {token: int(token[3:], 0) for token in found if token.startswith("at=0x")}
        for pa in landed.values():
            old = frozenset() if len(found) == 1 else self._held(pa)
            self._words[pa] = old | {action.value}
            if pa >= EVENT_PA:  # vEL2 does not look there: what L0 logs tells
                self._dirty[(pa - EVENT_PA) >> VEL2_SHIFT] = True
        return frozenset(
            word
            for token in found
            for word in (self._seen(landed[token], action) if token in landed else [token])
        )

    def _seen(self, pa: int, action: Access) -> Iterable[str]:
        """What vEL2 can find once a write has reached ``pa``: some frames had the value before."""
        if pa >= EVENT_PA:
            return [NOWHERE]
        if self.memory is None:
            return [f"at={pa:#x}"]
        words = [""]
        for frame in self.memory.frames:
            held = frozenset({action.value}) if frame == pa else self._held(frame)
            have = [f"{word}+{frame:#x}" for word in words] if action.value in held else []
            words = have + (words if held != {action.value} else [])
        return [f"at={word.removeprefix('+') or 'none'}" for word in words]

    def _vncr(self, tlb: Tlb, ctx: int) -> frozenset[str]:
        return self._own(tlb.vncr, (self.world.contexts[ctx].vncr or 0) + 0x90, "vncr")

    def _own(self, held: Iterable[Held], at: int, whose: str) -> frozenset[str]:
        """An access in vEL2's own regime."""
        found: set[str] = set()
        now = self._leaves(self.current("e2", 0))
        if fault := self._fault_now("e2", 0, at):
            found.add(f"{whose}-{fault}")
        for leaf in now | self._leaves(h.leaf for h in held):
            if leaf.covers(at):
                found |= self._values(leaf.to + (at - leaf.start))
        found |= self._through_pointers((h.leaf for h in held), at, whose)
        return frozenset(found)

    @staticmethod
    def _through_pointers(held: Iterable[TableLeaf], at: int, whose: str, where: str = "") -> set[str]:
        """Who still holds a table pointer finds an invalid descriptor where its table has none."""
        found = set()
        for leaf in held:
            if leaf.children is None or leaf.perms != CUT_OFF or not leaf.covers(at):
                continue
            there = [child for child in leaf.children if child.covers(at)]
            if not there or there[0].fault:
                found.add(f"{whose}-{there[0].fault if there else 'translation'}{where}")
        return found

    def _translate(self, tlb: Tlb, ctx: int, va: int, access: Access) -> frozenset[str]:
        c = self.world.contexts[ctx]
        if self.unfit(c):
            hangs = any(defect.unfit for defect in self.known)
            return frozenset({NO_STAGE_2, HANG} if hangs else {NO_STAGE_2})
        found: set[str] = set()
        for both in tlb.combined:
            if both.matches(c.tag_vmid, c.tag_asid) and both.covers(va):
                ipa = va if both.s1 is None else both.s1.to + (va - both.s1.start)
                found |= self._outcome(access, both.s1, both.s2, ipa)
        if not c.s1:
            return frozenset(found | self._stage2(tlb, ctx, None, va, access))
        if fault := self._fault_now("s1", self.world.s1_table(ctx), va):
            found.add(f"s1-{fault}")
        held = {h.leaf for h in tlb.s1 if h.vmid == c.tag_vmid and h.asid == c.tag_asid}
        found |= self._through_pointers(held, va, "s1")
        for first in self._s1(tlb, ctx):
            if first.covers(va):
                found |= self._stage2(tlb, ctx, first, first.to + (va - first.start), access)
        return frozenset(found)

    def _stage2(self, tlb: Tlb, ctx: int, first: TableLeaf | None, ipa: int, access: Access) -> set[str]:
        if first is not None and not _permits_s1(first.perms, access):
            return {"s1-permission"}  # stage 1 comes first (D8.15)
        if not self.world.contexts[ctx].s2:
            return set(self._outcome(access, first, None, ipa))
        where = f"@{ipa & HPFAR_PAGE:#x}"
        found: set[str] = set()
        if fault := self._fault_now("s2", self.world.s2_table(ctx), ipa):
            found.add(f"s2-{fault}{where}")
        vmid = self.world.contexts[ctx].tag_vmid
        found |= self._through_pointers((h.leaf for h in tlb.s2 if h.vmid == vmid), ipa, "s2", where)
        for second in self._s2(tlb, ctx):
            if second.covers(ipa):
                found |= self._outcome(access, first, second, ipa)
        return found

    def _outcome(
        self, access: Access, first: TableLeaf | None, second: TableLeaf | None, ipa: int
    ) -> frozenset[str]:
        if first is not None and not _permits_s1(first.perms, access):
            return frozenset({"s1-permission"})
        if second is not None and not _permits_s2(second.perms, access):
            return frozenset({"s2-permission"})
        pa = ipa if second is None else second.to + (ipa - second.start)
        if access.kind in ("r", "w"):
            return frozenset({f"pa={pa & ~0xFFF:#x}"})
        if access.kind == "write":
            return frozenset({f"at={pa:#x}"})
        if access.kind == "execute":
            return frozenset({self._result(pa)})
        return self._values(pa)

    def _result(self, pa: int) -> str:
        """What the code at ``pa`` returns: MOVZ X0, #imm16 and RET; UNDEFINED where there is none."""
        if self.memory is None:
            return f"v={code_result(pa & ~0xFF, self.world.shift):#x}"
        word = self._code.get(pa)
        return "undefined" if word is None else f"v={word >> 5 & 0xFFFF:#x}"

    def _held(self, pa: int) -> frozenset[int]:
        """What the word at ``pa`` may hold."""
        if pa in self._words:
            return self._words[pa]
        if DATA_PA <= pa < EVENT_PA and self.memory is not None:
            return frozenset({0})
        return frozenset({value_at(pa) ^ (ALL64 if pa >= EVENT_PA and self._event.get(pa - EVENT_PA) else 0)})

    def _values(self, pa: int) -> frozenset[str]:
        return frozenset(f"v={value:#x}" for value in self._held(pa))

    def _sample(self, spin: _Spinning, cpu: int) -> frozenset[str]:
        """What a CPU that reads all the time reads now: as an access of its own at this moment."""
        self._close()
        tlb = self.tlbs[cpu]
        if spin.where == "vel2":
            return self._own(tlb.e2, spin.at, "s1")
        if spin.where == "vncr":
            return self._own(tlb.vncr, spin.at + 0x90, "vncr")
        return self._translate(
            tlb, spin.ctx, spin.at, Access("read", spin.ctx, spin.at, el0=spin.where == "el0")
        )

    # --- L0's own events

    def _host(self, action: Host) -> frozenset[str]:
        """What KVM's memslots and MMU notifiers promise to L1 holds at once, for L2 too: no TLBI of L1's."""
        if not action.action.startswith("dirty"):
            self._words = {pa: held for pa, held in self._words.items() if pa < EVENT_PA}
        match action.action:
            case "set-up":
                self._event[action.offset] = False
            case "dontneed" | "move" | "delete":
                self._event[action.offset] = True
            case "dirty-on":
                self._dirty.clear()
                return frozenset({"v=0x1", "v=0x2"})
            case "dirty-read":
                seen = self._dirty.get(action.offset >> VEL2_SHIFT, False)
                self._dirty.clear()
                return frozenset({"v=0x2" if seen else "v=0x1"})
        return frozenset({"v=0x0"})


def _permits_s1(perms: str, access: Access) -> bool:
    """Direct permissions of EL1&0 (D8.4): AP[2] read-only, AP[1] for EL0, PXN and UXN; PAN and WXN are 0.

    What EL0 may write EL1 may not execute.
    """
    el0 = "u" in perms
    if access.kind == "execute":
        return "X" in perms if access.el0 else "x" in perms and not (el0 and "w" in perms)
    if access.kind in ("write", "w") and "w" not in perms:
        return False
    return el0 or not access.el0


def _permits_s2(perms: str, access: Access) -> bool:
    """Stage 2: S2AP and XN (D8.4)."""
    return {"read": "r", "write": "w", "execute": "x"}.get(access.kind, access.kind) in perms


def allowed_of(program: Program, known: Iterable[KernelDefect] = ()) -> list[frozenset[str] | None]:
    """What may be observed of each action of ``program``, None where nothing is observed."""
    model = ReferenceModel.of(program, known)
    return [model.step(action) for action in program.actions]


def illegal(program: Program) -> str:
    """Why a program must not be run: the first action that breaks break-before-make; empty if none does."""
    model = ReferenceModel.of(program)
    for number, action in enumerate(program.actions, 1):
        if isinstance(action, Map) and (why := model.why_illegal(action)):
            return f"action {number}: {why}"
        model.step(action)
    return ""
