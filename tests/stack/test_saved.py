# SPDX-License-Identifier: GPL-2.0-only
"""The files of a saved stack: sparse copies, the record, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.level import Level
from harness.stack.saved import (
    RECORD,
    RestoreFailed,
    broadcast_sgi,
    copy_sparse,
    extents,
    fill,
    open_memory,
    read_record,
)

MIB = 1 << 20
INTERRUPTS = """\
           CPU0       CPU1
 11:       3032       3043     GICv3  28 Level     arch_timer
IPI0:        17         22       Rescheduling interrupts
IPI4:         3          1       Timer broadcast interrupts
Err:          0
"""


def sparse(path: Path) -> dict[int, bytes]:
    parts = {0: b"first", 5 * MIB: os.urandom(3 * 65536 + 77), 40 * MIB: b"last"}
    with path.open("wb") as stream:
        stream.truncate(64 * MIB)
        for at, data in parts.items():
            stream.seek(at)
            stream.write(data)
        stream.seek(20 * MIB)
        stream.write(b"\0" * MIB)  # data, but nothing in it
    return parts


def test_a_sparse_copy_is_equal_and_smaller(tmp_path: Path) -> None:
    sparse(tmp_path / "one")
    with (tmp_path / "one").open("rb") as stream:
        copy_sparse(stream.fileno(), tmp_path / "two")
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()
    assert (tmp_path / "two").stat().st_blocks * 512 < MIB


def test_memory_is_filled_with_its_holes(tmp_path: Path) -> None:
    sparse(tmp_path / "one")
    copy = tmp_path / "copy"
    with (tmp_path / "one").open("rb") as stream:
        copy_sparse(stream.fileno(), copy)
    with open_memory() as memory:
        fill(memory, copy)
        assert os.fstat(memory).st_size == 64 * MIB
        assert os.pread(memory, 64 * MIB, 0) == copy.read_bytes()
        assert sum(end - start for start, end in extents(memory, 64 * MIB)) < MIB


def test_an_empty_file_has_no_extents(tmp_path: Path) -> None:
    with (tmp_path / "empty").open("wb+") as stream:
        stream.truncate(MIB)
        assert list(extents(stream.fileno(), MIB)) == []


def test_the_kick_is_the_kernels_own_number() -> None:
    assert broadcast_sgi(INTERRUPTS) == 4
    assert broadcast_sgi(INTERRUPTS.replace("IPI4", "IPI3")) == 3
    assert broadcast_sgi(INTERRUPTS.replace("Timer broadcast", "Other")) is None


def test_a_record_is_read_as_written(tmp_path: Path) -> None:
    data = {"format": 1, "booted": "l1", "channels": {"l1": 4}, "kick": 4}
    (tmp_path / RECORD).write_text(json.dumps(data))
    record = read_record(tmp_path)
    assert (record.booted, record.channels, record.kick) == (Level.L1, {Level.L1: 4}, 4)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2}', '{"format": 1, "booted": "l7", "channels": {}, "kick": 4}'],
)
def test_rubbish_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(RestoreFailed):
        read_record(tmp_path)


def test_a_missing_record_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RestoreFailed, match="no saved stack"):
        read_record(tmp_path)
