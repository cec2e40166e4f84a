# SPDX-License-Identifier: GPL-2.0-only
import json
import threading
from pathlib import Path

import pytest

from harness.report.history import KEEP, KEYS, History


def test_the_usual_duration_is_the_median_of_the_last_five(tmp_path: Path) -> None:
    history = History(tmp_path / "cache" / "durations.json")
    assert history.usual("boot l1") is None
    for value in (500.0, 10.0, 12.0, 11.0, 90.0, 13.0):
        history.record("boot l1", value)
    assert history.usual("boot l1") == 12.0
    assert History(history.path).usual("boot l1") == 12.0
    assert len(json.loads(history.path.read_text(encoding="utf-8"))["boot l1"]) == KEEP


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x00",
        b"[1, 2]",
        b"{",
        b'{"k": 5, "j": ["x", null, -1, true, NaN, Infinity, 1e999]}',
        b"[" * 100_000,
        b'"' + b"x" * (2 << 20) + b'"',
    ],
)
def test_rubbish_is_no_history_and_is_replaced(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "durations.json"
    path.write_bytes(content)
    history = History(path)
    assert history.usual("k") is None
    assert history.usual("j") is None
    history.record("k", 3.0)
    assert history.usual("k") == 3.0


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    history = History(tmp_path / "file" / "durations.json")
    history.record("k", 1.0)
    assert history.usual("k") is None


def test_impossible_durations_are_not_recorded(tmp_path: Path) -> None:
    history = History(tmp_path / "d.json")
    for value in (-1.0, float("nan"), float("inf")):
        history.record("k", value)
    assert history.usual("k") is None


def test_the_file_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(json.dumps({f"k{n}": [1.0] for n in range(KEYS)}), encoding="utf-8")
    history = History(path)
    history.record("new", 2.0)
    assert history.usual("new") == 2.0
    assert history.usual("k0") is None
    assert history.usual("k1") == 1.0


def test_writers_do_not_lose_each_others_records(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    threads = [threading.Thread(target=History(path).record, args=(f"k{n}", float(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [History(path).usual(f"k{n}") for n in range(8)] == [float(n) for n in range(8)]
