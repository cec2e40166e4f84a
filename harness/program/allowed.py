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

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from harness.arch.cover import State
from harness.arch.library import Fate
from harness.arch.table import Regime
from harness.program.addresses import EVENT_PA, VNCR_WORD
from harness.program.entries import Held, TableLeaf
from harness.program.kernel_defects import KernelDefect
from harness.program.l2_fate import hidden, l2_fate, trap_token
from harness.program.loose import LooseWatch
from harness.program.memory_types import DEVICE, MAIR, combined, stage1, words
from harness.program.program import (
    VNCR_WRITES,
    WRITES,
    Access,
    Action,
    At,
    Cpu,
    DescriptorLook,
    Host,
    InitialMemory,
    Loose,
    Map,
    Program,
    Sample,
    Spin,
    Tlbi,
    World,
)
from harness.program.tables import ProgramTables, usable
from harness.program.tlbs import CUT_OFF, ExecutedTlbi, Tlb, Tlbs
from harness.program.words import ProgramWords

DONE = "done"
UNDEFINED = "undefined"
HANG = "hang"
NO_STAGE_2 = "s2-translation!code"
"""VTCR_EL2.SL0 does not fit T0SZ: L2 cannot even be fetched."""
KEPT = 1024
"""Answers of the model that are remembered: of two batches of programs, each with and without defects."""
HPFAR_PAGE = ~0xFFF
"""HPFAR_EL2 has all of IPA[47:12], whatever the granule (Arm ARM D24.2 HPFAR_EL2, M.a.a)."""


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
        self.known = tuple(known)
        self.forgetless = forgetless
        self.tables = ProgramTables(world)
        self.tlbs = Tlbs(world, self.tables, self.known)
        self.words = ProgramWords(world, memory)
        self.cpu = 0
        self.spins: dict[int, _Spinning] = {}

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
                return self.tables.descriptor(action)
            case Spin():
                self.spins[action.cpu] = _Spinning(action.ctx, action.at, action.seen)
                if action.seen in (WRITES, VNCR_WRITES):
                    self.words.written_at_any_time = True
                return frozenset({DONE})
            case Sample():
                return self._sample(self.spins[action.cpu], action.cpu)
            case Cpu():
                self.cpu = action.cpu
                return None
            case Host():
                return self.words.host(action)
            case _:
                return None

    def why_illegal(self, action: Map) -> str:
        """Why ``action`` must not be done now, or an empty string.

        Break-before-make (R_WHZWS), and: an invalid descriptor is written over a valid one of the same level
        only.
        """
        return next(filter(None, map(self._why, action.parts(self.tables.shift(action.stage)))), "")

    def _why(self, action: Map) -> str:
        new = self.tables.leaf_of(action)
        now = self.tables.current(new.stage, new.table)
        if action.to is None:
            there = any((leaf.start, leaf.level) == (new.start, new.level) for leaf in now)
            return "" if there else f"{new.stage} has nothing at {new.start:#x}, level {new.level}"
        self.tlbs.close()
        for old in self.tlbs.overlapping(new):
            if old in now and old.children is not None and old.level < new.level:
                continue  # its own table pointer
            if not old.same_output(new):
                return f"a TLB may hold {old.start:#x} at level {old.level} of {old.stage}"
        return ""

    def _map(self, action: Map) -> None:
        self.tlbs.close()
        self.tlbs.changed()
        for part in action.parts(self.tables.shift(action.stage)):
            for pointer, children in self.tables.write(part):
                self.tlbs.cut_off(pointer, children)

    def _tlbi(self, action: Tlbi) -> frozenset[str]:
        operation, c = action.operation, self.world.contexts[action.ctx]
        if action.by_l2 and self.tlbs.unfit(c):
            return frozenset({NO_STAGE_2})
        # What does not exist is UNDEFINED whatever L1 traps: that is first in the pseudocode of C5.5.
        if hidden(operation, self.world.hide):
            executes = any(defect.executes(operation, self.world.hide) for defect in self.known)
            # What such an operation does besides is nobody's promise: it obliges nothing.
            return frozenset({UNDEFINED, DONE} if executes else {UNDEFINED})
        if action.by_l2 and (end := l2_fate(operation, c)) is not Fate.EXECUTES:
            return frozenset({UNDEFINED if end.undefined else trap_token(operation)})
        self.tlbs.close()
        self.tlbs.changed()
        if not self.forgetless:
            executed = ExecutedTlbi(operation, action.xt, c.vmid)
            for pe, tlb in enumerate(self.tlbs.of_pe):
                el = 1 if action.by_l2 else 2
                tge = c.tge and not action.by_l2
                state = State(
                    c.tag_vmid,
                    not self.world.e2h0,
                    tge,
                    own_pe=pe == self.cpu,
                    el=el,
                    ds1=c.s1_ds and operation.regime is Regime.EL10 and not tge,
                    ds2=c.s2_ds,
                )
                self.tlbs.take(tlb, executed, state)
        return frozenset({DONE})

    def may(self, action: Access) -> frozenset[str]:
        """What ``action`` could lead to now, on this CPU; a write by the one word that it reaches."""
        self.tlbs.close()  # a global entry of another context's tables is as good as one's own
        tlb = self.tlbs.of_pe[self.cpu]
        if action.kind == "peek":
            return self._own(tlb.e2, action.at, "el2")
        if action.kind == "vncr":
            return self._vncr(tlb, action.ctx)
        return self._translate(tlb, action.ctx, action.at, action)

    def _at(self, action: At) -> frozenset[str]:
        """AT may use what an access may (C5.4), and looks at no memory; S1 forms end with an IPA."""
        self.tlbs.close()
        tlb, c = self.tlbs.of_pe[self.cpu], self.world.contexts[action.ctx]
        access = Access(
            action.op[-1], action.ctx, action.at, el0="e0" in action.op, attributes=action.attributes
        )
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
        if fault := self.tables.fault("s1", self.world.s1_table(ctx), va):
            found.add(f"s1-{fault}")
        c = self.world.contexts[ctx]
        held = {h.leaf for h in tlb.s1 if h.vmid == c.tag_vmid and h.asid == c.tag_asid}
        found |= self._through_pointers(held, va, "s1")
        leaves = self.tlbs.s1(tlb, ctx)
        leaves |= {b.s1 for b in tlb.combined if b.s1 is not None and b.matches(c.tag_vmid, c.tag_asid)}
        for first in leaves:
            if first.covers(va):
                found |= self._outcome(access, first, None, first.to + (va - first.start))
        return frozenset(found)

    def _access(self, action: Access) -> frozenset[str]:
        found = self.may(action)
        self._settle(action, found)
        return self.words.write(action, found) if action.kind == "write" else found

    def _settle(self, action: Access, found: frozenset[str]) -> None:
        """A translation that was used has its flag set, where it can have been no other one."""
        if action.kind in ("peek", "vncr"):
            return
        faults = any(token.startswith(("s1-", "s2-")) for token in found)
        if faults and action.kind != "write":
            return
        c, tlb = self.world.contexts[action.ctx], self.tlbs.of_pe[self.cpu]
        both = [b for b in tlb.combined if b.matches(c.tag_vmid, c.tag_asid) and b.covers(action.at)]
        firsts = [leaf for leaf in self.tlbs.s1(tlb, action.ctx) if leaf.covers(action.at)] if c.s1 else []
        ipas = {leaf.to + (action.at - leaf.start) for leaf in firsts} if c.s1 else {action.at}
        seconds = [leaf for leaf in self.tlbs.s2(tlb, action.ctx) if c.s2 and any(map(leaf.covers, ipas))]
        used1 = {*firsts, *(b.s1 for b in both if b.s1 is not None)}
        used2 = {*seconds, *(b.s2 for b in both if b.s2 is not None)}
        for leaves in () if faults else (used1, used2):
            self.tables.use(leaves)
        if action.kind == "write":  # stage 1 may have its state set though stage 2 refuses
            for leaves, permits in ((used1, _permits_s1), (used2, _permits_s2)):
                if any(permits(leaf, action) for leaf in leaves):
                    self.tables.write_through(leaves, not faults)

    def _vncr(self, tlb: Tlb, ctx: int) -> frozenset[str]:
        return self._own(tlb.vncr, (self.world.contexts[ctx].vncr or 0) + VNCR_WORD, "vncr")

    def _own(self, held: Iterable[Held], at: int, whose: str, writes: bool = False) -> frozenset[str]:
        """An access in vEL2's own regime; a write by the one word that it reaches."""
        found: set[str] = set()
        now = usable(self.tables.current("e2", 0))
        if fault := self.tables.fault("e2", 0, at):
            found.add(f"{whose}-{fault}")
        for leaf in now | usable(h.leaf for h in held):
            if not leaf.covers(at):
                continue
            pa = leaf.to + (at - leaf.start)
            if whose == "vncr" and pa >= EVENT_PA and self.words.event_gone:
                found.add("vncr-external")  # L0 has nothing that it could map there
            elif writes:
                found.add(f"at={pa:#x}" if "w" in leaf.perms else f"{whose}-permission")
            else:
                found |= self.words.read(pa)
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
        if self.tlbs.unfit(c):
            hangs = any(defect.unfit for defect in self.known)
            return frozenset({NO_STAGE_2, HANG} if hangs else {NO_STAGE_2})
        found: set[str] = set()
        for both in tlb.combined:
            if both.matches(c.tag_vmid, c.tag_asid) and both.covers(va):
                ipa = va if both.s1 is None else both.s1.to + (va - both.s1.start)
                found |= self._outcome(access, both.s1, both.s2, ipa)
        if not c.s1:
            return frozenset(found | self._stage2(tlb, ctx, None, va, access))
        if fault := self.tables.fault("s1", self.world.s1_table(ctx), va):
            found.add(f"s1-{fault}")
        held = {h.leaf for h in tlb.s1 if h.vmid == c.tag_vmid and h.asid == c.tag_asid}
        found |= self._through_pointers(held, va, "s1")
        for first in self.tlbs.s1(tlb, ctx):
            if first.covers(va):
                found |= self._stage2(tlb, ctx, first, first.to + (va - first.start), access)
        return frozenset(found)

    def _stage2(self, tlb: Tlb, ctx: int, first: TableLeaf | None, ipa: int, access: Access) -> set[str]:
        if first is not None and not _permits_s1(first, access):
            return {"s1-permission"}  # stage 1 comes first (D8.15)
        if not self.world.contexts[ctx].s2:
            return set(self._outcome(access, first, None, ipa))
        where = f"@{ipa & HPFAR_PAGE:#x}"
        found: set[str] = set()
        faults = {self.tables.fault("s2", self.world.s2_table(ctx), at) for at in self.tlbs.indexed(ctx, ipa)}
        found |= {f"s2-{fault}{where}" for fault in faults if fault}
        vmid = self.world.contexts[ctx].tag_vmid
        found |= self._through_pointers((h.leaf for h in tlb.s2 if h.vmid == vmid), ipa, "s2", where)
        for second in self.tlbs.s2(tlb, ctx):
            if second.covers(ipa):
                found |= self._outcome(access, first, second, ipa)
        return found

    def _outcome(
        self, access: Access, first: TableLeaf | None, second: TableLeaf | None, ipa: int
    ) -> frozenset[str]:
        if first is not None and not _permits_s1(first, access):
            return frozenset({"s1-permission"})
        if second is not None and not _permits_s2(second, access):
            return frozenset({"s2-permission"})
        pa = ipa if second is None else second.to + (ipa - second.start)
        if access.attributes:
            c = self.world.contexts[access.ctx]
            own = DEVICE if first is None else stage1(first.perms, MAIR if c.mair is None else c.mair)
            return words(pa & ~0xFFF, own if second is None else combined(own, second.perms, c.fwb), own)
        if access.kind in ("r", "w"):
            return frozenset({f"pa={pa & ~0xFFF:#x}"})
        if access.kind == "write":
            return frozenset({f"at={pa:#x}"})
        if access.kind == "execute":
            return frozenset({self.words.execute(pa)})
        return self.words.read(pa)

    def _sample(self, spin: _Spinning, cpu: int) -> frozenset[str]:
        """What a CPU that reads all the time reads now: as an access of its own at this moment.

        One that writes has written by then.
        """
        self.tlbs.close()
        tlb = self.tlbs.of_pe[cpu]
        if spin.where == "vel2":
            return self._own(tlb.e2, spin.at, "s1")
        if spin.where == "vncr":
            return self._own(tlb.vncr, spin.at + VNCR_WORD, "vncr")
        if spin.where == VNCR_WRITES:
            return self.words.wrote(self._own(tlb.vncr, spin.at + VNCR_WORD, "vncr", writes=True))
        if spin.where == WRITES:
            found = self._translate(tlb, spin.ctx, spin.at, Access("write", spin.ctx, spin.at))
            return self.words.wrote(found)
        return self._translate(
            tlb, spin.ctx, spin.at, Access("read", spin.ctx, spin.at, el0=spin.where == "el0")
        )


def _permits_s1(leaf: TableLeaf, access: Access) -> bool:
    """Direct permissions of EL1&0 (D8.4): AP[2] read-only, AP[1] for EL0, PXN and UXN; PAN and WXN are 0.

    What EL0 may write EL1 may not execute. What hardware makes dirty is writable (D8.5).
    """
    el0, writable = "u" in leaf.perms, "w" in leaf.perms or leaf.dirty > 0
    if access.kind == "execute":
        return "X" in leaf.perms if access.el0 else "x" in leaf.perms and not (el0 and writable)
    if access.kind in ("write", "w") and not writable:
        return False
    return el0 or not access.el0


def _permits_s2(leaf: TableLeaf, access: Access) -> bool:
    """Stage 2: S2AP and XN (D8.4)."""
    letter = {"read": "r", "write": "w", "execute": "x"}.get(access.kind, access.kind)
    return letter in leaf.perms or (letter == "w" and leaf.dirty > 0)


class _Pass(NamedTuple):
    """A program that has passed through the model."""

    observations: tuple[frozenset[str] | None, ...]
    loose: Loose
    """On a right machine; nothing with defects, or where no TLBI takes anything."""


def allowed_of(program: Program, known: Iterable[KernelDefect] = ()) -> list[frozenset[str] | None]:
    """What may be observed of each action of ``program``, None where nothing is observed."""
    return list(observations_of(program, tuple(known)))


def observations_of(
    program: Program, known: tuple[KernelDefect, ...], forgetless: bool = False
) -> tuple[frozenset[str] | None, ...]:
    """What ``ReferenceModel.of`` with these allows of each action."""
    return _pass(program, known, forgetless).observations


def loose_of(program: Program) -> Loose:
    """Where a TLB may hold something else than the tables say of what is used, after all operations then."""
    return _pass(program, (), False).loose


@functools.lru_cache(maxsize=KEPT)
def _pass(program: Program, known: tuple[KernelDefect, ...], forgetless: bool) -> _Pass:
    """Remembered, for whoever asks next.

    A hunt asks when it writes a program out, when it judges what came of it, and when it counts what that
    could have shown.
    """
    model = ReferenceModel.of(program, known, forgetless)
    if known or forgetless:
        return _Pass(tuple(map(model.step, program.actions)), Loose())
    watch = LooseWatch(model)
    found: list[frozenset[str] | None] = []
    for number, action in enumerate(program.actions):
        watch.before(number, action)
        found.append(model.step(action))
        watch.after(action)
    return _Pass(tuple(found), watch.end())


def illegal(program: Program) -> str:
    """Why a program must not be run: the first action that breaks break-before-make; empty if none does."""
    model = ReferenceModel.of(program)
    for number, action in enumerate(program.actions, 1):
        if isinstance(action, Map) and (why := model.why_illegal(action)):
            return f"action {number}: {why}"
        model.step(action)
    return ""
