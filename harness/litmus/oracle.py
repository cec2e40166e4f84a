"""What a TLBI operation obliges, from the architecture alone.

The twin of images/payloads/litmus/host_oracle.c, which judges on the machine; tests compare the two.
Sources: Arm ARM DDI 0487, D8.17 "TLB maintenance", and the instruction descriptions of C5.5. There is no
rule for what may go besides: a TLB may drop any entry at any time (D8.17).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.tlbi.operand import GRANULES, decode, range_size
from harness.tlbi.table import Operand, Operation, Regime, Scope

ALL = (1 << 64) - 1
SHIFTS = {shift: code for code, shift in GRANULES.items()}


@dataclass(frozen=True, slots=True)
class Entry:
    """One translation that a PE may hold.

    ``stage`` 1 or 2; ``regime`` EL10, or EL2 for vEL2's own (EL2&0 with E2H); ``start`` (VA or IPA) and
    ``size`` in bytes; ``shift`` log2 of the granule; ``level`` of the descriptor. ``table``: the descriptor
    points to a table, it is no leaf.
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


@dataclass(frozen=True, slots=True)
class State:
    """Of the PE that executes: VTTBR_EL2.VMID, HCR_EL2.{E2H,TGE}, and whether the entry is its own."""

    vmid: int
    e2h: bool = True
    tge: bool = False
    own_pe: bool = True


def obliges(operation: Operation, xt: int, state: State, entry: Entry) -> bool:
    """Whether ``entry`` must be gone once ``operation`` with operand ``xt`` and its DSB are complete.

    D8.17.1: the plain forms are for the executing PE, IS and OS forms for every PE here, and nXS forms match
    what the plain ones do. Last-level forms leave table descriptors alone.
    """
    if operation.scope is Scope.LOCAL and not state.own_pe:
        return False
    if operation.last_level and entry.table:
        return False
    is_el10 = entry.regime is Regime.EL10
    vmid = entry.vmid == state.vmid
    if operation.family == "alle1":
        return is_el10
    if operation.family == "vmalls12e1":
        return is_el10 and vmid
    if operation.family == "ipas2e1":
        return is_el10 and entry.stage == 2 and vmid and _address(operation, xt, entry)
    if operation.family == "alle2":
        return not is_el10
    if entry.stage != 1 or entry.regime is not _regime(operation, state) or not (vmid or not is_el10):
        return False
    return _asid(operation, xt, state, entry) and _address(operation, xt, entry)


def _regime(operation: Operation, state: State) -> Regime:
    """C5.5: the E1 forms executed at EL2 with HCR_EL2.{E2H,TGE} = {1,1} are for the EL2&0 regime."""
    redirected = operation.regime is Regime.EL10 and state.e2h and state.tge
    return Regime.EL2 if redirected else operation.regime


def _asid(operation: Operation, xt: int, state: State, entry: Entry) -> bool:
    """Non-global entries match by ASID; ASIDE1 has no effect on global ones. EL2 has ASIDs only with E2H."""
    if not operation.matches_asid or (operation.family == "vae2" and not state.e2h):
        return True
    same = decode(operation, xt).asid == entry.asid
    if operation.family == "aside1":
        return same and not entry.is_global
    return same or entry.is_global


def _address(operation: Operation, xt: int, entry: Entry) -> bool:
    """Whether the operand's address or range is for ``entry``.

    By address: the entry that translates it; a TTL that names another granule or level obliges nothing.
    By range: each entry that "would be used to translate any of" the addresses of
    [BaseADDR, BaseADDR + (NUM + 1) * 2^(5 * SCALE + 1) granules). A TG other than the granule in use obliges
    nothing (0 is reserved); with a TTL the base has to be aligned to its leaf (otherwise the range is
    UNPREDICTABLE). A range that passes the end of the address space ends there: nothing obliges it to wrap.
    C5.5, e.g. TLBI VAE1: the bits below the granule of an address are RES0 and ignored.
    """
    if operation.operand in (Operand.NONE, Operand.ASID):
        return True
    fields = decode(operation, xt)
    base = fields.va if fields.va is not None else fields.ipa
    ttl = fields.ttl or 0
    code = SHIFTS[entry.shift]
    if operation.operand.is_range:
        if base is None or fields.tg != code:
            return False
        if ttl and (ttl != entry.level or base & (entry.size - 1)):
            return False
        covered = range_size(fields.tg, fields.scale or 0, fields.num or 0)
        assert covered is not None
        last = min(base + covered - 1, ALL)
        return base <= entry.start + entry.size - 1 and entry.start <= last
    assert base is not None
    if ttl >> 2 and (ttl >> 2, ttl & 3) != (code, entry.level):
        return False
    page = base & ~((1 << entry.shift) - 1)  # the bits below the granule are ignored
    return entry.start <= page < entry.start + entry.size
