# SPDX-License-Identifier: GPL-2.0-only
"""The file in pieces of bounded size, each checked: what is wrong becomes a fault and no record."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import InfraError
from harness.trace.model.layout import (
    HEADER_BYTES,
    MORE_UNITS,
    UNIT,
    TraceHeader,
    UnitKind,
    Units,
    checks,
    read_header,
)

CHUNK_UNITS = 1 << 18
"""Units read at once: 8 MiB, and some ten times that while they are looked at."""

FAULTS = 32
"""Faults that are reported one by one; the rest of a damaged file is one more."""

Rows = npt.NDArray[np.int64]
_MORE_OF = np.full(256, -1, dtype=np.int16)
for _kind, _count in MORE_UNITS.items():
    _MORE_OF[_kind] = _count
_LONGEST = max(MORE_UNITS.values())


@dataclass(frozen=True, slots=True)
class BadUnits:
    """Units from position ``first`` up to ``end`` are no records, and why. ``lost``: how many, if known."""

    first: int
    end: int
    text: str
    lost: bool = False


@dataclass(frozen=True)
class Chunk:
    """Part of the file: ``units`` from position ``first`` on; at ``rows`` whole records begin."""

    first: int
    units: Units
    rows: Rows
    faults: tuple[BadUnits, ...]

    @functools.cached_property
    def kind(self) -> npt.NDArray[np.uint8]:
        """Kind of each row's record."""
        return np.asarray(self.units["kind"][self.rows])

    @functools.cached_property
    def el(self) -> npt.NDArray[np.uint8]:
        """Exception level of each row's record."""
        return np.asarray(self.units["info"][self.rows] >> 14, dtype=np.uint8)

    @functools.cached_property
    def vcpu(self) -> npt.NDArray[np.uint8]:
        """vCPU of each row's record."""
        return np.asarray(self.units["vcpu"][self.rows])


class Reader:
    """The trace in ``path``; ``InfraError`` when it has no header of ours.

    A file that is shorter than its header says, whose records were lost, or that holds anything but whole
    records in their places, gives ``BadUnits`` with the chunks. It never gives a record that was not written.
    """

    def __init__(self, path: Path, chunk_units: int = CHUNK_UNITS) -> None:
        self.path = path
        self.header: TraceHeader = read_header(path)
        self._chunk_units = chunk_units
        cpus = self.header.cpus
        if cpus is None:
            raise InfraError(
                f"the model's trace {path} does not tell its CPUs apart: {len(self.header.keys)} values of "
                f"TPIDR_EL2 for {self.header.vcpus} of them; use the timing mttcg for what is no Linux at EL2"
            )
        self._cpus = np.array(cpus, dtype=np.uint8)

    def cpu(self, number: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The model's CPUs that the numbers in units stand for."""
        return np.asarray(self._cpus[number])

    def chunks(self) -> Iterator[Chunk]:
        """Read the whole file in order."""
        told = 0
        for chunk in self._chunks():
            if told + len(chunk.faults) > FAULTS:
                few = chunk.faults[: max(0, FAULTS - told)]
                rest = chunk.faults[len(few)]
                text = "more of the file is no records"
                yield Chunk(
                    chunk.first, chunk.units, chunk.rows[:0], (*few, BadUnits(rest.first, rest.end, text))
                )
                return
            told += len(chunk.faults)
            yield chunk

    def _chunks(self) -> Iterator[Chunk]:
        used = self.header.used
        kept = np.empty(0, dtype=UNIT)
        at = 0  # position of the first kept unit
        try:
            with self.path.open("rb") as stream:
                stream.seek(HEADER_BYTES)
                while at + len(kept) < used:
                    wanted = min(self._chunk_units, used - at - len(kept))
                    data = stream.read(wanted * UNIT.itemsize)
                    whole = len(data) // UNIT.itemsize
                    fresh = np.frombuffer(data, dtype=UNIT, count=whole)
                    units = np.concatenate((kept, fresh)) if len(kept) else fresh
                    end = at + len(units)
                    last = whole < wanted or end >= used
                    cut = len(units) if last else _whole_records(units)
                    faults = []
                    if whole < wanted:
                        faults.append(
                            BadUnits(end, used, f"the file ends after {end} of {used} units", lost=True)
                        )
                    yield _examine(at, units[:cut], tuple(faults), len(self._cpus))
                    if last:
                        break
                    kept, at = units[cut:], at + cut
        except OSError as error:
            raise InfraError(f"the model's trace {self.path} cannot be read: {error.strerror}") from error
        if self.header.lost:
            text = f"{self.header.lost} records did not fit into the file or on the disk"
            yield Chunk(used, kept[:0], np.empty(0, dtype=np.int64), (BadUnits(used, used, text, lost=True),))


def _whole_records(units: Units) -> int:
    """Where to cut so that no record is in two chunks."""
    for back in range(1, min(_LONGEST + 1, len(units)) + 1):
        kind = units["kind"][-back]
        if kind != UnitKind.MORE:
            more = _MORE_OF[kind]
            return len(units) - back if more >= back else len(units)
    return len(units)


def _examine(first: int, units: Units, faults: tuple[BadUnits, ...], vcpus: int) -> Chunk:
    """Find the records in ``units``, and everything that is none."""
    kind = units["kind"]
    count = len(units)
    good = checks(units, first) == units["check"]
    head = kind != UnitKind.MORE
    more = _MORE_OF[kind]
    good &= ~head | ((more >= 0) & (units["vcpu"] < vcpus))
    rows = np.flatnonzero(head & good)
    whole = rows + more[rows] < count
    claimed = np.zeros(count, dtype=bool)
    for step in range(1, _LONGEST + 1):
        long = np.flatnonzero(whole & (more[rows] >= step))
        at = rows[long] + step
        fits = good[at] & (kind[at] == UnitKind.MORE) & (units["vcpu"][at] == units["vcpu"][rows[long]])
        fits &= units["info"][at] == (kind[rows[long]].astype(np.uint16) << np.uint16(8) | np.uint16(step))
        claimed[at[fits]] = True
        whole[long[~fits]] = False
    broken = rows[~whole]
    rows = rows[whole]
    claimed[rows] = True
    # Continuations of a record that turned out broken belong to it.
    for at in broken:
        claimed[at : at + 1 + max(0, int(more[at]))] = False
    wrong = np.flatnonzero(~claimed)
    return Chunk(first, units, rows, (*_faults(first, units, wrong), *faults))


def _faults(first: int, units: Units, wrong: Rows) -> Iterator[BadUnits]:
    """Neighbouring wrong units as one fault each."""
    if not len(wrong):
        return
    breaks = np.flatnonzero(np.diff(wrong) > 1) + 1
    for run in np.split(wrong, breaks)[: FAULTS + 1]:
        low, high = int(run[0]), int(run[-1]) + 1
        holes = not units[low:high].view(np.uint8).any()
        text = "units were claimed and never written" if holes else "units that are no record in its place"
        yield BadUnits(first + low, first + high, f"{high - low} {text}", lost=holes)
