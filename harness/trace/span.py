# SPDX-License-Identifier: GPL-2.0-only
"""Spans, and those of a long trace, which are made when they are looked at."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from harness.trace.event import Event
from harness.trace.packed import Packed, Seqs, Test
from harness.trace.source import Source

BLOCK = 512
"""Spans made at once while all are gone through."""
Beside = tuple[int, int, Event]
"""An event of a kernel in a span: the model's position beside it, -1 if it comes before that and 1 if not."""


@dataclass(frozen=True, slots=True)
class Span:
    """One operation of a guest and everything done because of it, seen by several sources.

    ``kind`` is ``tlbi``; ``op`` the operation that L1 (or L2) executed. ``events`` are in the order of their
    sources, the instruction first. ``open`` says why the span's end was not seen, and is empty when it was.
    """

    id: int
    kind: str
    op: str
    events: Sequence[Event]
    open: str = ""


@dataclass(frozen=True)
class SpanColumns:
    """Of each span its ``first`` position, in ascending order, and the numbers of its operation and of why it
    is open; its positions are in ``seqs`` from ``begin`` on, which has one number more, up to the next ones.

    ``reach``: the last position of it and of all before it.
    """

    seqs: Seqs
    begin: Seqs
    first: Seqs
    reach: Seqs
    op: npt.NDArray[np.uint16]
    why: npt.NDArray[np.uint16]


class PackedSpans(Sequence[Span]):
    """Spans of packed events; each access makes an equal one anew.

    ``names``: the operations and the reasons that the numbers in the columns stand for. ``beside``: by span,
    what kernels saw of it. ``passing``: which heads the model's events may have; None: any.
    """

    def __init__(
        self,
        events: Packed,
        columns: SpanColumns,
        names: tuple[Sequence[str], Sequence[str]],
        beside: Mapping[int, Sequence[Beside]],
        passing: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self._events = events
        self._columns = columns
        self._ops, self._whys = names
        self._beside = beside
        self._passing = passing

    @functools.cached_property
    def _kernels(self) -> Mapping[tuple[Source, int], int]:
        """The spans that events of kernels are in."""
        return {
            (event.source, event.seq): number for number, each in self._beside.items() for *_, event in each
        }

    def __len__(self) -> int:
        return len(self._columns.op)

    def __iter__(self) -> Iterator[Span]:
        for at in range(0, len(self), BLOCK):
            yield from self._made(at, min(at + BLOCK, len(self)))

    @overload
    def __getitem__(self, at: int) -> Span: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Span, ...]: ...

    def __getitem__(self, at: int | slice) -> Span | tuple[Span, ...]:
        if isinstance(at, slice):
            return tuple(self[number] for number in range(len(self))[at])
        number = range(len(self))[at]
        return next(self._made(number, number + 1))

    def only(self, test: Test) -> PackedSpans:
        """The same spans; of the model's events in them those alone whose head passes the test."""
        names = self._ops, self._whys
        return PackedSpans(self._events, self._columns, names, self._beside, self._events.passing(test))

    def _made(self, low: int, high: int) -> Iterator[Span]:
        begin = self._columns.begin[low : high + 1]
        ends = (begin - begin[0]).tolist()
        seqs = self._columns.seqs[begin[0] : begin[-1]]
        heads = self._events.heads_at(seqs)
        if self._passing is not None:
            chosen = self._passing[heads]
            ends = np.concatenate(([0], np.cumsum(chosen)))[ends].tolist()
            seqs, heads = seqs[chosen], heads[chosen]
        made = self._events.made(seqs, heads)
        ops, whys = self._columns.op[low:high].tolist(), self._columns.why[low:high].tolist()
        for number, (first, end, op, why) in enumerate(zip(ends, ends[1:], ops, whys, strict=False), low):
            events = tuple(made[first:end])
            if number in self._beside:
                events = _between(events, self._beside[number])
            yield Span(number, "tlbi", self._ops[op], events, self._whys[why])

    def find(self, event: Event) -> int | None:
        """The span of ``event``, or None."""
        if event.source is not Source.MODEL or event.seen_by:
            return self._kernels.get((event.source, event.seq))
        columns = self._columns
        number = int(np.searchsorted(columns.first, event.seq, side="right")) - 1
        while number >= 0 and columns.reach[number] >= event.seq:
            own = columns.seqs[columns.begin[number] : columns.begin[number + 1]]
            at = int(np.searchsorted(own, event.seq))
            if at < len(own) and own[at] == event.seq:
                return number
            number -= 1
        return None


def _between(model: Sequence[Event], beside: Sequence[Beside]) -> tuple[Event, ...]:
    """Events of the model and of kernels in order."""
    placed = [(event.seq, 0, event) for event in model] + list(beside)
    placed.sort(key=lambda each: each[:2])
    return tuple(event for *_, event in placed)
