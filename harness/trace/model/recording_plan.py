# SPDX-License-Identifier: GPL-2.0-only
"""What the plugin must record, so that nvh can obtain and order what a cell wants and tie it into spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.trace import registry
from harness.trace.model.layout import FUNCTIONS, LEVELS, NAME_BYTES, UnitKind, bit
from harness.trace.trace_lines import MARK_EVENT

HANDLERS = (
    "handle_alle1is",
    "handle_vmalls12e1is",
    "handle_ipas2e1is",
    "handle_ripas2e1is",
    "handle_tlbi_el1",
    "handle_tlbi_el2",
    "kvm_stage2_unmap_range",
    "kvm_nested_s2_unmap",
)
"""Functions of arch/arm64/kvm that are recorded unless the scenario names others."""

LARGE = 1 << 22
"""Units, 128 MiB, up to which everything wanted becomes events."""

RAW_EVENT = "trace_event_raw_event_"
MARK = "tracing_mark_write"
COMMIT = "ring_buffer_unlock_commit"
SWITCH = "__switch_to"
"""The kernel's tracing and its scheduler: what ties the model to L0's trace, and a span to its task."""
UNDEFINE = "kvm_inject_undefined"
"""L0's KVM does not emulate the trapped instruction (arch/arm64/kvm/inject_fault.c)."""
NEEDED = (MARK, COMMIT, SWITCH, UNDEFINE)
"""Functions of L0's kernel without which the model's trace cannot give ``l0.tlbi``."""


@dataclass(frozen=True, slots=True)
class Only:
    """What of one kind a large trace keeps: these exception levels, ``without`` these numbers in ``info``."""

    els: frozenset[int]
    without: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """``kinds`` become events; ``functions`` of L0's kernel are recorded, ``shown`` ones as events.

    ``emulated``: ``l0.tlbi`` is made of what the model saw. Without it, and without kinds, the trace is there
    for order between the levels alone: what they wrote, and the TLBIs that L1 announced.

    A trace of more than ``LARGE`` units keeps ``only`` what some expectation may match, and makes spans only
    if ``spans``: what is kept has to fit into memory.
    """

    kinds: frozenset[UnitKind]
    functions: tuple[str, ...]
    shown: frozenset[str]
    only: Mapping[UnitKind, Only] = field(default_factory=dict)
    spans: bool = True
    emulated: bool = False

    @property
    def order_only(self) -> bool:
        """Whether nothing of the model is wanted but the order between the levels."""
        return not self.kinds and not self.emulated

    @property
    def enabled(self) -> int:
        """The mask for the plugin: every wanted kind at every level, and what spans and order need.

        Functions are L0's: L1 runs the same kernel at the same addresses, but at EL1.
        """
        mask = bit(UnitKind.CALL, 2)
        for kind in self.kinds - {UnitKind.CALL}:
            for el in range(LEVELS):
                mask |= bit(kind, el)
        if self.order_only:
            return mask | bit(UnitKind.TLBI, 1)
        for el in (1, 2):
            mask |= bit(UnitKind.TLBI, el) | bit(UnitKind.EXCEPTION, el) | bit(UnitKind.ERET, el)
        return mask


def make(
    wanted: Iterable[str], functions: Iterable[str], trace_events: Iterable[str], *, emulated: bool = False
) -> ModelPlan:
    """``wanted`` are names of model events, ``functions`` those that the scenario names, ``trace_events`` the
    tracefs events recorded at L0, as ``system:event``; ``emulated``: whether ``l0.tlbi`` is to come of it."""
    model = registry.load().model
    kinds = frozenset(UnitKind[model[name].kind] for name in wanted)
    shown = (*dict.fromkeys(functions), *(HANDLERS if kinds else ()))
    hidden = [*NEEDED]
    hidden += [RAW_EVENT + name.split(":")[-1] for name in trace_events]
    every = tuple(name for name in dict.fromkeys((*hidden, *shown)) if len(name) < NAME_BYTES)
    return ModelPlan(kinds, every[:FUNCTIONS], frozenset(shown), emulated=emulated)


def record_of(function: str) -> str | None:
    """The name that a record has in tracefs which ``function`` writes; None for any other function."""
    if function == MARK:
        return MARK_EVENT
    return function.removeprefix(RAW_EVENT) if function.startswith(RAW_EVENT) else None


def symbols(system_map: Path, wanted: Iterable[str]) -> Mapping[str, int]:
    """Addresses of those of the ``wanted`` functions that a System.map has; empty when there is no such file.

    The kernels of the stack boot with ``nokaslr``, so these are the addresses at which they run.
    """
    names = set(wanted)
    found: dict[str, int] = {}
    try:
        with system_map.open(encoding="ascii", errors="replace") as stream:
            for line in stream:
                address, _, rest = line.partition(" ")
                kind, _, name = rest.rstrip("\n").partition(" ")
                if name in names and kind in "tTwW" and int(address, 16):
                    found.setdefault(name, int(address, 16))
    except (OSError, ValueError):
        return {}
    return found
