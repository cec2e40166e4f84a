# SPDX-License-Identifier: GPL-2.0-only
"""The memory of a running process as physical memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import InfraError
from harness.machine.ram.memory import PAGE, VIRT_RAM_BASE, ProcessRam, pages_starting_with
from harness.machine.ram.stage2 import MemoryGap

SIZE = 4099 * PAGE  # like no heap and no library of the child
CHILD = """
import mmap, sys
with open(sys.argv[1], "r+b") as file:
    ram = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
ram[8 * 4096 : 8 * 4096 + 5] = b"child"
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def child(file: Path) -> Iterator[int]:
    """A process that maps ``file`` privately and writes into one page of it."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ram"
    with path.open("wb") as stream:
        stream.truncate(SIZE)
        stream.seek(20 * PAGE)
        stream.write(b"file")
    return path


def test_what_was_written_and_what_is_in_the_file(file: Path) -> None:
    with child(file) as pid, ProcessRam(pid, SIZE, file) as ram:
        assert ram.read(VIRT_RAM_BASE + 8 * PAGE, 5) == b"child"
        assert ram.read(VIRT_RAM_BASE + 20 * PAGE, 4) == b"file"
        assert ram.read(VIRT_RAM_BASE + 4098 * PAGE, PAGE) == bytes(PAGE)
        assert set(pages_starting_with(ram, b"child")) == {VIRT_RAM_BASE + 8 * PAGE}
        assert set(pages_starting_with(ram, b"file")) == {VIRT_RAM_BASE + 20 * PAGE}
        for address in (VIRT_RAM_BASE - 1, VIRT_RAM_BASE + SIZE - 1):
            with pytest.raises(MemoryGap):
                ram.read(address, 2)
    assert file.read_bytes()[8 * PAGE : 8 * PAGE + 5] == bytes(5)


def test_a_process_without_such_memory_is_an_error(file: Path) -> None:
    with child(file) as pid, pytest.raises(InfraError, match="has 0 writable mappings of"):
        ProcessRam(pid, SIZE + PAGE, file)


def test_a_process_that_has_gone_is_an_error(file: Path) -> None:
    with child(file) as pid:
        ram = ProcessRam(pid, SIZE, file)
    with pytest.raises(InfraError, match="it has exited"):
        ram.read(VIRT_RAM_BASE, 8)
    with pytest.raises(InfraError, match="cannot be read"):
        ProcessRam(pid, SIZE, file)
