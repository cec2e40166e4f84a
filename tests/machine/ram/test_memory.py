# SPDX-License-Identifier: GPL-2.0-only
"""A RAM file, a guest's memory over its host's, and the search for VMCOREINFO in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.level import Level
from harness.machine.ram.kernel import candidates, open_kernel
from harness.machine.ram.memory import GuestMemory, RamFile, pages_starting_with
from harness.machine.ram.stage2 import Attributes, Leaf, MemoryGap
from tests.machine.ram.tables import RW, Words

BASE = 0x4000_0000
MIB = 1 << 20
INFO = b"OSRELEASE=7.3.4-nvh\nBUILD-ID=abcd\nSYMBOL(swapper_pg_dir)=ffff800080c00000\nKERNELOFFSET=2a00000\n"


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """64 MiB with data at 0 and at 32 MiB."""
    path = tmp_path / "ram"
    with path.open("wb") as file:
        file.write(b"first")
        file.seek(32 * MIB)
        file.write(b"second")
        file.truncate(64 * MIB)
    return path


def test_ram_file(sparse: Path) -> None:
    with RamFile(sparse) as ram:
        assert ram.size == 64 * MIB
        assert ram.read(BASE, 5) == b"first"
        assert ram.read(BASE + 32 * MIB, 6) == b"second"
        assert ram.read(BASE + 16 * MIB, 4) == bytes(4)
        for address in (BASE - 1, BASE + 64 * MIB - 3, 0):
            with pytest.raises(MemoryGap):
                ram.read(address, 4)


def test_extents_leave_out_the_holes(sparse: Path) -> None:
    with RamFile(sparse, base=0) as ram:
        covered = sum(size for _, size in ram.extents())
        assert [start for start, _ in ram.extents()] == [0, 32 * MIB]
        assert covered < MIB


def test_file_of_holes(tmp_path: Path) -> None:
    path = tmp_path / "ram"
    path.touch()
    os.truncate(path, MIB)
    with RamFile(path) as ram:
        assert ram.extents() == []


@pytest.mark.parametrize("content", [None, b""])
def test_no_ram(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ram"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"ram (does not exist|cannot be read)"):
        RamFile(path)


def leaf(ipa: int, pa: int, size: int, bits: int = RW) -> Leaf:
    return Leaf(ipa, pa, size, 3, Attributes.of(bits, lpa2=False))


def test_guest_memory_follows_its_leaves() -> None:
    host = Words(BASE, 0x4000)
    host.data[:] = bytes(range(256)) * 64
    guest = GuestMemory(host, [leaf(0x1000, BASE + 0x2000, 0x1000), leaf(0x2000, BASE, 0x1000)])
    assert guest.read(0x1FFE, 4) == host.read(BASE + 0x2FFE, 2) + host.read(BASE, 2)  # over a seam
    assert guest.extents() == [(0x1000, 0x1000), (0x2000, 0x1000)]
    for address in (0xFFF, 0x2FFE, 0x3000):
        with pytest.raises(MemoryGap):
            guest.read(address, 4)


def test_what_stage_2_does_not_map_is_asked_of_the_vmm() -> None:
    asked: list[tuple[int, int]] = []

    def vmm(address: int, size: int) -> bytes:
        asked.append((address, size))
        if address >= 0x5000:
            raise MemoryGap(address)
        return b"v" * size

    guest = GuestMemory(Words(BASE, 0x1000), [leaf(0x1000, BASE, 0x1000)], vmm)
    assert guest.read(0x1FFE, 0x1004) == bytes(2) + b"v" * 0x1002
    assert asked == [(0x2000, 0x1000), (0x3000, 2)]  # page by page
    with pytest.raises(MemoryGap):
        guest.read(0x4FFF, 2)


def test_leaves_that_cannot_be_read_are_no_memory() -> None:
    guest = GuestMemory(Words(BASE, 0x1000), [leaf(0x1000, BASE, 0x1000, bits=1 << 7)])
    assert guest.leaf(0x1000) is None


def test_vmcoreinfo_is_found_by_page() -> None:
    memory = Words(BASE, 0x8000)
    memory.data[0x3000 : 0x3000 + len(INFO)] = INFO
    memory.data[0x5010 : 0x5010 + len(INFO)] = INFO  # not at the start of a page
    memory.data[0x6000 : 0x6000 + 14] = b"OSRELEASE=made"  # somebody's text
    assert list(pages_starting_with(memory, b"OSRELEASE=")) == [BASE + 0x3000, BASE + 0x6000]
    (found,) = candidates(memory)
    assert (found.address, found.field("OSRELEASE"), found.kaslr_offset) == (
        BASE + 0x3000,
        "7.3.4-nvh",
        0x2A00000,
    )
    assert found.field("ABSENT") == ""


def test_guest_with_device_memory_is_searched() -> None:
    """Stage 2 maps device pages whose addresses are no RAM."""
    host = Words(BASE, 0x2000)
    host.data[0x1000 : 0x1000 + len(INFO)] = INFO
    guest = GuestMemory(host, [leaf(0x800_0000, 0x801_0000, 0x1000), leaf(0x4000_0000, BASE, 0x2000)])
    assert [each.address for each in candidates(guest)] == [0x4000_1000]


def test_kernel_without_debugging_information(tmp_path: Path) -> None:
    memory = Words(BASE, 0x1000)
    with pytest.raises(UserError, match=r"the kernel of l1 has no vmlinux .* --vmlinux l1="):
        open_kernel(Level.L1, memory, tmp_path / "vmlinux")
    (tmp_path / "Image").write_bytes(b"MZ@\xfa" + bytes(60))
    with pytest.raises(UserError, match="is not an ELF file; the vmlinux of l0 is wanted"):
        open_kernel(Level.L0, memory, tmp_path / "Image")


def test_memory_without_a_kernel(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_bytes(b"\x7fELF" + bytes(60))
    with pytest.raises(UserError, match="no VMCOREINFO in the memory of l0"):
        open_kernel(Level.L0, Words(BASE, 0x4000), tmp_path / "vmlinux")


def test_vmlinux_of_another_build(tmp_path: Path) -> None:
    memory = Words(BASE, 0x4000)
    memory.data[: len(INFO)] = INFO
    (tmp_path / "vmlinux").write_bytes(b"\x7fELF" + bytes(60))
    with pytest.raises(UserError, match=r"does not fit the kernel of l0: .*7\.3\.4-nvh \(build ID abcd\)"):
        open_kernel(Level.L0, memory, tmp_path / "vmlinux")
