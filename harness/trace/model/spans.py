"""One span per TLBI of a guest that trapped: the instruction, what L0 did for it, and the return.

A span follows the task at L0 that handles the trap. Interrupts that L0 takes meanwhile, and other tasks that
run on the CPU, are left out; if the task moves to another CPU the span goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.level import Level
from harness.trace.event import Event
from harness.trace.model.layout import Kind
from harness.trace.model.plan import SWITCH
from harness.trace.model.records import HCR_TGE, YES, Records

LIMIT = 1 << 20
"""Records of all CPUs after which a span that is still open is given up."""


@dataclass
class Draft:
    """A span that is being followed.

    ``calls`` are the positions of all calls in it; ``depth`` counts exceptions that L0 itself took meanwhile.
    """

    begun: int
    op: str
    events: list[Event]
    calls: list[int] = field(default_factory=list)
    depth: int = 0
    open: str = ""


@dataclass
class Spans:
    """Feeds on chunks of records in order; ``done`` has what came of it, in the order of the ends."""

    functions: Sequence[str]
    make: Callable[[Records, int], Event]
    shown: frozenset[str]
    done: list[Draft] = field(default_factory=list)
    _running: dict[int, Draft] = field(default_factory=dict)
    _parked: dict[int, Draft] = field(default_factory=dict)

    def feed(self, records: Records) -> None:
        """Go through one chunk, record by record only where a span is open."""
        triggers = np.flatnonzero(
            (records.kind == Kind.TLBI) & (records.level != Level.L0) & (records.trapped == YES)
        )
        count = len(records.kind)
        row = 0
        while row < count:
            if not self._running and not self._parked:
                at = np.searchsorted(triggers, row)
                if at == len(triggers):
                    break
                row = int(triggers[at])
            self._step(records, row)
            row += 1
            if row % 65536 == 0:
                self._give_up(int(records.position[row - 1]))

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

    def _step(self, records: Records, row: int) -> None:
        vcpu, kind = int(records.vcpu[row]), int(records.kind[row])
        if kind == Kind.CALL and self._function(records, row) == SWITCH:
            self._switch(vcpu, records.value(row, 0), records.value(row, 1))
            return
        draft = self._running.get(vcpu)
        if draft is None:
            if kind == Kind.TLBI and records.level[row] != Level.L0 and records.trapped[row] == YES:
                event = self.make(records, row)
                draft = Draft(int(records.position[row]), str(event.fields["op"]), [event])
                self._running[vcpu] = draft
            return
        if records.el[row] != 2:
            return
        if kind == Kind.EXCEPTION and len(draft.events) > 1:
            draft.depth += 1
        elif kind == Kind.ERET and records.value(row, 1) >> 2 & 3 == 2:
            draft.depth = max(0, draft.depth - 1)
        elif kind == Kind.ERET:
            self._leave(records, row, vcpu, draft)
        elif draft.depth == 0:
            if kind == Kind.CALL:
                draft.calls.append(int(records.position[row]))
            if kind != Kind.CALL or self._function(records, row) in self.shown:
                draft.events.append(self.make(records, row))

    def _leave(self, records: Records, row: int, vcpu: int, draft: Draft) -> None:
        if int(records.hcr[row]) & HCR_TGE:
            self._close(draft, "L0 went to its user space before L1 went on")
        else:
            draft.events.append(self.make(records, row))
            self._close(draft)
        del self._running[vcpu]

    def _switch(self, vcpu: int, previous: int, following: int) -> None:
        """``__switch_to(prev, next)`` (arch/arm64/kernel/process.c)."""
        if draft := self._running.pop(vcpu, None):
            self._parked[previous] = draft
        if draft := self._parked.pop(following, None):
            self._running[vcpu] = draft

    def _function(self, records: Records, row: int) -> str:
        index = int(records.info[row])
        return self.functions[index] if index < len(self.functions) else ""
