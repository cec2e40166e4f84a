# SPDX-License-Identifier: GPL-2.0-only
"""Physical memory of a stopped machine: L0's RAM file, and a guest's memory seen through its stage 2."""

from __future__ import annotations

import bisect
import contextlib
import errno
import mmap
import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from harness.errors import InfraError, UserError
from harness.machine.ram.stage2 import Leaf, MemoryGap

VIRT_RAM_BASE = 0x4000_0000
"""Where QEMU's virt machine has its RAM (hw/arm/virt.c, base_memmap)."""
PAGE = 4096


class Memory(Protocol):
    """Physical memory of one level."""

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes at ``address``; ``MemoryGap`` when some of them are not there."""
        ...

    def extents(self) -> list[tuple[int, int]]:
        """Return address and size of what may hold anything but zeros, in ascending order."""
        ...


class RamFile:
    """L0's RAM as a raw file whose offset 0 is the physical address ``base``; holes read as zeros.

    ``UserError`` when the file is missing or empty. Use as a context manager.
    """

    def __init__(self, path: Path, base: int = VIRT_RAM_BASE) -> None:
        self.path = path
        self.base = base
        try:
            with path.open("rb") as file:
                self._extents = list(_data(file.fileno()))
                self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED)
        except FileNotFoundError as error:
            raise UserError(f"{path} does not exist; it should be the RAM of a stopped machine") from error
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read as the RAM of a machine: {error}") from error

    def __enter__(self) -> RamFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._map.close()

    @property
    def size(self) -> int:
        """Bytes of RAM."""
        return len(self._map)

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes at physical ``address``; ``MemoryGap`` outside the RAM."""
        offset = address - self.base
        if offset < 0 or offset + size > len(self._map):
            raise MemoryGap(address)
        return self._map[offset : offset + size]

    def extents(self) -> list[tuple[int, int]]:
        """Return physical address and size of the parts of the file that are not holes."""
        return [(self.base + offset, size) for offset, size in self._extents]


class ProcessRam:
    """L0's RAM in the memory of a QEMU process of ours that is stopped, at the physical address ``base``.

    ``backing``: the file of which QEMU has it as a private mapping, if any. ``InfraError`` when the process
    has no mapping of that size, or may not be read (ptrace(2): a parent may read its child).
    """

    def __init__(self, pid: int, size: int, backing: Path | None = None, base: int = VIRT_RAM_BASE) -> None:
        self.base = base
        self.size = size
        self._file = -1
        try:
            self._start = _mapping(pid, size)
            self._extents = sorted([*_present(pid, self._start, size), *_backed(backing)])
            self._file = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InfraError(f"the memory of QEMU (pid {pid}) cannot be read: {error.strerror}") from error

    def __enter__(self) -> ProcessRam:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes at physical ``address``; ``MemoryGap`` outside the RAM."""
        offset = address - self.base
        if offset < 0 or offset + size > self.size:
            raise MemoryGap(address)
        try:
            data = os.pread(self._file, size, self._start + offset)
        except OSError as error:
            raise InfraError(f"the memory of QEMU cannot be read: {error.strerror}") from error
        if len(data) < size:
            raise InfraError("the memory of QEMU ends: it has exited")
        return data

    def extents(self) -> list[tuple[int, int]]:
        """Return physical address and size of what was written or is in the file; the parts may overlap."""
        return [(self.base + offset, size) for offset, size in self._extents]


def _mapping(pid: int, size: int) -> int:
    """Where the process has a writable mapping of this size, possibly in neighbouring pieces."""
    found: list[tuple[int, int, list[str]]] = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        where, permissions, _, *of = line.split()
        start, end = (int(each, 16) for each in where.split("-"))
        if not permissions.startswith("rw"):
            continue
        if found and found[-1][1:] == (start, of):
            found[-1] = found[-1][0], end, of
        else:
            found.append((start, end, of))
    chosen = [start for start, end, _ in found if end - start == size]
    if len(chosen) != 1:
        raise InfraError(f"QEMU (pid {pid}) has {len(chosen)} writable mappings of {size >> 20} MiB, not one")
    return chosen[0]


def _present(pid: int, start: int, size: int) -> Iterator[tuple[int, int]]:
    """Offsets and sizes of pages that the process has touched (Documentation/admin-guide/mm/pagemap.rst)."""
    with Path(f"/proc/{pid}/pagemap").open("rb") as stream:
        stream.seek(start // PAGE * 8)
        words = array("Q", stream.read(size // PAGE * 8))
    begun: int | None = None
    for number, word in enumerate(words):
        if word >> 62:
            begun = number if begun is None else begun
        elif begun is not None:
            yield begun * PAGE, (number - begun) * PAGE
            begun = None
    if begun is not None:
        yield begun * PAGE, (len(words) - begun) * PAGE


def _backed(path: Path | None) -> Iterator[tuple[int, int]]:
    if path is not None:
        with path.open("rb") as file:
            yield from _data(file.fileno())


def _data(descriptor: int) -> Iterator[tuple[int, int]]:
    size = os.fstat(descriptor).st_size
    start = 0
    while start < size:
        try:
            start = os.lseek(descriptor, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end - start
        start = end


class GuestMemory:
    """A guest's physical memory: ``leaves`` of its stage 2 in ascending order, over its host's ``memory``.

    What stage 2 does not map is asked of ``otherwise(address, size)``, the VMM's own mapping of the guest.
    """

    def __init__(
        self, memory: Memory, leaves: Iterable[Leaf], otherwise: Callable[[int, int], bytes] | None = None
    ) -> None:
        self._memory = memory
        self._leaves = [leaf for leaf in leaves if leaf.attributes.read]
        self._starts = [leaf.ipa for leaf in self._leaves]
        self._otherwise = otherwise

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes at guest physical ``address``."""
        parts = []
        while size > 0:
            leaf = self.leaf(address)
            if leaf is None:
                count = min(size, PAGE - address % PAGE)
                if self._otherwise is None:
                    raise MemoryGap(address)
                parts.append(self._otherwise(address, count))
            else:
                count = min(size, leaf.ipa + leaf.size - address)
                parts.append(self._memory.read(leaf.pa + address - leaf.ipa, count))
            address += count
            size -= count
        return b"".join(parts)

    def extents(self) -> list[tuple[int, int]]:
        """Return address and size of what stage 2 maps to memory of the host."""
        return [(leaf.ipa, leaf.size) for leaf in self._leaves]

    def leaf(self, address: int) -> Leaf | None:
        """Return the leaf of stage 2 that maps ``address`` for reading."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index >= 0 and address < self._leaves[index].ipa + self._leaves[index].size:
            return self._leaves[index]
        return None


def pages_starting_with(memory: Memory, words: bytes) -> Iterator[int]:
    """Yield the addresses of the pages that begin with ``words``."""
    for start, size in memory.extents():
        for address in range(-(-start // PAGE) * PAGE, start + size, PAGE):
            with contextlib.suppress(MemoryGap):  # device memory of a guest is mapped too
                if memory.read(address, len(words)) == words:
                    yield address
