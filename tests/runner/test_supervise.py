# SPDX-License-Identifier: GPL-2.0-only
"""A cell's process, by a script in its place: what it says, how it ends, and that nothing of it stays."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from harness.runner import supervise as module
from harness.runner.supervise import Ended, supervise
from tests.processes import wait_gone

LATE_S = 60.0


def run(
    place: Path, script: str, deadline_s: float = LATE_S, cancel: threading.Event | None = None
) -> tuple[Ended, list[str]]:
    said: list[str] = []
    command = ("sh", "-c", f'cd "$0"; {script}')
    return supervise(place, deadline_s, cancel or threading.Event(), said.append, command), said


def pids(place: Path) -> list[int]:
    return [int(word) for word in (place / "pids").read_text().split()]


def test_stages_and_the_words_of_a_process_that_fails(tmp_path: Path) -> None:
    ended, said = run(tmp_path, "echo stage boot l0; echo other; echo stage steps; echo no disk >&2; exit 3")
    assert said == ["boot l0", "steps"]
    assert (ended.status, ended.cancelled, ended.late) == (3, False, False)
    assert ended.why(tmp_path) == "the cell's process ended with status 3 and left no result: no disk"


def test_what_it_said_in_its_last_moment_is_heard(tmp_path: Path) -> None:
    """However much that is, and however late this process gets round to it."""
    ended, said = run(tmp_path, "for n in 1 2 3 4 5 6; do seq -f 'stage %.0f' 1000; done; exit 0")
    assert ended.status == 0
    assert said == [str(number) for _ in range(6) for number in range(1, 1001)]


def test_what_it_leaves_in_its_group_is_killed(tmp_path: Path) -> None:
    """Even while that holds the pipe of the stages open."""
    ended, _ = run(tmp_path, "sleep 86471 & echo $! >pids; exit 0")
    assert ended.status == 0
    assert wait_gone(pids(tmp_path), 5) == []


def test_late_and_cancelled_are_told_apart(tmp_path: Path) -> None:
    ended, _ = run(tmp_path, "exec sleep 86472", deadline_s=0.2)
    assert (ended.status, ended.cancelled, ended.late) == (-15, False, True)
    cancel = threading.Event()
    cancel.set()
    ended, _ = run(tmp_path, "exec sleep 86473", cancel=cancel)
    assert (ended.status, ended.cancelled, ended.late) == (-15, True, False)


def test_one_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.3)
    script = "trap '' TERM; echo $$ >pids; echo stage deaf; while :; do sleep 0.05; done"
    cancel = threading.Event()
    command = ("sh", "-c", f'cd "$0"; {script}')
    ended = supervise(tmp_path, LATE_S, cancel, lambda _: cancel.set(), command)
    assert (ended.status, ended.cancelled) == (-9, True)
    assert wait_gone(pids(tmp_path), 5) == []


def test_a_listener_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def say(text: str) -> None:
        raise ValueError(text)

    command = ("sh", "-c", 'cd "$0"; echo $$ >pids; echo stage one; exec sleep 86474')
    begun = time.monotonic()
    with pytest.raises(ValueError, match="one"):
        supervise(tmp_path, LATE_S, threading.Event(), say, command)
    assert wait_gone(pids(tmp_path), 5) == []
    assert time.monotonic() - begun < LATE_S


def test_what_runs_print_is_heard_beside_the_stages(tmp_path: Path) -> None:
    said: list[str] = []
    heard: list[str] = []
    command = ("sh", "-c", "echo stage boot; echo said suite ok 1; echo other x; printf 'said suite ok 2\\n'")
    ended = supervise(tmp_path, LATE_S, threading.Event(), said.append, command, heard.append)
    assert ended.status == 0
    assert (said, heard) == (["boot"], ["suite ok 1", "suite ok 2"])
