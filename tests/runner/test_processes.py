# SPDX-License-Identifier: GPL-2.0-only
"""The local runner: admission, and cells as real processes that end in every way they can."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest
from rich.console import Console

from harness.attempt.job import Job, planned
from harness.machine.process import Use, kill, spawn, use
from harness.machine.qemu import Plugin
from harness.report.history import History
from harness.report.progress import Progress
from harness.report.results import CellResult, MachineTime
from harness.runner import supervise
from harness.runner.processes import (
    LATE,
    Admission,
    CellCost,
    Costs,
    LocalRunner,
    available,
    bound,
    known_as,
)
from harness.runner.project import vocabulary
from harness.runner.run import make_jobs
from harness.scenario.language import Cell
from harness.scenario.load import load_file
from harness.scenario.scenario import NO_OVERRIDES, Overrides
from harness.stack.images import StackImages
from harness.verdict import Verdict
from tests.processes import wait_gone

SMALL = CellCost(1, 1000)
HANGING = """#!/bin/sh
echo $$ >>{pids}
exec sleep 86461
"""


def enters(admission: Admission, wanted: CellCost, within_s: float = 0.3) -> bool:
    thread = threading.Thread(target=admission.enter, args=(wanted,), daemon=True)
    thread.start()
    thread.join(within_s)
    return not thread.is_alive()


def test_cpus_and_memory_limit_each() -> None:
    by_cpu = Admission(CellCost(2, 10_000), None)
    assert [enters(by_cpu, SMALL) for _ in range(3)] == [True, True, False]
    by_memory = Admission(CellCost(8, 2500), None)
    assert [enters(by_memory, SMALL) for _ in range(3)] == [True, True, False]


def test_leaving_admits_who_waits() -> None:
    admission = Admission(CellCost(1, 1000), None)
    admission.enter(SMALL)
    done = threading.Event()

    def enter() -> None:
        admission.enter(SMALL)
        done.set()

    threading.Thread(target=enter, daemon=True).start()
    assert not done.wait(0.2)
    admission.leave(SMALL)
    assert done.wait(5)


def test_of_those_that_wait_and_fit_the_first_in_turn_enters() -> None:
    admission = Admission(CellCost(2, 1000), None)
    admission.enter(SMALL)
    entered: list[str] = []

    def enter(name: str, wanted: CellCost, turn: int) -> None:
        admission.enter(wanted, turn)
        entered.append(name)

    for name, memory, turn in (("last", 900, 3), ("first", 900, 1), ("large", 2000, 0), ("second", 900, 2)):
        threading.Thread(target=enter, args=(name, CellCost(1, memory), turn), daemon=True).start()
    time.sleep(0.2)
    assert entered == []
    for count, held in enumerate((SMALL, CellCost(1, 2000), CellCost(1, 900), CellCost(1, 900)), 1):
        admission.leave(held)
        ends = time.monotonic() + 5
        while len(entered) < count and time.monotonic() < ends:
            time.sleep(0.01)
    assert entered == ["large", "first", "second", "last"]


def test_one_cell_always_fits_but_no_second() -> None:
    admission = Admission(CellCost(1, 100), None)
    assert enters(admission, CellCost(64, 1_000_000))
    assert not enters(admission, SMALL)


def test_jobs_replace_the_cpu_limit_not_the_memory_limit() -> None:
    admission = Admission(CellCost(1, 3500), 5)
    assert [enters(admission, SMALL) for _ in range(4)] == [True, True, True, False]
    one = Admission(CellCost(64, 64_000), 1)
    assert [enters(one, SMALL) for _ in range(2)] == [True, False]


def test_the_most_that_a_cell_can_take(scenario: Path) -> None:
    cell = load_file(scenario, vocabulary())[0]
    level = cell.stack.levels[min(cell.stack.levels)]
    assert bound(cell) == CellCost(1, level.memory_mib + 512)
    threaded = load_file(scenario, vocabulary(), Overrides(timing="mttcg"))[0]
    assert bound(threaded) == CellCost(level.cpus, level.memory_mib + 512)
    assert available().cpus == len(os.sched_getaffinity(0))
    assert available().memory_mib > 100


def test_cells_cost_what_was_measured_but_no_more_than_they_can(
    cells: list[Cell], images: StackImages, tmp_path: Path
) -> None:
    job = Job(cells[0], images, "slug", "")
    costs = Costs(History(tmp_path / "history.json"))
    assert costs.of(job) == bound(job.cell)
    for cpus, memory in ((0.5, 80), (0.25, 120)):
        measured = MachineTime(0.0, 10.0, 0.0, cpus=cpus, memory_mib=memory)
        costs.learn(job, dataclasses.replace(planned(job), machine=measured))
    assert costs.of(job) == CellCost(0.5, 120 + 128)
    costs.learn(job, dataclasses.replace(planned(job), machine=MachineTime(0.0, 1.0, 0.0, 99.0, 10**6)))
    assert costs.of(job) == bound(job.cell)
    other = dataclasses.replace(job, cell=dataclasses.replace(job.cell, id="other"))
    assert costs.of(other) == bound(other.cell)


def test_a_process_is_measured(tmp_path: Path) -> None:
    """One that keeps a CPU busy, and 64 MiB of memory; how busy other processes are does not matter."""
    words = [sys.executable, "-c", "memory = b'x' * (64 << 20)\nwhile True: pass"]
    with (tmp_path / "log").open("wb") as log:
        process = spawn(words, cwd=tmp_path, env=os.environ, stdout=log)
    end = time.monotonic() + 30
    while use(process.pid).memory_mib < 64:
        assert time.monotonic() < end
        time.sleep(0.05)
    # This process may have to wait between reading a clock and reading what the other one took.
    outer = [time.monotonic()]
    before = use(process.pid)
    inner = [time.monotonic()]
    time.sleep(1)
    inner.append(time.monotonic())
    after = use(process.pid)
    outer.append(time.monotonic())
    assert kill(process) == -signal.SIGKILL
    wanted = after.wanted_cpu_s - before.wanted_cpu_s
    assert 0.75 * (inner[1] - inner[0]) < wanted < 1.25 * (outer[1] - outer[0])
    assert use(process.pid) == Use(0.0, 0)


def run(cells: list[Cell], images: StackImages, directory: Path) -> list[CellResult]:
    jobs = make_jobs(cells, {cell.id: images for cell in cells}, NO_OVERRIDES, directory)
    with Progress(Console(file=sys.stderr)) as progress:
        return LocalRunner(progress, 2).run(jobs)


def test_machine_that_ends_at_once_is_infra_with_its_words(
    cells: list[Cell], images: StackImages, tmp_path: Path
) -> None:
    results = run(cells, images, tmp_path / "run")
    assert [result.id for result in results] == [cell.id for cell in cells]
    for result in results:
        assert result.verdict is Verdict.INFRA
        assert result.reason == "QEMU ended with status 5: this is no machine"
        kept = {ref.path: ref.role for ref in result.files}
        assert kept["qemu.log"] == "log"
        assert kept["qemu.sh"] == "command"


def test_what_has_not_begun_in_time_does_not_begin(
    cells: list[Cell], images: StackImages, tmp_path: Path
) -> None:
    jobs = make_jobs(cells, {cell.id: images for cell in cells}, NO_OVERRIDES, tmp_path / "run")
    with Progress(Console(file=sys.stderr)) as progress:
        late = LocalRunner(progress, 2, until=time.monotonic() - 1).run(jobs)
    assert [each.id for each in late] == [cell.id for cell in cells]
    assert len(late) > 1
    assert [each.reason == LATE for each in late].count(False) == 1  # one runs whatever the time
    assert {each.verdict for each in late} == {Verdict.INFRA}
    assert len(list((tmp_path / "run").rglob("qemu.log"))) == 1  # no other was started


def test_a_cell_that_is_watched_has_a_name_of_its_own_in_the_history(
    cells: list[Cell], images: StackImages, tmp_path: Path
) -> None:
    """Its time says nothing of what the cell takes without a plugin."""
    (cell, *_) = cells
    ((job, _),) = make_jobs([cell], {cell.id: images}, NO_OVERRIDES, tmp_path / "run")
    assert known_as(job) == f"cell {cell.id}"
    watched = dataclasses.replace(job, watch=(Plugin(tmp_path / "watch.so"),))
    assert known_as(watched) == f"watched cell {cell.id}"


def test_cell_process_that_is_killed_leaves_no_machine(
    cells: list[Cell], images: StackImages, program: Path, tmp_path: Path
) -> None:
    """kill -9 of the process that runs the cell: infra with the reason, and the machine dies too."""
    pids = tmp_path / "pids"
    program.write_text(HANGING.format(pids=pids))

    def kill_parent() -> None:
        while not pids.exists() or not pids.read_text():
            time.sleep(0.05)
        status = Path(f"/proc/{int(pids.read_text())}/status").read_text()
        parent = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
        os.kill(int(parent), signal.SIGKILL)

    killer = threading.Thread(target=kill_parent)
    killer.start()
    result = run(cells[:1], images, tmp_path / "run")[0]
    killer.join()
    assert result.verdict is Verdict.INFRA
    assert result.reason.startswith("the cell's process ended with signal 9 and left no result")
    assert wait_gone([int(pids.read_text())], 5) == []


def test_cell_that_cannot_read_its_order_says_why(
    cells: list[Cell], images: StackImages, tmp_path: Path
) -> None:
    jobs = make_jobs(cells[:1], {cells[0].id: images}, NO_OVERRIDES, tmp_path / "run")
    (jobs[0][1] / "cell.json").write_text("{}")
    with Progress(Console(file=sys.stderr)) as progress:
        result = LocalRunner(progress).run(jobs)[0]
    assert result.verdict is Verdict.INFRA
    assert "ended with status 3 and left no result: nvh: " in result.reason


def test_deadline_ends_a_cell_and_its_machine(
    cells: list[Cell], images: StackImages, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    program.write_text(HANGING.format(pids=pids))

    def ahead() -> float:
        """The deadline has passed as soon as the machine runs."""
        return time.monotonic() + (1e6 if pids.exists() and pids.read_text() else 0)

    monkeypatch.setattr(supervise, "time", types.SimpleNamespace(monotonic=ahead, sleep=time.sleep))
    jobs = make_jobs(cells[:1], {cells[0].id: images}, NO_OVERRIDES, tmp_path / "run")
    with Progress(Console(file=sys.stderr)) as progress:
        result = LocalRunner(progress).run(jobs)[0]
    assert result.verdict is Verdict.INFRA
    assert "did not end within its deadline" in result.reason
    assert wait_gone([int(line) for line in pids.read_text().split()], 5) == []


INTERRUPTED = """
import sys
from pathlib import Path
from rich.console import Console
from harness.host.cache import Store
from harness.runner.processes import LocalRunner
from harness.runner.project import vocabulary
from harness.runner.run import make_jobs
from harness.report.progress import Progress
from harness.scenario.load import load_file
from harness.scenario.scenario import NO_OVERRIDES
from tests.attempt.conftest import fake_images
root = Path(sys.argv[1])
cells = load_file(root / "mine.yaml", vocabulary())
images = fake_images(Store(root / "cache"), root / "qemu")
jobs = make_jobs(cells, {cell.id: images for cell in cells}, NO_OVERRIDES, root / "run")
with Progress(Console(file=sys.stderr)) as progress:
    LocalRunner(progress, 2).run(jobs)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_harness_that_ends_takes_everything_with_it(
    scenario: Path, program: Path, tmp_path: Path, number: signal.Signals
) -> None:
    pids = tmp_path / "pids"
    program.write_text(HANGING.format(pids=pids))
    words = [sys.executable, "-c", INTERRUPTED, str(scenario.parent)]
    harness = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not pids.exists() or len(pids.read_text().split()) < 2:
        assert time.monotonic() < end, "the machines did not start"
        time.sleep(0.05)
    harness.send_signal(number)
    harness.communicate(timeout=60)
    assert wait_gone([int(pid) for pid in pids.read_text().split()], 10) == []
