# SPDX-License-Identifier: GPL-2.0-only
"""The model's records as packed events: their heads as few tuples, everything else left in the file."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.trace.column import Columns
from harness.trace.event import Event, Value
from harness.trace.model.chunks import Rows
from harness.trace.model.events import Maker, Part
from harness.trace.model.layout import HEADER_BYTES, MORE_UNITS, UNIT, UnitKind
from harness.trace.model.records import Head, Records
from harness.trace.packed import Heads, Packed, Seqs

FEW = 32
"""Events up to which it is faster to make them one by one."""
_RECORD = [struct.Struct("<8xQ16x" + more * "8x3Q") for more in range(max(MORE_UNITS.values()) + 1)]
"""A record with so many units more: its address and its values."""
FORGET_UNITS = 1 << 17
"""Records that are looked at before the mapped pages of the file are given back."""
AROUND_UNITS = 1 << 11
"""Records of 64 KiB, which Linux maps at a fault (fault_around_bytes), however few of them are looked at."""


class RecordStore:
    """Makes events of records that a ``Reader`` has found good and ``add`` has been given."""

    def __init__(self, path: Path, maker: Maker) -> None:
        self._maker = maker
        self._columns = Columns(path.parent)
        with path.open("rb") as stream:
            self._map = self._columns.map(stream)
        whole = (len(self._map) - HEADER_BYTES) // UNIT.itemsize
        self._units = np.frombuffer(self._map, dtype=UNIT, count=whole, offset=HEADER_BYTES)
        self._numbers: dict[Head, int] = {}
        self._parts: list[Part] = []
        self._more: list[int] = []
        self._seqs = self._columns.column(np.int64)
        self._heads = self._columns.column(np.uint32)
        self._touched = 0

    def add(self, records: Records, rows: Rows) -> None:
        """These rows, which come after all that were added before, are wanted."""
        self._seqs.add(records.position[rows])
        self._heads.add(self._number(records, rows))

    def events(self) -> Packed:
        """Everything that was added."""
        return Packed(self, self._seqs.done(), self._heads.done())

    @property
    def columns(self) -> Columns:
        """In files beside the trace."""
        return self._columns

    @property
    def heads(self) -> Sequence[tuple[str, Mapping[str, Value]]]:
        """Name and decided fields of each head."""
        return [(part.name, part.fields) for part in self._parts]

    def _number(self, records: Records, rows: Rows) -> Heads:
        """The heads of rows: the columns are compared as numbers, and each distinct head is made once."""
        same = np.zeros(len(rows), dtype=np.int64)
        for column in records.head_columns(rows):
            values, which = np.unique(column, return_inverse=True)
            same = same * len(values) + which
        _, first, which = np.unique(same, return_index=True, return_inverse=True)
        numbers = []
        for row in rows[first].tolist():
            head = records.head(row)
            if head not in self._numbers:
                self._numbers[head] = len(self._parts)
                self._parts.append(self._maker.part(head))
                self._more.append(MORE_UNITS[UnitKind(head.kind)])
            numbers.append(self._numbers[head])
        return np.array(numbers, dtype=np.uint32)[which]

    def make(self, seqs: Seqs, heads: Heads) -> list[Event]:
        """The events at ``seqs``."""
        self._touched += max(len(seqs), AROUND_UNITS)
        if self._touched >= FORGET_UNITS:
            self._touched = 0
            self._columns.forget()
        if len(seqs) <= FEW:
            return self._few(seqs, heads)
        numbers = heads.tolist()
        longest = max((self._more[number] for number in numbers), default=0)
        addresses = self._units["a"][seqs].tolist()
        columns = []
        for step in range(1, longest + 1):
            at = np.minimum(seqs + step, len(self._units) - 1)  # beyond a shorter record: not looked at
            columns += [self._units[name][at].tolist() for name in "abc"]
        values = list(zip(*columns, strict=True)) if columns else [()] * len(numbers)
        times, errors = self._maker.clock.many(seqs)
        parts = self._parts
        return [
            parts[number].event(*rest)
            for number, *rest in zip(numbers, seqs.tolist(), addresses, values, times, errors, strict=True)
        ]

    def _few(self, seqs: Seqs, heads: Heads) -> list[Event]:
        """The same without numpy, which takes longer to begin."""
        made = []
        when = self._maker.clock.when
        for seq, number in zip(seqs.tolist(), heads.tolist(), strict=True):
            address, *values = _RECORD[self._more[number]].unpack_from(
                self._map, HEADER_BYTES + seq * UNIT.itemsize
            )
            made.append(self._parts[number].event(seq, address, values, *when(seq)))
        return made
