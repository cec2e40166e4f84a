# SPDX-License-Identifier: GPL-2.0-only
"""A simulated machine that runs programs: TLBs that retain or flush as they like, defects to choose.

The opposite of the reference model: one concrete state, translations cached because something used them,
choices made at random. Model and generator are tested against it: whatever a right machine does must be
allowed, and what each defect does must be noticed by some program.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from harness.arch.cover import Entry, State, obliges
from harness.arch.library import Fate
from harness.arch.table import Operation, Regime
from harness.program.addresses import (
    E2_ASID,
    EVENT_PA,
    PHYSICAL_BITS,
    code_result,
    fits,
    input_bits,
    level_size,
    value_at,
)
from harness.program.allowed import HPFAR_PAGE, NO_STAGE_2
from harness.program.l2_fate import hidden, l2_fate, trap_token
from harness.program.memory_types import DEVICE, INDEXES, MAIR, combined, stage1, words
from harness.program.program import (
    DBM,
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
from harness.program.words import NOWHERE
from tests.program.simulated_tlb import DEFECTS, OTHERS, Both, Cached, Pe, Slot, Table

ALL64 = (1 << 64) - 1


class Machine:
    """``retain``: how often a cached translation is preferred to a walk; 0 is a TLB that is always empty."""

    def __init__(self, world: World, rng: random.Random, retain: float, defect: str = "") -> None:
        self.world = world
        self.rng = rng
        self.retain = retain
        self.defect = defect
        self.tables: dict[tuple[str, int], dict[int, Slot]] = {}
        self.pes = [Pe() for _ in range(world.cpus)]
        if defect == "one-tlb":  # of one CPU that two vCPUs take turns on, and nobody flushes
            self.pes = [Pe()] * world.cpus
        self.cpu = 0
        self.spins: dict[int, Spin] = {}
        self.event: dict[int, bool] = {}
        self.dirty: set[int] = set()
        self.memory: InitialMemory | None = None
        self.words: dict[int, int] = {}

    def run(self, program: Program) -> list[str | None]:
        """The token that each action of ``program`` leaves, None where there is none."""
        self.memory = program.memory
        self.words = dict((*program.memory.words, *program.memory.code)) if program.memory else {}
        return [self.step(action) for action in program.actions]

    def step(self, action: Action) -> str | None:
        """Do one action."""
        for spin in self.spins.values():
            if self.rng.random() < 0.5:
                self._sample(spin)
        match action:
            case Map():
                for part in action.parts(self._shift(action.stage)):
                    self._map(part)
            case At():
                return self._at(action)
            case DescriptorLook():
                return self._descriptor(action)
            case Access():
                return self._access(self.pes[self.cpu], action)
            case Tlbi():
                return self._tlbi(action)
            case Spin():
                self.spins[action.cpu] = action
                return "done"
            case Sample():
                return self._sample(self.spins[action.cpu])
            case Cpu():
                self.cpu = action.cpu
            case Host():
                return self._host(action)
        return None

    # --- tables

    def _shift(self, stage: str) -> int:
        return 12 if stage == "e2" else self.world.shift

    def _root(self, stage: str, ctx: int) -> dict[int, Slot]:
        table = 0
        if stage != "e2":
            table = self.world.s2_table(ctx) if stage == "s2" else self.world.s1_table(ctx)
        return self.tables.setdefault((stage, table), {})

    def _map(self, action: Map) -> None:
        root = self._root(action.stage, action.ctx)
        area = action.at & ~(level_size(self._shift(action.stage), 2) - 1)
        leaf = None if action.to is None else (action.to, action.perms)
        if action.level == 2:
            root.pop(area, None)
            if leaf:
                root[area] = leaf
            return
        table = root.get(area)
        if not isinstance(table, Table):
            table = root[area] = Table()
        table.pages.pop(action.at, None)
        if leaf:
            table.pages[action.at] = leaf

    def _descriptor(self, look: DescriptorLook) -> str:
        size = level_size(self.world.shift, 2)
        slot = self._root(look.stage, look.ctx).get(look.at & ~(size - 1))
        if look.level == 3:
            slot = slot.pages.get(look.at) if isinstance(slot, Table) else None
        if slot is None:
            return "invalid"
        if isinstance(slot, Table):
            return "table"
        age = "old" if OLD in slot[1] else "young"
        return age if DBM not in slot[1] else f"{age}-{'dirty' if 'w' in slot[1] else 'clean'}"

    def _walk(self, pe: Pe, stage: str, ctx: int, at: int, tag: Context) -> Cached | str:
        """The leaf for ``at``, from a cached leaf, through a cached table, or from memory."""
        for each in self.rng.sample(pe.cached, len(pe.cached)):
            if each.stage == stage and each.start <= at < each.start + each.size and self._matches(each, tag):
                if self.rng.random() >= self.retain:
                    continue
                if isinstance(each.slot, Table):
                    return self._last(pe, stage, each.slot, at, tag)
                return each
        shift = self._shift(stage)
        size = level_size(shift, 2)
        slot = self._root(stage, ctx).get(at & ~(size - 1))
        if slot is None:
            return "translation"
        if not isinstance(slot, Table) and (fault := self._fault(stage, slot, tag)):
            return fault
        if not isinstance(slot, Table) and OLD in slot[1] and self.defect != "flag-not-written":
            slot = self._root(stage, ctx)[at & ~(size - 1)] = (slot[0], slot[1].replace(OLD, ""))
        entry = self._cache(pe, stage, 2, at & ~(size - 1), size, slot, tag)
        return self._last(pe, stage, slot, at, tag) if isinstance(slot, Table) else entry

    def _fault(self, stage: str, leaf: tuple[int, str], tag: Context) -> str:
        bits = {"s2": tag.ps, "s1": tag.ips}.get(stage)
        to = leaf[0] & (1 << 48) - 1 if self.defect == "wide-output-cut" else leaf[0]
        if to >> min(bits or PHYSICAL_BITS, PHYSICAL_BITS) and self.defect != "output-size-ignored":
            return "address-size"
        updates = {"s2": tag.s2_ha, "s1": tag.s1_ha}.get(stage)
        return "access-flag" if OLD in leaf[1] and not updates else ""

    def _last(self, pe: Pe, stage: str, table: Table, at: int, tag: Context) -> Cached | str:
        size = 1 << self._shift(stage)
        leaf = table.pages.get(at & ~(size - 1))
        if leaf is None:
            return "translation"
        if fault := self._fault(stage, leaf, tag):
            return fault
        if OLD in leaf[1] and self.defect != "flag-not-written":
            table.pages[at & ~(size - 1)] = leaf = (leaf[0], leaf[1].replace(OLD, ""))
        return self._cache(pe, stage, 3, at & ~(size - 1), size, leaf, tag)

    def _cache(
        self, pe: Pe, stage: str, level: int, start: int, size: int, slot: Slot, tag: Context
    ) -> Cached:
        is_global = not isinstance(slot, Table) and "g" in slot[1]
        asid = (0 if self.world.e2h0 else E2_ASID) if stage == "e2" else self._asid(tag)
        entry = Cached(stage, level, start, size, slot, self._vmid(tag), asid, is_global)
        if self.retain:
            pe.cached.append(entry)
        return entry

    def _vmid(self, c: Context) -> int:
        return c.vmid if self.defect == "vmid-whole" else c.tag_vmid

    def _asid(self, c: Context) -> int:
        return c.asid if self.defect == "asid-whole" else c.tag_asid

    def _matches(self, entry: Cached, tag: Context) -> bool:
        if entry.stage == "e2":
            return True
        if entry.vmid != self._vmid(tag):
            return False
        return entry.stage == "s2" or entry.is_global or entry.asid == self._asid(tag)

    def _unfit(self, c: Context) -> bool:
        bits = c.s2_bits or input_bits(self.world.shift)
        return c.s2 and c.sl0 is not None and not fits(self.world.shift, bits, c.sl0)

    def _input(self, c: Context, ipa: int) -> int:
        """The IPA that the tables are indexed with."""
        bits = c.s2_bits or input_bits(self.world.shift)
        return ipa & (1 << bits) - 1 if self.defect == "beyond-input-size" else ipa

    # --- accesses

    def _at(self, action: At) -> str:
        pe, c = self.pes[self.cpu], self.world.contexts[action.ctx]
        access = Access(
            action.op[-1], action.ctx, action.at, el0="e0" in action.op, attributes=action.attributes
        )
        if not action.op.startswith("s12"):
            c = replace(c, s2=False)
        page = action.at & ~((1 << self.world.shift) - 1)
        seen = self._translate(pe, access, c, page, keep=False)
        return seen if seen.startswith("pa=") else f"par-{seen.partition('@')[0]}"

    def _sample(self, spin: Spin) -> str:
        pe = self.pes[spin.cpu]
        if spin.where == "vel2":
            return self._own(pe, spin.at, "s1")
        if spin.where == "vncr":
            return self._own(pe, spin.at + 0x90, "vncr")
        return self._access(pe, Access("read", spin.ctx, spin.at, el0=spin.where == "el0"))

    def _access(self, pe: Pe, access: Access) -> str:
        if access.kind == "peek":
            return self._own(pe, access.at, "el2")
        if access.kind == "vncr":
            return self._own(pe, (self.world.contexts[access.ctx].vncr or 0) + 0x90, "vncr")
        c = self.world.contexts[access.ctx]
        if self._unfit(c):
            return NO_STAGE_2
        page = access.at & ~((1 << self.world.shift) - 1)
        for both in self.rng.sample(pe.both, len(pe.both)):
            own = both.first is None or both.first.is_global or both.asid == self._asid(c)
            if access.kind == "write" and self._clean(c, both.perms1, both.perms2):
                continue  # whoever may set the dirty state walks
            if both.va == page and both.vmid == self._vmid(c) and own and self.rng.random() < self.retain:
                return self._finish(access, both.perms1, both.perms2, both.pa + access.at - page)
        return self._translate(pe, access, c, page)

    def _translate(self, pe: Pe, access: Access, c: Context, page: int, keep: bool = True) -> str:
        ipa, perms1, perms2 = page, None, None
        first: Cached | None = None
        if c.s1:
            walked = self._walk(pe, "s1", access.ctx, page, c)
            if isinstance(walked, str):
                return f"s1-{walked}"
            first = walked
            assert not isinstance(first.slot, Table)
            ipa, perms1 = first.slot[0] + page - first.start, self._written("s1", first, access, c)
            if not self._stage1_permits(perms1, access):
                return "s1-permission"
        pa = ipa
        if c.s2:
            second = self._walk(pe, "s2", access.ctx, self._input(c, ipa), c)
            if isinstance(second, str):
                return f"s2-{second}@{(ipa + access.at - page) & HPFAR_PAGE:#x}"
            assert not isinstance(second.slot, Table)
            pa = second.slot[0] + self._input(c, ipa) - second.start
            perms2 = self._written("s2", second, access, c)
        if self.retain and keep:
            pe.both.append(Both(page, first, pa, perms1, perms2, self._vmid(c), self._asid(c)))
        return self._finish(access, perms1, perms2, pa + access.at - page)

    @staticmethod
    def _clean(c: Context, perms1: str | None, perms2: str | None) -> bool:
        """Whether hardware may make one of the two dirty."""
        each = ((c.s1_hd, perms1 or ""), (c.s2_hd, perms2 or ""))
        return any(sets and DBM in perms and "w" not in perms for sets, perms in each)

    def _written(self, stage: str, leaf: Cached, access: Access, c: Context) -> str:
        """The permissions of a leaf, and its dirty state set in memory where hardware does that."""
        assert not isinstance(leaf.slot, Table)
        perms = leaf.slot[1]
        if DBM in perms and self.defect == "dbm-writable":
            return perms + "w"
        sets = {"s1": c.s1_hd, "s2": c.s2_hd}[stage]
        early = self.defect == "dirty-by-read" and access.kind == "read"
        if not sets or DBM not in perms or "w" in perms or (access.kind != "write" and not early):
            return perms
        if access.el0 and stage == "s1" and "u" not in perms:
            return perms
        if self.defect != "dirty-not-written":
            root, size = self._root(stage, access.ctx), level_size(self.world.shift, 2)
            slot = root.get(leaf.start & ~(size - 1))
            if isinstance(slot, Table) and leaf.start in slot.pages:
                to, found = slot.pages[leaf.start]
                slot.pages[leaf.start] = (to, found + ("w" if DBM in found and "w" not in found else ""))
            elif isinstance(slot, tuple):
                root[leaf.start & ~(size - 1)] = (slot[0], slot[1] + ("" if "w" in slot[1] else "w"))
        return perms + "w"

    def _finish(self, access: Access, perms1: str | None, perms2: str | None, pa: int) -> str:
        if perms1 is not None and not self._stage1_permits(perms1, access):
            return "s1-permission"
        letter = {"read": "r", "write": "w", "execute": "x"}.get(access.kind, access.kind)
        if perms2 is not None and letter not in perms2 and self.defect != f"{access.kind}-permission-lost":
            return "s2-permission"
        if access.attributes:
            return self._typed(self.world.contexts[access.ctx], perms1, perms2, pa & ~0xFFF)
        if access.kind in ("r", "w"):
            return f"pa={pa & ~0xFFF:#x}"
        if access.kind == "execute" and self.memory is not None:
            return f"v={self.words[pa] >> 5 & 0xFFFF:#x}" if pa in self.words else "undefined"
        if access.kind == "execute":
            return f"v={code_result(pa & ~0xFF, self.world.shift):#x}"
        if access.kind == "write":
            if pa >= EVENT_PA:
                self.dirty.add((pa - EVENT_PA) >> 12)
                return NOWHERE
            self.words[pa] = access.value
            if self.memory is None:
                return f"at={pa:#x}"
            there = [frame for frame in self.memory.frames if self.words.get(frame, 0) == access.value]
            return f"at={'+'.join(f'{frame:#x}' for frame in there) or 'none'}"
        return self._load(pa)

    def _typed(self, c: Context, perms1: str | None, perms2: str | None, pa: int) -> str:
        if perms1 is not None and self.defect == "attribute-index-lost":
            perms1 = "".join(letter for letter in perms1 if letter not in INDEXES)
        own = DEVICE if perms1 is None else stage1(perms1, MAIR if c.mair is None else c.mair)
        ignored = perms2 is None or self.defect == "stage2-type-ignored"
        both = own if ignored else combined(own, perms2 or "", c.fwb)
        return self.rng.choice(sorted(words(pa, both, own)))

    @staticmethod
    def _stage1_permits(perms: str, access: Access) -> bool:
        writable, user = "w" in perms, "u" in perms
        if access.el0:
            own = {"read": user, "write": user and writable, "execute": "X" in perms}
        else:
            own = {"read": True, "write": writable, "execute": "x" in perms and not (user and writable)}
        return own[{"r": "read", "w": "write"}.get(access.kind, access.kind)]

    def _own(self, pe: Pe, at: int, whose: str) -> str:
        leaf = self._walk(pe, "e2", 0, at, Context())
        if isinstance(leaf, str):
            return f"{whose}-{leaf}"
        assert not isinstance(leaf.slot, Table)
        return self._load(leaf.slot[0] + at - leaf.start)

    def _load(self, pa: int) -> str:
        if self.memory is not None and pa < EVENT_PA:
            return f"v={self.words.get(pa, 0):#x}"
        changed = pa >= EVENT_PA and self.event.get(pa - EVENT_PA, False)
        return f"v={value_at(pa) ^ (ALL64 if changed else 0):#x}"

    # --- operations

    def _tlbi(self, action: Tlbi) -> str:
        op, c = action.operation, self.world.contexts[action.ctx]
        if action.by_l2 and self._unfit(c):
            return NO_STAGE_2
        if hidden(op, self.world.hide) and self.defect != "hidden-executed":
            return "undefined"
        if action.by_l2:
            end = l2_fate(op, c)
            lost = "el2-at-el1" if end in (Fate.NOT_AT_EL1, Fate.BY_NV) else "forward-lost"
            if end is not Fate.EXECUTES and self.defect != lost:
                return "undefined" if end.undefined else trap_token(op)
        for number, pe in enumerate(self.pes):
            el = 1 if action.by_l2 else 2
            tge, mine = c.tge and not action.by_l2, number == self.cpu
            right = self.defect != "range-unit"
            ds1 = right and c.s1_ds and op.regime is Regime.EL10 and not tge
            state = State(
                self._vmid(c),
                not self.world.e2h0,
                tge,
                own_pe=mine,
                el=el,
                ds1=ds1,
                ds2=right and c.s2_ds,
            )
            pe.cached = [e for e in pe.cached if not self._gone(op, action.xt, state, self._entry(e))]
            pe.both = [b for b in pe.both if not self._both_gone(op, action.xt, state, b)]
        return "done"

    def _gone(self, op: Operation, xt: int, state: State, entry: Entry) -> bool:
        if not obliges(op, xt, state, entry):
            return False
        return self.defect not in DEFECTS or not DEFECTS[self.defect](op, xt, state, entry)

    def _both_gone(self, op: Operation, xt: int, state: State, both: Both) -> bool:
        if both.first is not None:
            return self._gone(op, xt, state, self._entry(both.first))
        # Stage 1 is off: a page of the flat mapping, which is global.
        size = 1 << self.world.shift
        entry = Entry(1, Regime.EL10, both.va, size, self.world.shift, 3, both.vmid, 0, True)
        return self._gone(op, xt, state, entry)

    def _entry(self, e: Cached) -> Entry:
        return Entry(
            2 if e.stage == "s2" else 1,
            Regime.EL2 if e.stage == "e2" else Regime.EL10,
            e.start,
            e.size,
            self._shift(e.stage),
            e.level,
            e.vmid,
            e.asid,
            e.is_global,
            isinstance(e.slot, Table),
        )

    # --- events

    def _host(self, action: Host) -> str:
        if action.action == "dirty-read":
            seen = (action.offset >> 12) in self.dirty and self.defect != "event-lost"
            self.dirty.clear()
            return "v=0x2" if seen else "v=0x1"
        if action.action == "dirty-on":
            self.dirty.clear()
            return "v=0x1"
        if action.action == "set-up":
            self.event[action.offset] = False
        elif self.defect != "event-lost":
            self.event[action.offset] = True
        return "v=0x0"


def observations(program: Program, seed: str, retain: float, defect: str = "") -> list[str | None]:
    """What a simulated machine sees of ``program``."""
    return Machine(program.world, random.Random(seed), retain, defect).run(program)


def all_defects() -> Iterator[str]:
    """Every defect by name."""
    yield from DEFECTS
    yield from OTHERS
