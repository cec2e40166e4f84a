# SPDX-License-Identifier: GPL-2.0-only
"""Columns of numbers that grow with a trace: in mapped files, so that memory does not grow as well."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Generic, TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", np.int64, np.uint32, np.uint16)

SMALL_BYTES = 1 << 20
"""Up to so many a column stays in memory."""
STRETCH = 1 << 17
"""Numbers that are gone through at once."""


def stretches(count: int) -> Iterator[slice]:
    """Slices of bounded size that cover ``count`` places in order."""
    return (slice(at, min(at + STRETCH, count)) for at in range(0, count, STRETCH))


class Columns:
    """Makes columns, whose files have no name and lie in ``directory`` if it can be written to.

    What was touched of mapped files counts as this process's memory until ``forget``.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()

    def column(self, dtype: type[Number]) -> Column[Number]:
        """An empty column of numbers of a type."""
        return Column(self, dtype)

    def file(self) -> IO[bytes]:
        """A new file for a column."""
        try:
            return tempfile.TemporaryFile(dir=self._directory)
        except OSError:  # a directory of somebody else's
            return tempfile.TemporaryFile()

    def map(self, stream: IO[bytes]) -> mmap.mmap:
        """The file in memory."""
        mapped = mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ)
        self._maps.add(mapped)
        return mapped

    def forget(self) -> None:
        """Give back the pages that have been read; reading them again is possible."""
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)


class Column(Generic[Number]):
    """Numbers, added in order; ``done`` when there are no more."""

    def __init__(self, columns: Columns, dtype: type[Number]) -> None:
        self._columns = columns
        self._dtype: type[Number] = dtype
        self._kept: list[npt.NDArray[Number]] = []
        self._bytes = 0
        self._stream: IO[bytes] | None = None

    def add(self, numbers: npt.NDArray[Number] | Sequence[int]) -> None:
        """Put ``numbers`` behind those that are there."""
        fresh = np.array(numbers, dtype=self._dtype)  # a copy: the caller may go on with its own
        self._kept.append(fresh)
        self._bytes += fresh.nbytes
        if self._bytes > SMALL_BYTES:
            if self._stream is None:
                self._stream = self._columns.file()
            for each in self._kept:
                self._stream.write(each.tobytes())
            self._kept.clear()
            self._bytes = 0

    def done(self) -> npt.NDArray[Number]:
        """All of them, not to be written to."""
        if self._stream is None:
            return np.concatenate([np.empty(0, dtype=self._dtype), *self._kept])
        with self._stream as stream:
            for each in self._kept:
                stream.write(each.tobytes())
            stream.flush()
            return np.frombuffer(self._columns.map(stream), dtype=self._dtype)
