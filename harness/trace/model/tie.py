# SPDX-License-Identifier: GPL-2.0-only
"""Ties the model's trace to the levels': which call wrote which record, which TLBI an event announced."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.arch import table
from harness.level import Level
from harness.trace.event import Event, Value
from harness.trace.model import names
from harness.trace.model.layout import UnitKind
from harness.trace.model.recording_plan import COMMIT, record_of
from harness.trace.model.records import Records
from harness.trace.order import Anchor, Written
from harness.trace.source import Source

DEPTH = 16  # of trace functions interrupted by others on one CPU

# The module at L1 executes operation i of the table at base + 16 * i + 4 (images/payloads/module/execute.S).
STUB_BYTES = 16
STUB_OFFSET = 4


@dataclass(frozen=True, slots=True)
class Writing:
    """L0's kernel wrote a record: it entered the trace function at ``call`` and committed at ``commit``."""

    call: int
    commit: int


Announced = tuple[int | None, Value | None]
"""An operation's place in the table, and its operand."""


@dataclass
class Ties:
    """Collects what both sides saw, chunk by chunk.

    ``announced``: L1's events ``l1.tlbi``. ``stubs``: by where the stubs of L1's module may begin, the
    positions of the TLBIs executed there, None once they are others than the announced ones.
    """

    functions: Sequence[str]
    announced: Sequence[Announced] = ()
    writings: dict[tuple[int, str], list[Writing]] = field(default_factory=lambda: defaultdict(list))
    stubs: dict[int, list[int] | None] = field(default_factory=dict)
    _open: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))

    def feed(self, records: Records) -> None:
        """Look at one chunk."""
        for row in np.flatnonzero(records.kind == UnitKind.CALL).tolist():
            self._call(records, row)
        if self.announced:
            mask = (records.kind == UnitKind.TLBI) & (records.level == Level.L1)
            for row in np.flatnonzero(mask).tolist():
                index = _table_index(int(records.info[row]))
                if index is not None:
                    self._executed(records, row, index)

    def _executed(self, records: Records, row: int, index: int) -> None:
        base = int(records.pc[row]) - STUB_OFFSET - STUB_BYTES * index
        found = self.stubs.setdefault(base, [])
        if base % STUB_BYTES or found is None:
            return
        if self.announced[len(found) : len(found) + 1] == [(index, records.value(row, 0))]:
            found.append(int(records.position[row]))
        else:
            self.stubs[base] = None

    def _call(self, records: Records, row: int) -> None:
        index = int(records.info[row])
        if index >= len(self.functions):
            return
        function = self.functions[index]
        vcpu, position = int(records.vcpu[row]), int(records.position[row])
        stack = self._open[vcpu]
        if function == COMMIT:
            if stack:
                call, event = stack.pop()
                self.writings[vcpu, event].append(Writing(call, position))
        elif event_name := record_of(function):
            # What did not commit wrote nothing, and stays below; a new one on top is committed first.
            del stack[: max(0, len(stack) + 1 - DEPTH)]
            stack.append((position, event_name))


def _table_index(info: int) -> int | None:
    return _indices().get(names.parts(info))


@functools.cache
def _indices() -> Mapping[tuple[int, int, int, int], int]:
    return {(op.op1, op.crn, op.crm, op.op2): index for index, op in enumerate(table.load())}


def pair(ties: Ties, written: Iterable[Written]) -> tuple[list[tuple[Written, Writing]], list[str]]:
    """Which call wrote which record of L0's trace, and why some are not known.

    The k-th record of an event on a CPU is the k-th committed call of its trace function there, provided that
    there are equally many.
    """
    groups: dict[tuple[int, str], list[Written]] = defaultdict(list)
    for each in written:
        groups[each.cpu, each.event].append(each)
    pairs: list[tuple[Written, Writing]] = []
    notes = []
    for key, records in groups.items():
        calls = ties.writings.get(key, [])
        if len(calls) == len(records):
            pairs += zip(records, calls, strict=True)
        else:
            notes.append(f"{key[1]} on cpu {key[0]}: {len(calls)} calls seen, {len(records)} records")
    return pairs, notes


def anchors(pairs: Iterable[tuple[Written, Writing]]) -> list[Anchor]:
    """L0's records between the calls that wrote them and their commits."""
    return [
        Anchor(Source.L0, written.seq, writing.call, writing.commit)
        for written, writing in pairs
        if written.seq is not None
    ]


def guest_anchors(ties: Ties, events: Sequence[Event]) -> tuple[list[Anchor], str]:
    """L1's events ``l1.tlbi`` just before the TLBIs that they announced, and why not, if not.

    Nothing says where the module was loaded at L1. The TLBIs of one address range, taken in order, must be
    exactly the announced ones, and there must be one such range only.
    """
    if not events:
        return [], ""
    fitting = [found for found in ties.stubs.values() if found is not None and len(found) == len(events)]
    if len(fitting) != 1:
        return [], f"l1.tlbi: {len(fitting)} places in L1 execute exactly the announced operations"
    found = []
    previous: tuple[Event, int] | None = None
    for event, position in zip(events, fitting[0], strict=True):
        # The same CPU of L1 announces an operation after it has executed the one before.
        after = previous[1] if previous and previous[0].cpu == event.cpu else None
        found.append(Anchor(Source.L1, event.seq, after, position))
        previous = event, position
    return found, ""


def announced(events: Sequence[Event]) -> list[Announced]:
    """What L1's events ``l1.tlbi`` announce, in order."""
    return [(_by_name(event), event.fields.get("operand")) for event in events]


def _by_name(event: Event) -> int | None:
    op = str(event.fields.get("op"))
    return next((index for index, each in enumerate(table.load()) if each.name == op), None)
