# SPDX-License-Identifier: GPL-2.0-only
"""Long traces: events that are made when they are looked at, of 12 bytes each.

``timeline.events`` of a long trace of the model would not fit into memory as objects. ``Packed`` holds where
each record is and which *head* it has: everything that few records differ in, so that a condition on it is
tested once for each head instead of once for each event. Both are columns, on disk when there are many.
"""

from __future__ import annotations

import bisect
import heapq
import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, overload

import numpy as np
import numpy.typing as npt

from harness.trace.column import STRETCH, Column, Columns, stretches
from harness.trace.event import UNKNOWN, Event, Value

Seqs = npt.NDArray[np.int64]
Heads = npt.NDArray[np.uint32]

BLOCK = 4096
"""Events made at once while all are gone through."""
GROUPS = 32
"""Combinations of values into which packed events are split."""
NEAR = 32
"""Events made at once where one is looked at: the next one that is wanted is mostly its neighbour."""


Test = Callable[[str, Mapping[str, Value]], bool]
"""A test of a head, by the name of its events and by the fields that it decides."""


class PackedStore(Protocol):
    """Where packed events come from."""

    def make(self, seqs: Seqs, heads: Heads) -> list[Event]:
        """The events at these positions, which have these heads."""

    @property
    def heads(self) -> Sequence[tuple[str, Mapping[str, Value]]]:
        """Of each head the name of its events, and those of their fields that it decides."""

    @property
    def columns(self) -> Columns:
        """Where to keep what grows with the trace."""


class Packed(Sequence[Event]):
    """Events of one source in order of ``seqs``; each access makes an equal one anew."""

    __slots__ = ("_heads", "_near", "_possible", "_store", "seqs")

    def __init__(
        self, store: PackedStore, seqs: Seqs, heads: Heads, possible: npt.NDArray[np.bool_] | None = None
    ) -> None:
        self._store = store
        self.seqs = seqs
        self._heads = heads
        self._possible = possible  # which heads there may be; None: any
        self._near: tuple[int, list[Event]] | None = None

    @property
    def columns(self) -> Columns:
        """Where to keep what grows with them."""
        return self._store.columns

    def __len__(self) -> int:
        return len(self.seqs)

    def __iter__(self) -> Iterator[Event]:
        for at in range(0, len(self.seqs), BLOCK):
            yield from self._store.make(self.seqs[at : at + BLOCK], self._heads[at : at + BLOCK])

    @overload
    def __getitem__(self, at: int) -> Event: ...

    @overload
    def __getitem__(self, at: slice) -> Packed: ...

    def __getitem__(self, at: int | slice) -> Event | Packed:
        if isinstance(at, slice):
            return Packed(self._store, self.seqs[at], self._heads[at], self._possible)
        number = at if at >= 0 else at + len(self.seqs)
        if not 0 <= number < len(self.seqs):
            raise IndexError(f"there are {len(self.seqs)} events, none at {at}")
        block, place = divmod(number, NEAR)
        if self._near is None or self._near[0] != block:
            stretch = slice(block * NEAR, (block + 1) * NEAR)
            self._near = block, self._store.make(self.seqs[stretch], self._heads[stretch])
        return self._near[1][place]

    def sieve(self) -> Sieve:
        """To go through them and keep some."""
        return Sieve(self)

    def take(self, places: Seqs) -> Packed:
        """Those at ``places``."""
        seqs, heads = self._store.columns.column(np.int64), self._store.columns.column(np.uint32)
        for stretch in stretches(len(places)):
            at = places[stretch]
            seqs.add(self.seqs[at])
            heads.add(self._heads[at])
            self._store.columns.forget()
        return Packed(self._store, seqs.done(), heads.done(), self._possible)

    def made(self, seqs: Seqs, heads: Heads) -> list[Event]:
        """The events at positions ``seqs``, which are there, in any order, and few; ``heads``: of each."""
        return self._store.make(seqs, heads)

    def heads_at(self, seqs: Seqs) -> Heads:
        """The heads of the events at positions ``seqs``, which are there, in any order."""
        return self._heads[np.searchsorted(self.seqs, seqs)]

    def passing(self, test: Test) -> npt.NDArray[np.bool_]:
        """Of each head whether it passes the test."""
        return np.array([test(*head) for head in self._store.heads], dtype=bool)

    def where(self, test: Test) -> Packed:
        """Those whose head passes the test."""
        return self._with(self.passing(test))

    def every(self, test: Test) -> bool:
        """Whether all heads that there may be among them pass the test."""
        return all(test(*head) for number, head in enumerate(self._store.heads) if self._may_have(number))

    def by_fields(self, names: Sequence[str]) -> Mapping[tuple[Value, ...], Packed] | None:
        """Those with each combination of values of fields; None unless few heads' worth of them decide it."""
        keys = [
            tuple(fields.get(name, UNKNOWN) for name in names) if self._may_have(number) else ()
            for number, (_, fields) in enumerate(self._store.heads)
        ]
        there = {key for number, key in enumerate(keys) if self._may_have(number)}
        if len(there) > GROUPS or any(UNKNOWN in key for key in there):
            return None
        if len(there) <= 1:
            return dict.fromkeys(there, self)
        return {key: self._with(np.array([each == key for each in keys], dtype=bool)) for key in there}

    def _may_have(self, number: int) -> bool:
        return self._possible is None or bool(self._possible[number])

    def _with(self, passing: npt.NDArray[np.bool_]) -> Packed:
        if self._possible is not None:
            if passing[self._possible].all():
                return self
            passing = passing & self._possible
        seqs, kept = self._store.columns.column(np.int64), self._store.columns.column(np.uint32)
        for stretch in stretches(len(self.seqs)):
            part = self._heads[stretch]
            chosen = passing[part]
            seqs.add(self.seqs[stretch][chosen])
            kept.add(part[chosen])
            self._store.columns.forget()
        return Packed(self._store, seqs.done(), kept.done(), passing)

    def by_name(self) -> Mapping[str, Packed]:
        """Those of each name."""
        groups = {name: self._named(name) for name in sorted({name for name, _ in self._store.heads})}
        return {name: group for name, group in groups.items() if len(group)}

    def _named(self, name: str) -> Packed:
        return self.where(lambda own, _: own == name)

    def place(self, seq: float, *, after: bool) -> int:
        """How many of them come before position ``seq``, or (``after``) up to and with it."""
        if math.isinf(seq):  # numpy would turn all positions into floats for it
            return len(self.seqs) if seq > 0 else 0
        return int(self.seqs.searchsorted(int(seq), "right" if after else "left"))

    def holds(self, seq: int) -> bool:
        """Whether one of them is at ``seq``."""
        return self.place(seq, after=True) > self.place(seq, after=False)


class Sieve:
    """Places among packed events, kept one after the other in ascending order."""

    __slots__ = ("_column", "_fresh", "_packed")

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        self._fresh = array("q")
        self._column: Column[np.int64] | None = None

    def append(self, place: int) -> None:
        """Keep the event at ``place``."""
        self._fresh.append(place)
        if len(self._fresh) >= STRETCH:
            self._flush()

    def _flush(self) -> None:
        if self._column is None:
            self._column = self._packed.columns.column(np.int64)
        self._column.add(np.frombuffer(self._fresh, dtype=np.int64))
        self._fresh = array("q")

    def kept(self) -> Packed:
        """Those that were kept."""
        if self._column is None:
            return self._packed.take(np.array(self._fresh, dtype=np.int64))
        self._flush()
        return self._packed.take(self._column.done())


class Merged(Sequence[Event]):
    """Packed events and those of other sources, which are few, in order of time."""

    def __init__(self, others: Sequence[Event], packed: Packed) -> None:
        self.others = others
        self.packed = packed

    def __len__(self) -> int:
        return len(self.others) + len(self.packed)

    def __iter__(self) -> Iterator[Event]:
        return heapq.merge(self.others, self.packed, key=_time)

    @overload
    def __getitem__(self, at: int) -> Event: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Event]: ...

    def __getitem__(self, at: int | slice) -> Event | Sequence[Event]:
        if isinstance(at, slice):
            return tuple(self._at(number) for number in range(len(self))[at])
        return self._at(range(len(self))[at])

    def _at(self, number: int) -> Event:
        """The event that has ``number`` before it: so many of the others, and of the packed ones the rest."""
        low, high = max(0, number - len(self.packed)), min(number, len(self.others))
        while low < high:
            middle = (low + high) // 2
            if _time(self.others[middle]) < _time(self.packed[number - middle - 1]):
                low = middle + 1
            else:
                high = middle
        rest = number - low
        if rest == len(self.packed):
            return self.others[low]
        if low == len(self.others) or _time(self.packed[rest]) < _time(self.others[low]):
            return self.packed[rest]
        return self.others[low]


def _time(event: Event) -> tuple[int, str, int]:
    return event.time_ns, event.source, event.seq


def first_after(events: Sequence[Event], seq: float) -> int:
    """Where the first of the events of one source comes that is after position ``seq``."""
    if isinstance(events, Packed):
        return events.place(seq, after=True)
    return bisect.bisect_right(events, seq, key=lambda e: e.seq)


def first_from(events: Sequence[Event], seq: float) -> int:
    """Where the first of the events of one source comes that is at position ``seq`` or after."""
    if isinstance(events, Packed):
        return events.place(seq, after=False)
    return bisect.bisect_left(events, seq, key=lambda e: e.seq)
