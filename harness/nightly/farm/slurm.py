# SPDX-License-Identifier: GPL-2.0-only
"""The backend ``slurm``: array jobs over the same command, on a file system that all nodes share.

Jobs outlive the driver: one that is resumed asks Slurm for those it had submitted. No accounting database
is needed; what Slurm no longer knows and what left no ending is lost.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.document.as_json import read_json, to_data
from harness.errors import InfraError, UserError
from harness.host.cache import write_atomic
from harness.host.paths import IMPORTS
from harness.nightly.farm.backend import BEGAN, ENDED, News
from harness.nightly.farm.messages import CANCELLED, LOST, NOTHING, AttemptEnding, AttemptOrder
from harness.nightly.farm.work import ENDING, MARK

ARRAY = 1000
"""Tasks of one array job: Slurm's default MaxArraySize is 1001."""
SPARE_S = 300.0
"""What a job may take beyond its cell's deadline (a snapshot may have to be made first), in seconds."""
POLL_S = 1.0
SETTLE_S = 5.0
"""How long an ending may take to be seen after Slurm has forgotten the job (file systems lag)."""
COMMAND_S = 60.0
ALIVE = frozenset(
    (
        "PENDING",
        "RUNNING",
        "CONFIGURING",
        "COMPLETING",
        "SUSPENDED",
        "REQUEUED",
        "STAGE_OUT",
        "SIGNALING",
        "RESIZING",
    )
)
NEVER = frozenset(("BadConstraints", "PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit"))
"""Reasons for which Slurm lets a job wait that no node will ever run (squeue(1), JOB REASON CODES)."""
_BATCHES = "slurm"


def script(orders: Path, group: Sequence[AttemptOrder], limit: int | None = None) -> str:
    """Return the array script for the orders in a file, which all ask for the same."""
    first = group[0]
    minutes = int((first.deadline_s + SPARE_S) // 60 + 1)
    at_once = f"%{limit}" if limit else ""
    words = [sys.executable, "-m", "harness.nightly.farm.work", str(orders)]
    return f"""\
#!/bin/sh
#SBATCH --job-name=nvh
#SBATCH --array=0-{len(group) - 1}{at_once}
#SBATCH --cpus-per-task={first.cpus}
#SBATCH --mem={first.memory_mib}M
#SBATCH --time={minutes}
#SBATCH --no-requeue
#SBATCH --output={orders.with_suffix("")}.%a.log
#SBATCH --chdir={IMPORTS}
# One task per line of {orders.name}; the driver re-runs what is lost.
exec {shlex.join(words)} "$SLURM_ARRAY_TASK_ID"
"""


def _slurm(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_S, check=False)
    if done.returncode:
        raise InfraError(f"{shlex.join(words)} failed: {done.stderr.strip()}", done.stderr)
    return done.stdout


def check_slurm() -> None:
    """Raise ``UserError`` unless Slurm's commands are here and its controller answers."""
    if not shutil.which("sbatch"):
        raise UserError("the backend slurm needs sbatch, squeue and scancel on this machine (slurm-client)")
    try:
        _slurm("squeue", "--me", "--noheader", "--name=nvh")
    except (InfraError, subprocess.TimeoutExpired) as error:
        raise UserError(f"Slurm's controller does not answer: {error}") from error


class Slurm:
    """Array jobs, one per flush and kind of order. ``limit``: how many cells at once, of each array."""

    name = "slurm"
    window: int | None = None

    def __init__(self, directory: Path, limit: int | None = None) -> None:
        check_slurm()
        self.slots = limit or 1
        self._limit = limit
        self._place = directory / _BATCHES
        self._place.mkdir(exist_ok=True)
        self._waiting: list[AttemptOrder] = []
        self._orders: dict[str, AttemptOrder] = {}
        self._jobs: dict[str, str] = {}
        self._began: set[str] = set()
        self._gone: dict[str, float] = {}
        self._cancelled: set[str] = set()
        self._ready: list[News] = []

    def submit(self, order: AttemptOrder) -> str:
        """Keep the order until the flush; its job is found by the batch that names it."""
        self._waiting.append(order)
        self._cancelled.discard(order.key)
        return f"{order.key} {order.attempt}"

    def flush(self) -> None:
        """Submit what waits: an array job for each kind of order."""
        kinds: dict[tuple[int, int, float], list[AttemptOrder]] = {}
        for order in self._waiting:
            kinds.setdefault((order.cpus, order.memory_mib, order.deadline_s), []).append(order)
        self._waiting = []
        for same in kinds.values():
            for start in range(0, len(same), ARRAY):
                self._submit(same[start : start + ARRAY])

    def _submit(self, group: Sequence[AttemptOrder]) -> None:
        path, submit = emit(self._place, group, self._limit)
        try:
            job = _slurm("sbatch", "--parsable", str(submit)).strip().split(";")[0]
        except InfraError as error:
            self._states()  # where nobody answers, the run cannot go on
            ending = AttemptEnding(LOST, f"Slurm takes no such job: {error}")
            self._ready += [News(order.key, ENDED, ending=ending) for order in group]
            return
        # From here on a driver that resumes finds the job. Had this one died a line earlier, the cells would
        # run twice, and publish once.
        write_atomic(path.with_suffix(".job"), job)
        for number, order in enumerate(group):
            self._orders[order.key] = order
            self._jobs[order.key] = f"{job}_{number}"

    def adopt(self, order: AttemptOrder, token: str) -> bool:  # noqa: ARG002
        """Take over a task of an array job that Slurm still knows, or whose ending lies there."""
        job = self._find(order)
        if job is None:
            return False
        if Path(order.directory + ENDING).exists() or job in self._states():
            self._orders[order.key] = order
            self._jobs[order.key] = job
            return True
        return False

    def _find(self, order: AttemptOrder) -> str | None:
        for path in sorted(self._place.glob("*.job"), reverse=True):
            with contextlib.suppress(OSError, ValueError):
                lines = path.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
                for number, line in enumerate(lines):
                    data = json.loads(line)
                    if (data["key"], data["attempt"]) == (order.key, order.attempt):
                        return f"{path.read_text()}_{number}"
        return None

    def cancel(self, key: str) -> None:
        """scancel: Slurm ends the job's processes."""
        self._cancelled.add(key)
        self._waiting = [order for order in self._waiting if order.key != key]
        if key in self._jobs:
            _slurm("scancel", self._jobs[key])
        else:
            self._ready.append(
                News(key, ENDED, ending=AttemptEnding(CANCELLED, "cancelled before it was submitted"))
            )

    def poll(self, timeout_s: float) -> list[News]:
        """Look at the endings that lie there, and ask Slurm for what it still knows."""
        end = time.monotonic() + timeout_s
        while True:
            found, self._ready = self._ready, []
            found += self._look()
            if found or time.monotonic() >= end:
                return found
            time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))

    def close(self) -> None:
        """Cancel what is left."""
        if self._jobs:
            _slurm("scancel", *self._jobs.values())

    def _look(self) -> list[News]:
        found: list[News] = []
        states = self._states() if self._jobs else {}
        for key, job in list(self._jobs.items()):
            order = self._orders[key]
            if key not in self._began and (Path(order.directory) / MARK).exists():
                self._began.add(key)
                found.append(News(key, BEGAN, f"slurm job {job}"))
            ending = _ending(order)
            if ending is None and job in states:
                self._gone.pop(key, None)
                if states[job] not in NEVER:
                    continue
                _slurm("scancel", job)
                ending = AttemptEnding(LOST, f"Slurm has no node for job {job}: {states[job]}")
            if ending is None:
                since = self._gone.setdefault(key, time.monotonic())
                if time.monotonic() - since < SETTLE_S:
                    continue
                how = CANCELLED if key in self._cancelled else LOST
                ending = AttemptEnding(how, f"slurm job {job} ended without a word")
            elif ending.how == NOTHING and key in self._cancelled:
                # scancel signals the cell's process and its worker in any order: the worker may see the cell
                # end by a signal before its own arrives.
                ending = replace(ending, how=CANCELLED)
            for table in (self._jobs, self._orders, self._gone):
                table.pop(key, None)
            self._began.discard(key)
            found.append(News(key, ENDED, ending=ending))
        return found

    def _states(self) -> dict[str, str]:
        """Return why each task of ours waits, the word ``None`` if it does not, by ``JOB_NUMBER``."""
        jobs = sorted({job.split("_")[0] for job in self._jobs.values()})
        text = _slurm("squeue", "--me", "--noheader", "--array", "--name=nvh", "--format=%F_%K %T %r")
        found = (line.split(maxsplit=2) for line in text.splitlines())
        alive = {words[0]: words[2] for words in found if len(words) == 3 and words[1] in ALIVE}
        return {task: why for task, why in alive.items() if not jobs or task.split("_")[0] in jobs}


def _ending(order: AttemptOrder) -> AttemptEnding | None:
    try:
        return read_json(AttemptEnding, Path(order.directory + ENDING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InfraError(f"{order.directory}{ENDING}: {error}") from error


def emit(place: Path, group: Sequence[AttemptOrder], limit: int | None = None) -> tuple[Path, Path]:
    """Write the orders and the array script of one batch; returns both paths. ``sbatch SCRIPT`` runs it."""
    place.mkdir(exist_ok=True)
    number = len(list(place.glob("*.jsonl")))
    orders = place / f"{number:04d}.jsonl"
    write_atomic(orders, "".join(f"{json.dumps(to_data(order))}\n" for order in group))
    submit = orders.with_suffix(".sh")
    write_atomic(submit, script(orders, group, limit))
    return orders, submit
