# SPDX-License-Identifier: GPL-2.0-only
"""What a TLBI operation obliges: the reference in images/payloads/arch, for Python.

The rules are Arm ARM DDI 0487 issue M.a.a, D8.17 and C5.5, and are cited in cover.h and operand.h there.
There is no rule for what may go besides: a TLB may drop any entry at any time (I_YGYRY).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from harness.arch import registers
from harness.arch.library import (
    ALL_FEATURES,
    REGIMES,
    Answer,
    CState,
    CTranslation,
    Fate,
    Features,
    Miss,
    Stage,
    answer_of,
    c_operation,
    library,
)
from harness.arch.table import Operation, Regime

ALL = (1 << 64) - 1
STAGES = {1: Stage.STAGE_1, 2: Stage.STAGE_2}
_E2H, _TGE = registers.mask("HCR.E2H"), registers.mask("HCR.TGE")
_COVERS = int(Miss.COVERS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One translation that a PE may hold.

    ``stage`` 1 or 2 (a combined entry goes as its stage-1 part does); ``regime`` EL10, or EL2 for vEL2's
    own (EL2&0 with E2H); ``start`` (VA or IPA) and ``size`` in bytes; ``shift`` log2 of the granule;
    ``level`` of the descriptor. ``table``: the descriptor points to a table, it is no leaf. ``xs``: the XS
    attribute, of both stages together. ``flat``: stage 1 was off.
    """

    stage: int
    regime: Regime
    start: int
    size: int
    shift: int
    level: int
    vmid: int = 0
    asid: int = 0
    is_global: bool = False
    table: bool = False
    xs: bool = False
    flat: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Of the PE that executes.

    ``vmid`` is VTTBR_EL2.VMID; ``own_pe``: the entry is its own; ``el`` is 1 or 2. ``hcr``: further bits of
    HCR_EL2 besides ``e2h`` and ``tge``; ``hcrx``, ``hfgitr``: HCRX_EL2 and HFGITR_EL2. ``ds1``, ``ds2``: DS
    of TCR_ELx of the regime that the operation is for, and of VTCR_EL2. ``features``: what that PE
    implements.
    """

    vmid: int
    e2h: bool = True
    tge: bool = False
    own_pe: bool = True
    el: int = 2
    hcr: int = 0
    hcrx: int = 0
    hfgitr: int = 0
    ds1: bool = False
    ds2: bool = False
    features: Features = ALL_FEATURES


def c_state(state: State) -> CState:
    """``state`` for the library."""
    hcr = state.hcr | (_E2H if state.e2h else 0) | (_TGE if state.tge else 0)
    return CState(
        hcr,
        state.hcrx,
        state.hfgitr,
        state.vmid,
        state.el,
        state.features,
        state.ds1,
        state.ds2,
        state.own_pe,
    )


def c_entry(entry: Entry) -> CTranslation:
    """``entry`` for the library."""
    return CTranslation(
        entry.start,
        entry.size,
        STAGES[entry.stage],
        REGIMES.index(entry.regime),
        entry.shift,
        entry.level,
        entry.vmid,
        entry.asid,
        entry.is_global,
        entry.table,
        entry.xs,
        entry.flat,
    )


def miss_of(operation: Operation, xt: int, state: State, entry: Entry) -> Miss:
    """``COVERS`` when ``entry`` must be gone once ``operation`` and its DSB are complete, else why not."""
    found = library().nvh_cover(
        c_operation(operation), xt, ctypes.byref(c_state(state)), ctypes.byref(c_entry(entry))
    )
    return Miss(found)


def answer(operation: Operation, xt: int, state: State, entry: Entry) -> Answer:
    """MUST, MAY or UNPREDICTABLE: whether ``entry`` is obliged to go."""
    return answer_of(miss_of(operation, xt, state, entry))


def obliges(operation: Operation, xt: int, state: State, entry: Entry) -> bool:
    """Whether ``entry`` must be gone once ``operation`` with operand ``xt`` and its DSB are complete."""
    found: int = library().nvh_cover(
        c_operation(operation), xt, ctypes.byref(c_state(state)), ctypes.byref(c_entry(entry))
    )
    return found == _COVERS


def fate(operation: Operation, state: State) -> Fate:
    """Whether ``operation`` executes in ``state``, is UNDEFINED there, or what traps it to EL2."""
    return Fate(library().nvh_fate(c_operation(operation), ctypes.byref(c_state(state))))


def syndrome(operation: Operation, rt: int) -> int:
    """ESR_EL2 of the trap of ``operation``, less IL; its operand is in X``rt`` (Arm ARM D24.2.46, M.a.a)."""
    found: int = library().nvh_syndrome(c_operation(operation), rt)
    return found
