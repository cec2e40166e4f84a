# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of a TLBI that L2 executes in a program: it executes, L1 traps it, or it is UNDEFINED.

The rules are those of ``harness.arch.cover``; here is how a program's context says them.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.arch import registers
from harness.arch.cover import State, fate, syndrome
from harness.arch.library import ALL_FEATURES, Fate, Features
from harness.arch.table import Operation
from harness.program.program import Context

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
