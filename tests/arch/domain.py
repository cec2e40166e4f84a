# SPDX-License-Identifier: GPL-2.0-only
"""The questions: every combination of a reduced domain, named dimension by dimension.

``tags`` varies what an operation and an entry are (operation, EL, HCR_EL2, HCRX_EL2, VMID, ASID, stage,
kind) with the address right; ``addresses`` varies operands and extents (granule, level, TTL, TG, SCALE,
NUM, DS, LPA2, where the base is) with everything else right. In full both have more values, and ``tags``
every operation.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from harness.arch.library import Answer, CState, CTranslation, Features, Stage, c_operation
from harness.arch.table import Operand, Operation, by_name, load
from tests.arch import rules
from tests.arch.rules import GRANULE_BYTES, Cached, Pe

ANSWERS = {rules.MAY: Answer.MAY, rules.MUST: Answer.MUST, rules.UNPREDICTABLE: Answer.UNPREDICTABLE}
LEVELS = {"4k": (0, 1, 2, 3), "16k": (1, 2, 3), "64k": (1, 2, 3)}
STAGES = {"1": Stage.STAGE_1, "2": Stage.STAGE_2, "12": Stage.COMBINED}
SHIFT = {"4k": 12, "16k": 14, "64k": 16}
HCR_E2H, HCR_TGE, HCR_FB, HCRX_FNXS = 1 << 34, 1 << 27, 1 << 9, 1 << 3
TOP = 1 << 64
HIGH = TOP - (1 << 44)


@dataclass(frozen=True)
class Group:
    """One operation and operand against every pair of a PE and an entry."""

    operation: Operation
    xt: int
    pes: tuple[Pe, ...]
    held: tuple[Cached, ...]

    @property
    def questions(self) -> int:
        """How many."""
        return len(self.pes) * len(self.held)


def c_pe(pe: Pe) -> CState:
    """``pe`` for the reference."""
    hcr = HCR_E2H * pe.e2h | HCR_TGE * pe.tge | HCR_FB * pe.fb
    features = Features.OS | Features.RANGE | Features.XS | (Features.LPA2 if pe.lpa2 else 0)
    return CState(hcr, HCRX_FNXS * pe.fnxs, 0, pe.vmid, pe.el, features, pe.ds1, pe.ds2, pe.same)


def c_held(held: Cached) -> CTranslation:
    """``held`` for the reference."""
    regime = 1 if held.regime == "2" else 0
    return CTranslation(
        held.first,
        held.bytes,
        STAGES[held.stages],
        regime,
        SHIFT[held.granule],
        held.level,
        held.vmid,
        held.asid,
        not held.ng,
        held.table,
        held.xs,
        held.s1_off,
    )


class Reference:
    """Asks a compiled reference; what is asked again and again is converted once."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self._pes: dict[tuple[Pe, ...], ctypes.Array[CState]] = {}
        self._held: dict[tuple[Cached, ...], ctypes.Array[CTranslation]] = {}

    def answers(self, group: Group) -> bytes:
        """One ``Answer`` for each PE and entry, entries innermost."""
        pes = self._pes.get(group.pes)
        if pes is None:
            pes = self._pes[group.pes] = (CState * len(group.pes))(*map(c_pe, group.pes))
        held = self._held.get(group.held)
        if held is None:
            held = self._held[group.held] = (CTranslation * len(group.held))(*map(c_held, group.held))
        found = (ctypes.c_uint8 * group.questions)()
        self.library.nvh_answers(
            c_operation(group.operation), group.xt, pes, len(pes), held, len(held), found
        )
        return bytes(found)


def expected(group: Group, oracle: ModuleType = rules) -> bytes:
    """What the independent oracle answers, in the same order."""
    name, xt, answer = group.operation.name, group.xt, oracle.answer
    return bytes(ANSWERS[answer(name, xt, pe, held)] for pe in group.pes for held in group.held)


def _operand(op: Operation, asid: int, low: int) -> int:
    """Bits [63:48] where the form has an ASID; digits, not the code under test."""
    return (asid << 48 if op.matches_asid else 0) | low


# ---- tags

VA = 0x40_0000_0000
SAMPLE = (
    "vmalle1",
    "vae1",
    "vae1is",
    "vae1isnxs",
    "vale1os",
    "aside1",
    "aside1isnxs",
    "vaae1",
    "vaale1nxs",
    "rvae1",
    "rvale1isnxs",
    "rvaae1os",
    "alle1",
    "alle1isnxs",
    "vmalls12e1",
    "vmalls12e1osnxs",
    "ipas2e1",
    "ipas2le1is",
    "ipas2e1isnxs",
    "ripas2e1",
    "ripas2le1osnxs",
    "alle2",
    "alle2isnxs",
    "vae2",
    "vale2is",
    "vae2isnxs",
    "rvae2",
    "rvale2osnxs",
)
BOOLS = (False, True)


def _held_of_tags(full: bool) -> tuple[Cached, ...]:
    found = []
    for stages, regime, vmid, asid, ng, table, xs, off in itertools.product(
        ("1", "2", "12"), ("10", "2"), (1, 2), (5, 6), BOOLS, BOOLS, BOOLS, BOOLS
    ):
        if regime == "2" and stages != "1":
            continue  # EL2 has one stage
        if stages == "2" and (asid != 5 or ng or off):
            continue  # stage 2 has neither
        if off and (table or ng or asid != 5):
            continue
        if not full and (xs and (vmid != 1 or off)):
            continue
        level = 2 if table else 3
        size = 2 << 20 if table else 4096
        found.append(Cached(stages, regime, VA, size, "4k", level, vmid, asid, ng, table, xs, off))
    return tuple(found)


def _pes_of_tags(full: bool) -> tuple[Pe, ...]:
    found = []
    for el, e2h, tge, fb, fnxs, same in itertools.product((1, 2), BOOLS, BOOLS, BOOLS, BOOLS, BOOLS):
        if not full and sum((fb, fnxs, not same)) > 2:
            continue
        found.append(Pe(el, e2h, tge, fb, fnxs, same=same))
    return tuple(found)


def tags(full: bool) -> Iterator[Group]:
    """What operations and entries are, the address being right."""
    held, pes = _held_of_tags(full), _pes_of_tags(full)
    for op in load() if full else [by_name(name) for name in SAMPLE]:
        page = VA >> 12
        low = {Operand.NONE: 0, Operand.ASID: 0}.get(op.operand, page)
        if op.operand.is_range:
            low |= 1 << 46
        for asid in (5, 6) if op.matches_asid else (0,):
            yield Group(op, _operand(op, asid, low), pes, held)


# ---- addresses


def _held_at(op: Operation, full: bool) -> tuple[Cached, ...]:
    ipa = op.operand in (Operand.IPA, Operand.IPA_RANGE)
    stages, regime = ("2", "10") if ipa else ("1", "2" if op.family == "vae2" else "10")
    found = []
    for granule, table in itertools.product(GRANULE_BYTES, BOOLS):
        for level in LEVELS[granule]:
            if table and level == 3:
                continue
            size = 1 << (SHIFT[granule] + (3 - level) * (SHIFT[granule] - 3))
            starts = [4 * size if 4 * size < 1 << 47 else 0]
            if not ipa:
                starts += [HIGH + size % (1 << 44), TOP - size] if full else [TOP - size]
            for start in starts:
                found.append(
                    Cached(stages, regime, start, size, granule, level, asid=5, ng=not ipa, table=table)
                )
    if not ipa:
        found.append(Cached("1", regime, VA, 4096, "4k", 3, ng=False, s1_off=True))
    return tuple(found)


def _near(held: Cached, full: bool) -> Iterator[int]:
    """Addresses before, in and behind an entry, on both sides of each edge."""
    unit = GRANULE_BYTES[held.granule]
    inside = (0, held.bytes - unit, held.bytes // 2) if full else (0, held.bytes - unit)
    for offset in (-2 * unit, -unit, *inside, held.bytes, 0x1000):
        yield (held.first + offset) % TOP


def _xts(op: Operation, at: int, full: bool) -> Iterator[int]:
    asid = 5
    if not op.operand.is_range:
        mask = (1 << 40) - 1 if op.operand is Operand.IPA else (1 << 44) - 1
        for ttl in range(16):
            yield _operand(op, asid, ttl << 44 | (at >> 12 & mask))
        return
    scales, nums = ((0, 1, 2, 3), (0, 1, 7, 31)) if full else ((0, 3), (0, 31))
    units = {12, 14, 16}
    for tg, ttl, scale, num in itertools.product(range(4), range(4), scales, nums):
        for unit in units if full else {16, 10 + 2 * tg} - {10}:
            base = at >> unit & (1 << 37) - 1
            yield _operand(op, asid, tg << 46 | scale << 44 | num << 39 | ttl << 37 | base)


def _pes_at(full: bool) -> tuple[Pe, ...]:
    found = [Pe(lpa2=lpa2, ds1=ds1, ds2=ds2) for lpa2, ds1, ds2 in itertools.product(BOOLS, BOOLS, BOOLS)]
    return tuple(pe for pe in found if pe.lpa2 or not (pe.ds1 or pe.ds2)) if not full else tuple(found)


ADDRESSED = (
    "vae1is",
    "vale1is",
    "vaae1is",
    "vae2is",
    "ipas2e1is",
    "ipas2le1is",
    "rvae1is",
    "rvale1is",
    "rvae2is",
    "ripas2e1is",
    "ripas2le1is",
)
ADDRESSED_FAST = ("vae1is", "vale2is", "ipas2e1is", "rvae1is", "rvale2is", "ripas2e1is")


def addresses(full: bool) -> Iterator[Group]:
    """Operands and extents. Each operand is asked of the entries that it was made for, and of two others."""
    for name in ADDRESSED if full else ADDRESSED_FAST:
        op = by_name(name)
        held, pes = _held_at(op, full), _pes_at(full)
        relevant = tuple(
            dict.fromkeys(
                Pe(
                    lpa2=pe.lpa2,
                    ds1=pe.ds1 and op.operand is Operand.VA_RANGE,
                    ds2=pe.ds2 and op.operand is Operand.IPA_RANGE,
                )
                for pe in pes
            )
        )
        for i, each in enumerate(held):
            some = (each, held[(i + 1) % len(held)], held[(i + 5) % len(held)])
            seen = {xt for at in _near(each, full) for xt in _xts(op, at, full)}
            for xt in sorted(seen):
                yield Group(op, xt, relevant, held if full and not op.operand.is_range else some)


def groups(full: bool = False) -> Iterator[Group]:
    """Every question."""
    yield from tags(full)
    yield from addresses(full)
