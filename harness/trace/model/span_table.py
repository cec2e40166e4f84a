# SPDX-License-Identifier: GPL-2.0-only
"""Spans that are done, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.trace.column import Columns
from harness.trace.model.spans import SpanDraft
from harness.trace.packed import Packed
from harness.trace.span import Beside, PackedSpans, SpanColumns

AT_ONCE = 1 << 12
"""Spans that are put into the columns together."""


class SpanTable:
    """Takes spans in the order of their instructions. ``beside``: by position, what kernels saw there."""

    def __init__(self, columns: Columns, beside: Mapping[int, Sequence[Beside]]) -> None:
        self._at = beside
        self._beside: dict[int, list[Beside]] = {}
        self._seqs = columns.column(np.int64)
        self._begin, self._first, self._reach = (columns.column(np.int64) for _ in range(3))
        self._op, self._why = (columns.column(np.uint16) for _ in range(2))
        self._ops: dict[str, int] = {}
        self._whys: dict[str, int] = {}
        self._fresh: list[SpanDraft] = []
        self._count = self._length = 0
        self._last = -1

    def add(self, draft: SpanDraft) -> None:
        """The next span."""
        also = [each for seq in draft.calls for each in self._at.get(seq, ())]
        also += [each for each in self._at.get(draft.begun, ()) if each[1] < 0]
        also = [each for each in also if each[0] <= draft.events[-1]]
        if also:
            self._beside[self._count] = also
        self._count += 1
        self._fresh.append(draft)
        if len(self._fresh) >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        fresh, self._fresh = self._fresh, []
        if not fresh:
            return
        lengths = np.array([len(draft.events) for draft in fresh], dtype=np.int64)
        ends = self._length + np.cumsum(lengths)
        last = np.array([draft.events[-1] for draft in fresh], dtype=np.int64)
        reach = np.maximum.accumulate(np.maximum(last, self._last))
        self._seqs.add(np.concatenate([np.frombuffer(draft.events, dtype=np.int64) for draft in fresh]))
        self._begin.add(ends - lengths)
        self._first.add([draft.begun for draft in fresh])
        self._reach.add(reach)
        self._op.add([self._ops.setdefault(draft.op, len(self._ops)) for draft in fresh])
        self._why.add([self._whys.setdefault(draft.open, len(self._whys)) for draft in fresh])
        self._length, self._last = int(ends[-1]), int(reach[-1])

    def spans(self, events: Packed) -> PackedSpans:
        """All of them; ``events``: of the model, those of spans among them."""
        self._flush()
        self._begin.add([self._length])
        columns = SpanColumns(
            self._seqs.done(),
            self._begin.done(),
            self._first.done(),
            self._reach.done(),
            self._op.done(),
            self._why.done(),
        )
        return PackedSpans(events, columns, (list(self._ops), list(self._whys)), self._beside)
