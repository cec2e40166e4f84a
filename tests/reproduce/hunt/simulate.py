# SPDX-License-Identifier: GPL-2.0-only
"""A simulated machine that runs programs: TLBs that retain or flush as they like, defects to choose.

The opposite of the reference model: one concrete state, translations cached because something used them,
choices made at random. Model and generator are tested against it: whatever a right machine does must be
allowed, and what each defect does must be noticed by some program.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from harness.arch.cover import Entry, State, obliges
from harness.arch.operand import decode
from harness.arch.table import Operand, Operation, Regime, Scope
from harness.reproduce.hunt.allowed import HPFAR_PAGE, NOWHERE, hidden, trap_token, trapped
from harness.reproduce.hunt.layout import E2_ASID, EVENT_PA, code_result, level_size, value_at
from harness.reproduce.hunt.program import (
    Access,
    Action,
    Context,
    Cpu,
    Host,
    Map,
    Program,
    Sample,
    Spin,
    Tlbi,
    World,
)

ALL64 = (1 << 64) - 1


@dataclass
class _Table:
    """A page of last-level descriptors: address to output and permissions."""

    pages: dict[int, tuple[int, str]] = field(default_factory=dict)


_Slot = tuple[int, str] | _Table


@dataclass(frozen=True, eq=False)
class _Cached:
    """One TLB entry. ``slot`` is what a walk found there: a leaf, or a table that is walked on from here."""

    stage: str
    level: int
    start: int
    size: int
    slot: _Slot
    vmid: int
    asid: int
    is_global: bool


@dataclass(frozen=True, eq=False)
class _Both:
    """A combined entry: which page goes where, with both permissions, and its stage-1 part."""

    va: int
    first: _Cached | None
    pa: int
    perms1: str | None
    perms2: str | None
    vmid: int
    asid: int


@dataclass
class _Pe:
    cached: list[_Cached] = field(default_factory=list)
    both: list[_Both] = field(default_factory=list)


Spoil = Callable[["Machine", Operation, int, State, Entry], bool]


def _scope_lost(_: Machine, op: Operation, __: int, state: State, ___: Entry) -> bool:
    return op.scope is not Scope.LOCAL and not state.own_pe


DEFECTS: dict[str, Spoil] = {
    "no-ipas2": lambda _, op, __, ___, ____: op.family == "ipas2e1",
    "no-range": lambda _, op, __, ___, ____: op.operand.is_range,
    "no-vmalle1": lambda _, op, __, ___, ____: op.family == "vmalle1",
    "broadcast-lost": _scope_lost,
    "vmid-of-next": lambda _, __, ___, state, entry: entry.regime is Regime.EL10 and entry.vmid == state.vmid,
    "asid-zero": lambda _, op, __, ___, entry: op.matches_asid and entry.asid != 0 and not entry.is_global,
    "global-kept": lambda _, op, __, ___, entry: op.matches_asid and entry.is_global,
    "block-kept": lambda _, __, ___, ____, entry: entry.level == 2 and not entry.table,
    "last-page-kept": lambda m, op, xt, _, entry: m.beyond_first(op, xt, entry),
    "tables-kept": lambda _, __, ___, ____, entry: entry.table,
    "e2-kept": lambda _, __, ___, ____, entry: entry.regime is Regime.EL2,
    "tge-ignored": lambda _, op, __, state, ___: op.regime is Regime.EL10 and state.tge,
}
"""What is left alone although it must go."""
OTHERS = ("write-permission-lost", "execute-permission-lost", "forward-lost", "hidden-executed", "event-lost")
"""Defects that are no forgotten invalidation."""


class Machine:
    """``retain``: how often a cached translation is preferred to a walk; 0 is a TLB that is always empty."""

    def __init__(self, world: World, rng: random.Random, retain: float, defect: str = "") -> None:
        self.world = world
        self.rng = rng
        self.retain = retain
        self.defect = defect
        self.tables: dict[tuple[str, int], dict[int, _Slot]] = {}
        self.pes = [_Pe() for _ in range(world.cpus)]
        self.cpu = 0
        self.spins: dict[int, Spin] = {}
        self.event: dict[int, bool] = {}
        self.dirty: set[int] = set()

    def run(self, program: Program) -> list[str | None]:
        """The token that each action of ``program`` leaves, None where there is none."""
        return [self.step(action) for action in program.actions]

    def step(self, action: Action) -> str | None:
        """Do one action."""
        for spin in self.spins.values():
            if self.rng.random() < 0.5:
                self._sample(spin)
        match action:
            case Map():
                self._map(action)
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

    def _root(self, stage: str, ctx: int) -> dict[int, _Slot]:
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
        if not isinstance(table, _Table):
            table = root[area] = _Table()
        table.pages.pop(action.at, None)
        if leaf:
            table.pages[action.at] = leaf

    def _walk(self, pe: _Pe, stage: str, ctx: int, at: int, tag: Context) -> _Cached | None:
        """The leaf for ``at``, from a cached leaf, through a cached table, or from memory."""
        for each in self.rng.sample(pe.cached, len(pe.cached)):
            if each.stage == stage and each.start <= at < each.start + each.size and self._matches(each, tag):
                if self.rng.random() >= self.retain:
                    continue
                if isinstance(each.slot, _Table):
                    return self._last(pe, stage, each.slot, at, tag)
                return each
        shift = self._shift(stage)
        size = level_size(shift, 2)
        slot = self._root(stage, ctx).get(at & ~(size - 1))
        if slot is None:
            return None
        entry = self._cache(pe, stage, 2, at & ~(size - 1), size, slot, tag)
        return self._last(pe, stage, slot, at, tag) if isinstance(slot, _Table) else entry

    def _last(self, pe: _Pe, stage: str, table: _Table, at: int, tag: Context) -> _Cached | None:
        size = 1 << self._shift(stage)
        leaf = table.pages.get(at & ~(size - 1))
        return None if leaf is None else self._cache(pe, stage, 3, at & ~(size - 1), size, leaf, tag)

    def _cache(
        self, pe: _Pe, stage: str, level: int, start: int, size: int, slot: _Slot, tag: Context
    ) -> _Cached:
        is_global = not isinstance(slot, _Table) and "g" in slot[1]
        asid = E2_ASID if stage == "e2" else tag.asid
        entry = _Cached(stage, level, start, size, slot, tag.vmid, asid, is_global)
        if self.retain:
            pe.cached.append(entry)
        return entry

    @staticmethod
    def _matches(entry: _Cached, tag: Context) -> bool:
        if entry.stage == "e2":
            return True
        if entry.vmid != tag.vmid:
            return False
        return entry.stage == "s2" or entry.is_global or entry.asid == tag.asid

    # --- accesses

    def _sample(self, spin: Spin) -> str:
        pe = self.pes[spin.cpu]
        if spin.where == "vel2":
            return self._own(pe, spin.at, "s1")
        if spin.where == "vncr":
            return self._own(pe, spin.at + 0x90, "vncr")
        return self._access(pe, Access("read", spin.ctx, spin.at, el0=spin.where == "el0"))

    def _access(self, pe: _Pe, access: Access) -> str:
        if access.kind == "peek":
            return self._own(pe, access.at, "el2")
        if access.kind == "vncr":
            return self._own(pe, (self.world.contexts[access.ctx].vncr or 0) + 0x90, "vncr")
        c = self.world.contexts[access.ctx]
        page = access.at & ~((1 << self.world.shift) - 1)
        for both in self.rng.sample(pe.both, len(pe.both)):
            own = both.first is None or both.first.is_global or both.asid == c.asid
            if both.va == page and both.vmid == c.vmid and own and self.rng.random() < self.retain:
                return self._finish(access, both.perms1, both.perms2, both.pa + access.at - page)
        return self._translate(pe, access, c, page)

    def _translate(self, pe: _Pe, access: Access, c: Context, page: int) -> str:
        ipa, perms1, perms2, first = page, None, None, None
        if c.s1:
            first = self._walk(pe, "s1", access.ctx, page, c)
            if first is None:
                return "s1-translation"
            assert not isinstance(first.slot, _Table)
            ipa, perms1 = first.slot[0] + page - first.start, first.slot[1]
            if not self._stage1_permits(perms1, access):
                return "s1-permission"
        pa = ipa
        if c.s2:
            second = self._walk(pe, "s2", access.ctx, ipa, c)
            if second is None:
                return f"s2-translation@{(ipa + access.at - page) & HPFAR_PAGE:#x}"
            assert not isinstance(second.slot, _Table)
            pa, perms2 = second.slot[0] + ipa - second.start, second.slot[1]
        if self.retain:
            pe.both.append(_Both(page, first, pa, perms1, perms2, c.vmid, c.asid))
        return self._finish(access, perms1, perms2, pa + access.at - page)

    def _finish(self, access: Access, perms1: str | None, perms2: str | None, pa: int) -> str:
        if perms1 is not None and not self._stage1_permits(perms1, access):
            return "s1-permission"
        letter = {"read": "r", "write": "w", "execute": "x"}[access.kind]
        if perms2 is not None and letter not in perms2 and self.defect != f"{access.kind}-permission-lost":
            return "s2-permission"
        if access.kind == "execute":
            return f"v={code_result(pa & ~0xFF, self.world.shift):#x}"
        if access.kind == "write":
            if pa >= EVENT_PA:
                self.dirty.add((pa - EVENT_PA) >> 12)
                return NOWHERE
            return f"at={pa:#x}"
        return self._load(pa)

    @staticmethod
    def _stage1_permits(perms: str, access: Access) -> bool:
        writable, user = "w" in perms, "u" in perms
        if access.el0:
            return {"read": user, "write": user and writable, "execute": "X" in perms}[access.kind]
        return {"read": True, "write": writable, "execute": "x" in perms and not (user and writable)}[
            access.kind
        ]

    def _own(self, pe: _Pe, at: int, whose: str) -> str:
        leaf = self._walk(pe, "e2", 0, at, Context())
        if leaf is None:
            return f"{whose}-translation"
        assert not isinstance(leaf.slot, _Table)
        return self._load(leaf.slot[0] + at - leaf.start)

    def _load(self, pa: int) -> str:
        changed = pa >= EVENT_PA and self.event.get(pa - EVENT_PA, False)
        return f"v={value_at(pa) ^ (ALL64 if changed else 0):#x}"

    # --- operations

    def _tlbi(self, action: Tlbi) -> str:
        op, c = action.operation, self.world.contexts[action.ctx]
        if hidden(op, self.world.hide) and self.defect != "hidden-executed":
            return "undefined"
        if action.by_l2 and trapped(op, c.traps) and self.defect != "forward-lost":
            return trap_token(op)
        for number, pe in enumerate(self.pes):
            el = 1 if action.by_l2 else 2
            state = State(c.vmid, tge=c.tge and not action.by_l2, own_pe=number == self.cpu, el=el)
            pe.cached = [e for e in pe.cached if not self._gone(op, action.xt, state, self._entry(e))]
            pe.both = [b for b in pe.both if not self._both_gone(op, action.xt, state, b)]
        return "done"

    def _gone(self, op: Operation, xt: int, state: State, entry: Entry) -> bool:
        if not obliges(op, xt, state, entry):
            return False
        return self.defect not in DEFECTS or not DEFECTS[self.defect](self, op, xt, state, entry)

    def _both_gone(self, op: Operation, xt: int, state: State, both: _Both) -> bool:
        if both.first is not None:
            return self._gone(op, xt, state, self._entry(both.first))
        # Stage 1 is off: a page of the flat mapping, which is global.
        size = 1 << self.world.shift
        entry = Entry(1, Regime.EL10, both.va, size, self.world.shift, 3, both.vmid, 0, True)
        return self._gone(op, xt, state, entry)

    def _entry(self, e: _Cached) -> Entry:
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
            isinstance(e.slot, _Table),
        )

    def beyond_first(self, op: Operation, xt: int, entry: Entry) -> bool:
        """The operand names another page of a leaf than its first: some machines look at the first alone."""
        if op.operand not in (Operand.VA, Operand.IPA):
            return False
        fields = decode(op, xt)
        at = fields.va if fields.va is not None else fields.ipa
        return at is not None and at >= entry.start + (1 << entry.shift)

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
