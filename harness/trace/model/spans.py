"""One span per TLBI of a guest that trapped: the instruction, what L0 did for it, and the return.

A span follows the task at L0 that handles the trap. Interrupts that L0 takes meanwhile, and other tasks that
run on the CPU, are left out; if the task moves to another CPU the span goes with it.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.level import Level
from harness.trace.model.events import operation
from harness.trace.model.layout import Kind
from harness.trace.model.plan import SWITCH
from harness.trace.model.records import HCR_TGE, YES, Records

LIMIT = 1 << 20
"""Records of all CPUs after which a span that is still open is given up."""


@dataclass(slots=True)
class Draft:
    """A span that is being followed.

    ``events`` are the positions of what it will show, ``calls`` those of all calls in it; ``depth`` counts
    exceptions that L0 itself took meanwhile.
    """

    op: str
    events: array[int]
    calls: list[int] = field(default_factory=list)
    depth: int = 0
    open: str = ""

    @property
    def begun(self) -> int:
        """Position of the guest's instruction."""
        return self.events[0]


@dataclass(frozen=True, slots=True)
class _Columns:
    """A chunk's records as lists, for going through them one by one."""

    records: Records
    position: list[int]
    kind: list[int]
    vcpu: list[int]
    el: list[int]
    info: list[int]
    host: list[bool]
    trapped: list[bool]

    @classmethod
    def of(cls, records: Records) -> _Columns:
        return cls(
            records,
            records.position.tolist(),
            records.kind.tolist(),
            records.vcpu.tolist(),
            records.el.tolist(),
            records.info.tolist(),
            (records.level == Level.L0).tolist(),
            (records.trapped == YES).tolist(),
        )


@dataclass
class Spans:
    """Feeds on chunks of records in order; ``done`` has what came of it, in the order of the ends."""

    functions: Sequence[str]
    shown: frozenset[str]
    done: list[Draft] = field(default_factory=list)
    _running: dict[int, Draft] = field(default_factory=dict)
    _parked: dict[int, Draft] = field(default_factory=dict)
    _taken: list[int] = field(default_factory=list)

    def feed(self, records: Records) -> list[int]:
        """Go through one chunk, record by record where a span is open; returns the rows that spans show."""
        triggers = np.flatnonzero(
            (records.kind == Kind.TLBI) & (records.level != Level.L0) & (records.trapped == YES)
        ).tolist()
        self._taken = []
        if not triggers and not self._running and not self._parked:
            return []
        columns = _Columns.of(records)
        count = len(columns.kind)
        row = following = 0
        while row < count:
            if not self._running and not self._parked:
                following = bisect.bisect_left(triggers, row, lo=following)
                if following == len(triggers):
                    break
                row = triggers[following]
            self._step(columns, row)
            row += 1
            if row % 65536 == 0:
                self._give_up(columns.position[row - 1])
        return self._taken

    def finish(self) -> list[Draft]:
        """Close what is open and return every span in the order of their instructions."""
        for draft in (*self._running.values(), *self._parked.values()):
            self._close(draft, "the trace ends before L1 went on")
        self._running.clear()
        self._parked.clear()
        return sorted(self.done, key=lambda draft: draft.begun)

    def damage(self, text: str) -> None:
        """Records are missing here: what is open cannot be followed further."""
        for draft in (*self._running.values(), *self._parked.values()):
            self._close(draft, text)
        self._running.clear()
        self._parked.clear()

    def _close(self, draft: Draft, why: str = "") -> None:
        draft.open = why
        self.done.append(draft)

    def _give_up(self, position: int) -> None:
        for table in (self._running, self._parked):
            for key, draft in list(table.items()):
                if position - draft.begun > LIMIT:
                    del table[key]
                    self._close(draft, f"L1 did not go on within {LIMIT} records")

    def _step(self, columns: _Columns, row: int) -> None:
        vcpu, kind = columns.vcpu[row], columns.kind[row]
        if kind == Kind.CALL and self._function(columns, row) == SWITCH:
            self._switch(vcpu, columns.records.value(row, 0), columns.records.value(row, 1))
            return
        draft = self._running.get(vcpu)
        if draft is None:
            if kind == Kind.TLBI and not columns.host[row] and columns.trapped[row]:
                self._running[vcpu] = draft = Draft(operation(columns.info[row]), array("q"))
                self._take(columns, row, draft)
            return
        if columns.el[row] != 2:
            return
        if kind == Kind.EXCEPTION and len(draft.events) > 1:
            draft.depth += 1
        elif kind == Kind.ERET and columns.records.value(row, 1) >> 2 & 3 == 2:
            draft.depth = max(0, draft.depth - 1)
        elif kind == Kind.ERET:
            self._leave(columns, row, vcpu, draft)
        elif draft.depth == 0:
            if kind == Kind.CALL:
                draft.calls.append(columns.position[row])
            if kind != Kind.CALL or self._function(columns, row) in self.shown:
                self._take(columns, row, draft)

    def _take(self, columns: _Columns, row: int, draft: Draft) -> None:
        draft.events.append(columns.position[row])
        self._taken.append(row)

    def _leave(self, columns: _Columns, row: int, vcpu: int, draft: Draft) -> None:
        if int(columns.records.hcr[row]) & HCR_TGE:
            self._close(draft, "L0 went to its user space before L1 went on")
        else:
            self._take(columns, row, draft)
            self._close(draft)
        del self._running[vcpu]

    def _switch(self, vcpu: int, previous: int, following: int) -> None:
        """``__switch_to(prev, next)`` (arch/arm64/kernel/process.c)."""
        if draft := self._running.pop(vcpu, None):
            self._parked[previous] = draft
        if draft := self._parked.pop(following, None):
            self._running[vcpu] = draft

    def _function(self, columns: _Columns, row: int) -> str:
        index = columns.info[row]
        return self.functions[index] if index < len(self.functions) else ""
