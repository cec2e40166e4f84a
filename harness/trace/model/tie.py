"""Ties the model's trace to the levels': which call wrote which record, which TLBI an event announced."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.level import Level
from harness.tlbi import table
from harness.trace.event import Event
from harness.trace.model import names
from harness.trace.model.layout import Kind
from harness.trace.model.plan import COMMIT, record_of
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


@dataclass(frozen=True, slots=True)
class Executed:
    """A TLBI of L1: its position, address, place in the table of operations, and operand."""

    position: int
    pc: int
    index: int
    operand: int


@dataclass
class Ties:
    """Collects what both sides saw, chunk by chunk."""

    functions: Sequence[str]
    writings: dict[tuple[int, str], list[Writing]] = field(default_factory=lambda: defaultdict(list))
    executed: list[Executed] = field(default_factory=list)
    _open: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))

    def feed(self, records: Records, *, guests: bool) -> None:
        """Look at one chunk; ``guests``: at L1's TLBIs too."""
        for row in np.flatnonzero(records.kind == Kind.CALL).tolist():
            self._call(records, row)
        if guests:
            mask = (records.kind == Kind.TLBI) & (records.level == Level.L1)
            for row in np.flatnonzero(mask).tolist():
                index = _table_index(int(records.info[row]))
                if index is not None:
                    self.executed.append(
                        Executed(
                            int(records.position[row]),
                            int(records.pc[row]),
                            index,
                            records.value(row, 0),
                        )
                    )

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
    wanted = [(_by_name(event), event.fields.get("operand")) for event in events]
    groups: dict[int, list[Executed]] = defaultdict(list)
    for each in ties.executed:
        base = each.pc - STUB_OFFSET - STUB_BYTES * each.index
        if base % STUB_BYTES == 0:
            groups[base].append(each)
    fitting = [group for group in groups.values() if [(e.index, e.operand) for e in group] == wanted]
    if len(fitting) != 1:
        return [], f"l1.tlbi: {len(fitting)} places in L1 execute exactly the announced operations"
    found = []
    previous: tuple[Event, Executed] | None = None
    for event, executed in zip(events, fitting[0], strict=True):
        # The same CPU of L1 announces an operation after it has executed the one before.
        after = previous[1].position if previous and previous[0].cpu == event.cpu else None
        found.append(Anchor(Source.L1, event.seq, after, executed.position))
        previous = event, executed
    return found, ""


def _by_name(event: Event) -> int | None:
    op = str(event.fields.get("op"))
    return next((index for index, each in enumerate(table.load()) if each.name == op), None)
