# SPDX-License-Identifier: GPL-2.0-only
"""One span per TLBI of a guest that trapped: the instruction, what L0 did for it, and the return.

A span follows the task at L0 that handles the trap. Interrupts that L0 takes meanwhile, and other tasks that
run on the CPU, are left out; if the task moves to another CPU the span goes with it.
"""

from __future__ import annotations

import bisect
import heapq
from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.level import Level
from harness.trace.model.events import operation
from harness.trace.model.layout import UnitKind
from harness.trace.model.recording_plan import SWITCH, UNDEFINE
from harness.trace.model.records import HCR_TGE, YES, Records

LIMIT = 1 << 20
"""Records of all CPUs after which a span that is still open is given up."""
LOOK = 1 << 16
"""Records of a chunk after which it is looked whether there are such."""
_EL2 = 2
VECTOR_BITS = 4
"""Bits of an exception's ``info`` that say which vector; above them is L1's vCPU."""


@dataclass(frozen=True, slots=True)
class GuestInstruction:
    """The guest's instruction: level and CPU that executed it, the physical HCR_EL2, its number, Xt."""

    level: int
    cpu: int
    hcr: int
    info: int
    operand: int


@dataclass(frozen=True, slots=True)
class Trap:
    """The exception: what L1 had in its own registers then, as ``virtual_registers()`` of the plugin says."""

    position: int
    vcpu: int
    vttbr: int
    hcr: int
    vtcr: int


@dataclass(slots=True)
class SpanDraft:
    """A span that is being followed.

    ``events`` are the positions of what it will show, ``calls`` those of the calls in it that somebody wants;
    ``depth`` counts exceptions that L0 itself took meanwhile. ``undefined``: L0 made the operation UNDEFINED.
    """

    op: str
    asked: GuestInstruction
    events: array[int]
    trap: Trap | None = None
    undefined: bool = False
    calls: list[int] = field(default_factory=list)
    depth: int = 0
    open: str = ""

    @property
    def begun(self) -> int:
        """Position of the guest's instruction."""
        return self.events[0]


class Sink(Protocol):
    """Takes spans that are done, in the order of their instructions."""

    def add(self, draft: SpanDraft) -> None: ...


@dataclass(frozen=True, slots=True)
class _Columns:
    """A chunk's records as lists, for going through them one by one.

    ``asks``: TLBIs of guests that trapped. ``to_el2``: returns to EL2.
    """

    records: Records
    position: list[int]
    kind: list[int]
    vcpu: list[int]
    el: list[int]
    info: list[int]
    asks: list[bool]
    to_el2: list[bool]

    @classmethod
    def of(cls, records: Records, asks: npt.NDArray[np.bool_]) -> _Columns:
        to_el2 = np.zeros(len(asks), dtype=bool)
        returns = np.flatnonzero(records.kind == UnitKind.ERET)
        to_el2[returns] = records.values(returns, 1) >> np.uint64(2) & np.uint64(3) == _EL2
        return cls(
            records,
            records.position.tolist(),
            records.kind.tolist(),
            records.vcpu.tolist(),
            records.el.tolist(),
            records.info.tolist(),
            asks.tolist(),
            to_el2.tolist(),
        )


class Spans:
    """Feeds on chunks of records in order, and gives what comes of it to ``sink``.

    ``functions`` are those of the file's header, ``shown`` the names of those whose calls become events;
    ``wanted``: positions of calls that are to be noted with their spans.
    """

    def __init__(
        self, functions: Sequence[str], shown: Collection[str], wanted: Collection[int], sink: Sink
    ) -> None:
        self._switches = frozenset(number for number, name in enumerate(functions) if name == SWITCH)
        self._undefining = frozenset(n for n, name in enumerate(functions) if name == UNDEFINE)
        self._shown = frozenset(number for number, name in enumerate(functions) if name in shown)
        self._wanted = wanted
        self._sink = sink
        self._running: dict[int, SpanDraft] = {}
        self._parked: dict[int, SpanDraft] = {}
        self._done: list[tuple[int, SpanDraft]] = []

    def feed(self, records: Records) -> list[int]:
        """Go through one chunk, record by record where a span is open; returns the rows that spans show."""
        asks = (records.kind == UnitKind.TLBI) & (records.level != Level.L0) & (records.trapped == YES)
        triggers = np.flatnonzero(asks).tolist()
        if not triggers and not self._running and not self._parked:
            return []
        columns = _Columns.of(records, asks)
        count = len(columns.kind)
        taken: list[int] = []
        row = following = 0
        while row < count:
            if not self._running and not self._parked:
                following = bisect.bisect_left(triggers, row, lo=following)
                if following == len(triggers):
                    break
                row = triggers[following]
            row = self._follow(columns, row, min(count, row - row % LOOK + LOOK), taken)
            if row % LOOK == 0:
                self._give_up(columns.position[row - 1])
        self._hand_over()
        return taken

    def finish(self) -> None:
        """Close what is open."""
        self.damage("the trace ends before L1 went on")

    def damage(self, text: str) -> None:
        """Records are missing here: what is open cannot be followed further."""
        for draft in (*self._running.values(), *self._parked.values()):
            self._close(draft, text)
        self._running.clear()
        self._parked.clear()
        self._hand_over()

    def _close(self, draft: SpanDraft, why: str = "") -> None:
        draft.open = why
        heapq.heappush(self._done, (draft.begun, draft))

    def _hand_over(self) -> None:
        """Give away what no span that is still open began before."""
        going = (*self._running.values(), *self._parked.values())
        first = min((draft.begun for draft in going), default=None)
        while self._done and (first is None or self._done[0][0] < first):
            self._sink.add(heapq.heappop(self._done)[1])

    def _give_up(self, position: int) -> None:
        for table in (self._running, self._parked):
            for key, draft in list(table.items()):
                if position - draft.begun > LIMIT:
                    del table[key]
                    self._close(draft, f"L1 did not go on within {LIMIT} records")

    def _follow(self, columns: _Columns, row: int, end: int, taken: list[int]) -> int:
        """Go on from ``row`` until no span is open, at most up to ``end``; returns the next row."""
        position, kinds, vcpus, els = columns.position, columns.kind, columns.vcpu, columns.el
        info, asks, to_el2 = columns.info, columns.asks, columns.to_el2
        running = self._running
        call, exception, eret = int(UnitKind.CALL), int(UnitKind.EXCEPTION), int(UnitKind.ERET)
        while row < end:
            kind, vcpu = kinds[row], vcpus[row]
            draft = running.get(vcpu)
            if kind == call and info[row] in self._switches:
                self._switch(vcpu, columns.records.value(row, 0), columns.records.value(row, 1))
            elif draft is None:
                if asks[row]:
                    asked = _asked(columns.records, row)
                    running[vcpu] = SpanDraft(operation(info[row]), asked, array("q", (position[row],)))
                    taken.append(row)
            elif els[row] != _EL2:
                pass
            elif kind == exception and len(draft.events) > 1:
                draft.depth += 1
            elif kind == eret and to_el2[row]:
                draft.depth = max(0, draft.depth - 1)
            elif kind == eret:
                if int(columns.records.hcr[row]) & HCR_TGE:
                    self._close(draft, "L0 went to its user space before L1 went on")
                else:
                    draft.events.append(position[row])
                    taken.append(row)
                    self._close(draft)
                del running[vcpu]
                if not running and not self._parked:
                    return row + 1
            elif draft.depth == 0:
                if kind == exception and draft.trap is None:
                    draft.trap = _trap(columns.records, row)
                elif kind == call and info[row] in self._undefining:
                    draft.undefined = True
                if position[row] in self._wanted:
                    draft.calls.append(position[row])
                if kind != call or info[row] in self._shown:
                    draft.events.append(position[row])
                    taken.append(row)
            row += 1
        return row

    def _switch(self, vcpu: int, previous: int, following: int) -> None:
        """``__switch_to(prev, next)`` (arch/arm64/kernel/process.c)."""
        if draft := self._running.pop(vcpu, None):
            self._parked[previous] = draft
        if draft := self._parked.pop(following, None):
            self._running[vcpu] = draft


def _asked(records: Records, row: int) -> GuestInstruction:
    return GuestInstruction(
        int(records.level[row]),
        int(records.vcpu[row]),
        int(records.hcr[row]),
        int(records.info[row]),
        records.value(row, 0),
    )


def _trap(records: Records, row: int) -> Trap:
    virtual = (records.value(row, number) for number in (3, 4, 5))
    return Trap(int(records.position[row]), int(records.info[row]) >> VECTOR_BITS, *virtual)
