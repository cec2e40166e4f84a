# SPDX-License-Identifier: GPL-2.0-only
"""What a simulated machine's TLBs hold, and the defects of its invalidations (``simulate``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.arch import registers
from harness.arch.cover import Entry, State
from harness.arch.operand import decode
from harness.arch.table import Operand, Operation, Regime, Shareability

NS = registers.mask("XT.NS")


@dataclass
class Table:
    """A page of last-level descriptors: address to output and permissions."""

    pages: dict[int, tuple[int, str]] = field(default_factory=dict)


Slot = tuple[int, str] | Table


@dataclass(frozen=True, eq=False)
class Cached:
    """One TLB entry. ``slot`` is what a walk found there: a leaf, or a table that is walked on from here."""

    stage: str
    level: int
    start: int
    size: int
    slot: Slot
    vmid: int
    asid: int
    is_global: bool


@dataclass(frozen=True, eq=False)
class Both:
    """A combined entry: which page goes where, with both permissions, and its stage-1 part."""

    va: int
    first: Cached | None
    pa: int
    perms1: str | None
    perms2: str | None
    vmid: int
    asid: int


@dataclass
class Pe:
    cached: list[Cached] = field(default_factory=list)
    both: list[Both] = field(default_factory=list)


Spoil = Callable[[Operation, int, State, Entry], bool]


def _scope_lost(op: Operation, _: int, state: State, __: Entry) -> bool:
    return op.scope is not Shareability.LOCAL and not state.own_pe


def _beyond_first(op: Operation, xt: int, entry: Entry) -> bool:
    """The operand names another page of a leaf than its first: some machines look at the first alone."""
    if op.operand not in (Operand.VA, Operand.IPA):
        return False
    fields = decode(op, xt)
    at = fields.va if fields.va is not None else fields.ipa
    return at is not None and at >= entry.start + (1 << entry.shift)


DEFECTS: dict[str, Spoil] = {
    "no-ipas2": lambda op, _, __, ___: op.family == "ipas2e1",
    "no-range": lambda op, _, __, ___: op.operand.is_range,
    "no-vmalle1": lambda op, _, __, ___: op.family == "vmalle1",
    "broadcast-lost": _scope_lost,
    "vmid-of-next": lambda _, __, state, entry: entry.regime is Regime.EL10 and entry.vmid == state.vmid,
    "asid-zero": lambda op, _, __, entry: op.matches_asid and entry.asid != 0 and not entry.is_global,
    "global-kept": lambda op, _, __, entry: op.matches_asid and entry.is_global,
    "block-kept": lambda _, __, ___, entry: entry.level == 2 and not entry.table,
    "last-page-kept": lambda op, xt, _, entry: _beyond_first(op, xt, entry),
    "tables-kept": lambda _, __, ___, entry: entry.table,
    "e2-kept": lambda _, __, ___, entry: entry.regime is Regime.EL2,
    "vmid-cut": lambda _, __, ___, entry: entry.regime is Regime.EL10 and entry.vmid > 0xFF,
    "asid-cut": lambda op, _, __, entry: op.matches_asid and not entry.is_global and entry.asid > 0xFF,
    "address-bit-lost": lambda op, _, __, entry: op.has_operand and entry.start >> 36 & 1 == 1,
    "ns-compared": lambda op, xt, _, __: op.family == "ipas2e1" and bool(xt & NS),
    "page-shift": lambda op, _, __, entry: op.operand is Operand.VA and entry.shift > 12,
    "tge-ignored": lambda op, _, state, __: op.regime is Regime.EL10 and state.tge,
}
"""What is left alone although it must go."""
OTHERS = (
    "write-permission-lost",
    "execute-permission-lost",
    "forward-lost",
    "hidden-executed",
    "event-lost",
    "beyond-input-size",
    "one-tlb",
    "el2-at-el1",
    "vmid-whole",
    "asid-whole",
    "output-size-ignored",
    "flag-not-written",
    "dirty-not-written",
    "dirty-by-read",
    "dbm-writable",
    "stage2-type-ignored",
    "attribute-index-lost",
    "range-unit",
    "wide-output-cut",
)
"""Defects that are no forgotten invalidation."""
