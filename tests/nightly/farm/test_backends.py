# SPDX-License-Identifier: GPL-2.0-only
"""The contract of every backend, each over a real cluster: one ending per order, and nothing left behind."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from harness.nightly.farm import messages as words
from harness.nightly.farm import work
from harness.nightly.farm.backend import BEGAN, ENDED, Backend, News
from harness.runner import supervise
from tests.nightly.farm.conftest import Seat, ends, machine, order, until
from tests.processes import wait_gone


def test_results_are_published(backend: Backend, run: Path) -> None:
    heard: list[News] = []
    for key in ("pass-1", "fail-2", "pass-3"):
        backend.submit(order(run, key))
    backend.flush()
    ended = ends(backend, 3, heard)
    assert {ending.how for ending in ended.values()} == {words.PUBLISHED}
    verdicts = {
        key: json.loads((run / "cells" / key / "result.json").read_text())["verdict"] for key in ended
    }
    assert verdicts == {"pass-1": "pass", "fail-2": "fail", "pass-3": "pass"}
    assert list((run / "attempts").glob("*/")) == []
    assert all(ending.worker and ending.cpu_seconds is not None for ending in ended.values())
    assert backend.slots >= 1


def test_began_is_reported_before_the_end(backend: Backend, run: Path) -> None:
    heard: list[News] = []
    backend.submit(order(run, "slow-1"))
    backend.flush()
    ends(backend, 1, heard)
    said = [news.what for news in heard if news.key == "slow-1"]
    assert said[0] == BEGAN
    assert said[-1] == ENDED


def test_a_process_that_leaves_nothing_says_how_it_ended(backend: Backend, run: Path) -> None:
    backend.submit(order(run, "crash-1"))
    backend.flush()
    ending = ends(backend, 1)["crash-1"]
    assert ending.how == words.NOTHING
    assert "ended with signal 9 and left no result: made to crash" in ending.reason
    assert not (run / "cells/crash-1").exists()


def test_deadline_ends_the_cell_and_its_machine(backend: Backend, run: Path) -> None:
    late = order(run, "hang-1", deadline_s=1.0)
    backend.submit(late)
    backend.flush()
    ending = ends(backend, 1)["hang-1"]
    assert ending.how == words.NOTHING
    assert "did not end within its deadline" in ending.reason
    assert wait_gone([machine(Path(late.directory))], 5) == []


def test_a_cancelled_cell_is_really_ended(backend: Backend, run: Path) -> None:
    running = order(run, "hang-1")
    backend.submit(running)
    backend.flush()
    until(backend, lambda: machine(Path(running.directory)), "machine")
    pid = machine(Path(running.directory))
    backend.cancel("hang-1")
    assert ends(backend, 1)["hang-1"].how == words.CANCELLED
    assert wait_gone([pid], 10) == []
    assert not (run / "cells/hang-1").exists()


@pytest.mark.real
@pytest.mark.parametrize("seat", ["slurm"], indirect=True)
def test_a_cell_that_the_signal_reaches_before_its_worker_is_cancelled(backend: Backend, run: Path) -> None:
    """As scancel does it, which signals all processes of a job in no order that anybody promises."""
    running = order(run, "hang-1")
    backend.submit(running)
    backend.flush()
    until(backend, lambda: machine(Path(running.directory)), "machine")
    os.kill(int((Path(running.directory) / "cell").read_text()), signal.SIGTERM)
    assert wait_gone([machine(Path(running.directory))], 10) == []
    ending = Path(running.directory + work.ENDING)
    deadline = time.monotonic() + 30
    while not ending.exists():
        assert time.monotonic() < deadline, "the worker wrote no ending"
        time.sleep(0.05)
    assert json.loads(ending.read_text())["how"] == words.NOTHING
    backend.cancel("hang-1")
    assert ends(backend, 1)["hang-1"].how == words.CANCELLED


def test_a_waiting_cell_is_cancelled_and_never_begins(backend: Backend, run: Path) -> None:
    keys = [f"gate-{number}" for number in range(8)]
    for key in keys:
        backend.submit(order(run, key))
    backend.flush()
    until(backend, lambda: list((run / "attempts").glob("*/machine")), "first machine")
    backend.cancel(keys[-1])
    (run / "open").touch()
    ended = ends(backend, 8)
    assert ended[keys[-1]].how == words.CANCELLED
    assert not (run / "attempts" / f"{keys[-1]}.1" / "began").exists()
    assert all(ended[key].how == words.PUBLISHED for key in keys[:-1])


def test_a_cell_that_runs_twice_is_published_once(backend: Backend, run: Path) -> None:
    """Two attempts at once, as after a network that came back; the first one counts and stays as it is."""
    first = order(run, "pass-1")
    backend.submit(first)
    backend.flush()
    ends(backend, 1)
    stamp = (run / "cells/pass-1/result.json").stat().st_mtime_ns
    second = order(run, "pass-1", attempt=2)
    backend.submit(second)
    backend.flush()
    ending = ends(backend, 1)["pass-1"]
    assert ending.how == words.PUBLISHED
    assert "earlier attempt" in ending.reason
    assert (run / "cells/pass-1/result.json").stat().st_mtime_ns == stamp


def test_an_attempt_that_somebody_began_is_not_begun_again(backend: Backend, run: Path) -> None:
    begun = order(run, "pass-1")
    (Path(begun.directory) / work.MARK).write_text("gone:17")
    backend.submit(begun)
    backend.flush()
    ending = ends(backend, 1)["pass-1"]
    assert ending.how == words.LOST
    assert "gone:17" in ending.reason


@pytest.mark.real
@pytest.mark.parametrize("seat", ["dask", "slurm"], indirect=True)
def test_a_killed_worker_is_lost_and_leaves_no_machine(backend: Backend, run: Path) -> None:
    """The process above the cell's, whatever the batch system calls it, is killed with SIGKILL."""
    running = order(run, "hang-1")
    backend.submit(running)
    backend.flush()
    until(backend, lambda: machine(Path(running.directory)), "machine")
    pid = machine(Path(running.directory))
    worker = int((Path(running.directory) / work.MARK).read_text().rpartition(":")[2])
    os.kill(worker, signal.SIGKILL)
    ending = ends(backend, 1)["hang-1"]
    assert ending.how == words.LOST
    assert ending.reason
    assert wait_gone([pid], 10) == []


@pytest.mark.parametrize("seat", ["local", pytest.param("dask", marks=pytest.mark.real)], indirect=True)
def test_one_cell_always_fits_however_large(backend: Backend, run: Path) -> None:
    large = dataclasses.replace(order(run, "pass-1"), cpus=1000, memory_mib=1 << 30)
    backend.submit(large)
    backend.flush()
    assert ends(backend, 1)["pass-1"].how == words.PUBLISHED


@pytest.mark.real
@pytest.mark.parametrize("seat", ["slurm"], indirect=True)
@pytest.mark.parametrize(
    ("cpus", "memory_mib", "why"),
    [
        (1, 1 << 30, "Slurm takes no such job: .*sbatch: error: Memory specification"),
        (1000, 100, "Slurm has no node for job .*: PartitionConfig"),
    ],
)
def test_a_job_for_which_there_is_no_node_does_not_end_the_others(
    backend: Backend, run: Path, cpus: int, memory_mib: int, why: str
) -> None:
    for each in (
        dataclasses.replace(order(run, "pass-1"), cpus=cpus, memory_mib=memory_mib),
        order(run, "pass-2"),
    ):
        backend.submit(each)
    backend.flush()
    ended = ends(backend, 2)
    assert ended["pass-1"].how == words.LOST
    assert re.search(why, ended["pass-1"].reason, re.DOTALL)
    assert ended["pass-2"].how == words.PUBLISHED


@pytest.mark.real
@pytest.mark.parametrize("seat", ["dask", "slurm"], indirect=True)
def test_what_was_submitted_is_adopted_without_its_token(backend: Backend, seat: Seat, run: Path) -> None:
    """As after a driver that died between submitting and noting the token; its cell is begun once."""
    running = order(run, "gate-1")
    backend.submit(running)
    backend.flush()
    until(backend, lambda: machine(Path(running.directory)), "machine")
    other = seat.make(run)
    try:
        assert other.adopt(running, "")
        (run / "open").touch()
        assert ends(other, 1)["gate-1"].how == words.PUBLISHED
        assert ends(backend, 1)["gate-1"].how == words.PUBLISHED
    finally:
        other.close()


def test_publishing_is_one_rename_that_only_one_wins(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(name)
    assert work.publish(tmp_path / "one", tmp_path / "final")
    assert not work.publish(tmp_path / "two", tmp_path / "final")
    assert (tmp_path / "final/result.json").read_text() == "one"


def test_a_stubborn_cell_is_killed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "GRACE_S", 0.5)
    stubborn = order(run, "stubborn-1", deadline_s=1.0)
    ending = work.perform(stubborn)
    assert "deadline" in ending.reason
    assert wait_gone([machine(Path(stubborn.directory))], 5) == []
