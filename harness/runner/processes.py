# SPDX-License-Identifier: GPL-2.0-only
"""Runs cells on this machine, each as a process of its own, as many at once as CPUs and memory admit."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.attempt import begin
from harness.attempt.booted import Booted
from harness.attempt.job import SEED, Job, planned
from harness.report import store
from harness.report.history import History
from harness.report.progress import Progress
from harness.report.results import CellResult
from harness.runner.choice import Chooser
from harness.runner.left import Left
from harness.runner.supervise import GRACE_S, supervise
from harness.scenario.language import Cell
from harness.verdict import Verdict

MEMORY_SHARE = 0.8
OVERHEAD_MIB = 512
SPARE_MIB = 128  # the cell's own process, and how much more than last time a machine may take
COLD = ", booted cold"
"""Behind the name under which the history has how long a cell takes that no snapshot began."""
WATCHED = "watched "
"""Before the name of a cell whose model has a plugin that watches it."""
LATE = "not begun: the time for it was over"
WAITING = 4  # cells per CPU that may wait for admission with a thread each


def known_as(job: Job) -> str:
    """Return the name under which the history has how long a cell takes; under a plugin it takes longer."""
    return f"{WATCHED if job.watch else ''}cell {job.cell.id}"


@dataclass(frozen=True, slots=True)
class CellCost:
    """What one running cell takes: host CPUs and MiB of host memory."""

    cpus: float
    memory_mib: int


def cells_here(history: History) -> dict[str, float]:
    """Return how long cells usually take that ran on this machine, by their id, in seconds.

    From a snapshot, or from a cold boot where a cell was never seen otherwise.
    """
    known = history.usual_of("cell ")
    cold = {key.removesuffix(COLD): took for key, took in known.items() if key.endswith(COLD)}
    return {**cold, **{key: took for key, took in known.items() if not key.endswith(COLD)}}


def bound(cell: Cell) -> CellCost:
    """Return the most that a cell can take.

    Under icount QEMU runs all vCPUs on one host thread; otherwise each L0 vCPU has its own. L0's memory
    holds that of the deeper levels.
    """
    level = cell.stack.levels[min(cell.stack.levels)]
    cpus = 1 if cell.stack.timing == "icount" else level.cpus
    return CellCost(cpus, level.memory_mib + OVERHEAD_MIB)


class Costs:
    """What cells took the last times that they ran here, as ``history`` has it."""

    def __init__(self, history: History | None) -> None:
        self._history = history

    def of(self, job: Job) -> CellCost:
        """Return the admission cost of a cell: the most measured lately, else the most that it can take."""
        most = bound(job.cell)
        if self._history is None:
            return most
        cpus, memory = (self._history.most(key) for key in self._keys(job))
        if cpus is None or memory is None:
            return most
        return CellCost(min(cpus, most.cpus), min(int(memory) + SPARE_MIB, most.memory_mib))

    def learn(self, job: Job, result: CellResult) -> None:
        """Remember what the machine of a cell took."""
        if self._history is not None and result.machine is not None:
            for key, value in zip(
                self._keys(job), (result.machine.cpus, result.machine.memory_mib), strict=True
            ):
                self._history.record(key, value)

    @staticmethod
    def _keys(job: Job) -> tuple[str, str]:
        spec = job.cell.stack
        name = f"{job.cell.id} on {spec.model}/{spec.timing}"
        return f"cpus of {name}", f"MiB of {name}"


def available() -> CellCost:
    """Return what this machine has for cells now: usable CPUs, and a share of the available memory."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            memory = int(line.split()[1]) // 1024
            return CellCost(len(os.sched_getaffinity(0)), int(memory * MEMORY_SHARE))
    return CellCost(len(os.sched_getaffinity(0)), 4096)


class Admission:
    """Lets cells start while their costs fit; one cell always fits, however large."""

    def __init__(self, limit: CellCost, jobs: int | None) -> None:
        self._limit = limit
        self._jobs = jobs
        self._used = CellCost(0, 0)
        self._running = 0
        self._waiting: dict[tuple[int, int], CellCost] = {}
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def _fits(self, wanted: CellCost) -> bool:
        if self._running == 0:
            return True
        if self._jobs is not None and self._running >= self._jobs:
            return False
        return (
            self._jobs is not None or self._used.cpus + wanted.cpus <= self._limit.cpus
        ) and self._used.memory_mib + wanted.memory_mib <= self._limit.memory_mib

    def enter(self, wanted: CellCost, turn: int = 0) -> None:
        """Wait until ``wanted`` fits, then take it. Of those that fit the lowest ``turn`` goes first."""
        with self._changed:
            mine = (turn, next(self._numbers))
            self._waiting[mine] = wanted
            self._changed.wait_for(lambda: self._next() == mine)
            del self._waiting[mine]
            self._add(wanted, 1)
            self._changed.notify_all()

    def _next(self) -> tuple[int, int] | None:
        return next((key for key in sorted(self._waiting) if self._fits(self._waiting[key])), None)

    def leave(self, held: CellCost) -> None:
        """Give ``held`` back."""
        with self._changed:
            self._add(CellCost(-held.cpus, -held.memory_mib), -1)
            self._changed.notify_all()

    def _add(self, amount: CellCost, running: int) -> None:
        self._used = CellCost(self._used.cpus + amount.cpus, self._used.memory_mib + amount.memory_mib)
        self._running += running


class LocalRunner:
    """Runs jobs in their directories and collects the results, in the order of the jobs."""

    def __init__(
        self,
        progress: Progress,
        jobs: int | None = None,
        snapshots: Chooser | None = None,
        history: History | None = None,
        booted: Booted | None = None,
        rank: Callable[[Cell], int] = lambda _: 0,
        label: str = "",
        until: float = float("inf"),
    ) -> None:
        """``label`` stands before the name of each cell in what is shown, where several runs are one work.

        What has not begun at ``until`` (of the monotonic clock) does not: its result is infra, with ``LATE``.
        """
        self._until = until
        self._label = f"{label}: " if label else ""
        self._booted = booted
        self._rank = rank
        self._progress = progress
        self._costs = Costs(history)
        self._snapshots = snapshots
        self._jobs = jobs
        self._admission = Admission(available(), jobs)
        self._stopping = threading.Event()
        self._left = Left((), 1)

    def run(
        self, jobs: Sequence[tuple[Job, Path]], finished: Callable[[CellResult], None] = lambda _: None
    ) -> list[CellResult]:
        """Run every job; call ``finished`` with each result. Ctrl-C ends the running cells first."""
        workers = self._jobs or WAITING * max(1, len(os.sched_getaffinity(0)))
        # The longest first, so that none is left to run alone at the end; unknown ones may be long.
        usual = [self._usual(job) for job, _ in jobs]
        self._left = Left(usual, min(workers, self._jobs or len(os.sched_getaffinity(0))))
        if self._progress.headline is str:  # a night has one of its own
            self._progress.headline = lambda: str(self._left)
        # Those that notice most come before all others (harness.runner.default).
        rank = [self._rank(job.cell) for job, _ in jobs]
        order = sorted(range(len(jobs)), key=lambda each: (rank[each], -(usual[each] or float("inf"))))
        with concurrent.futures.ThreadPoolExecutor(workers, "cell") as pool:
            started = {
                each: pool.submit(self._run_one, each, *jobs[each], turn) for turn, each in enumerate(order)
            }
            futures = [started[each] for each in range(len(jobs))]
            try:
                for future in concurrent.futures.as_completed(futures):
                    finished(future.result())
            except BaseException:
                self.stop()
                raise
        return [future.result() for future in futures]

    def stop(self) -> None:
        """End the running cells and start no more."""
        self._stopping.set()

    def _usual(self, job: Job) -> float | None:
        """How long the cell takes from its snapshot; from a cold boot, where it was never seen otherwise."""
        names = (known_as(job), f"{known_as(job)}{COLD}")
        return next((known for name in names if (known := self._progress.usual(name)) is not None), None)

    def _run_one(self, number: int, job: Job, directory: Path, turn: int) -> CellResult:
        wanted = self._costs.of(job)
        self._admission.enter(wanted, turn)
        key = f"cell {job.cell.id} in {directory}"  # acceptance runs one with several seeds at once
        try:
            if self._stopping.is_set():
                return planned(job).infra("the run was interrupted before this cell started")
            if turn and time.monotonic() > self._until:  # the first in turn begins whatever the time
                return planned(job).infra(LATE)
            name = job.cell.id if job.seed == SEED else f"{job.cell.id} (seed {job.seed})"
            self._progress.phase(key, f"{self._label}{name}", known_as=known_as(job))
            if self._snapshots:
                self._snapshots.choose(job, directory, lambda stage: self._progress.update(key, stage))
            # What it takes depends on how it begins; to make its snapshot is no part of it.
            began = f"{known_as(job)}{'' if (directory / begin.RECORD).exists() else COLD}"
            self._progress.began(key, began)
            self._left.begin(number, self._progress.usual(began))
            if self._booted:
                self._booted.leave(job, directory)
            result = self._execute(job, directory, key)
            if self._stopping.is_set() and result.verdict is Verdict.INFRA:  # no verdict, and no one's fault
                self._progress.ended(key, "interrupted")
                return result
            self._costs.learn(job, result)
            if self._booted:
                self._booted.learn(job, result, directory)
            self._progress.done(key, result.verdict is Verdict.PASS, result.verdict.value)
            return result
        finally:
            self._left.end(number)
            self._admission.leave(wanted)

    def _execute(self, job: Job, directory: Path, key: str) -> CellResult:
        deadline_s = job.limit_s + GRACE_S
        ended = supervise(
            directory,
            deadline_s,
            self._stopping,
            lambda stage: self._progress.update(key, stage),
            hear=lambda text: self._progress.note(f"{job.cell.id} {text}"),
        )
        result = store.collect(directory, planned(job))
        if (directory / store.RESULT).exists():
            return result
        return result.infra("the run was interrupted" if ended.cancelled else ended.why(directory))
