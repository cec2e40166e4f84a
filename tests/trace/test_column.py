# SPDX-License-Identifier: GPL-2.0-only
"""Columns hold what was put into them, in memory or not, and forgetting loses nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.trace import column
from harness.trace.column import Columns, stretches


@pytest.mark.parametrize("small", [0, 100, 1 << 20])
def test_what_is_added_is_there_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small: int) -> None:
    monkeypatch.setattr(column, "SMALL_BYTES", small)
    columns = Columns(tmp_path)
    numbers = columns.column(np.int64)
    for at in range(0, 1000, 10):
        numbers.add(list(range(at, at + 10)))
    numbers.add([])
    found = numbers.done()
    columns.forget()
    assert found.tolist() == list(range(1000))
    assert found.dtype == np.int64
    assert not list(tmp_path.iterdir())  # the file has no name


def test_a_column_is_its_own(tmp_path: Path) -> None:
    mine = np.arange(3, dtype=np.uint32)
    numbers = Columns(tmp_path).column(np.uint32)
    numbers.add(mine)
    mine[:] = 7
    assert numbers.done().tolist() == [0, 1, 2]


def test_a_directory_that_cannot_be_written_to_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(column, "SMALL_BYTES", 0)
    numbers = Columns(tmp_path / "missing").column(np.uint16)
    numbers.add([1, 2])
    assert numbers.done().tolist() == [1, 2]


def test_files_do_not_outlive_their_columns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(column, "SMALL_BYTES", 0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    columns = Columns(tmp_path)
    for _ in range(50):
        numbers = columns.column(np.int64)
        numbers.add([1])
        assert numbers.done().tolist() == [1]
    del numbers
    columns.forget()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_stretches_cover_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column, "STRETCH", 10)
    assert [list(range(35))[each] for each in stretches(35)] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 30)),
        list(range(30, 35)),
    ]
    assert not list(stretches(0))
