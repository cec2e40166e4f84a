"""How a cell begins: restored from a snapshot, or with a cold boot."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.attempt import unrestored
from harness.attempt.job import Job
from harness.attempt.prefix import prefix_of, setup_results
from harness.attempt.steps import Execution
from harness.errors import InfraError
from harness.host.cache import load_artefact, write_atomic
from harness.level import Level
from harness.runner.snapshots import Snapshots, check_files
from harness.scenario.model import Step
from harness.stack import saved
from harness.stack.stack import Stack

RECORD = "snapshot.json"


@dataclass(frozen=True, slots=True)
class Start:
    """What a run wants: ``fresh`` boots every cell; ``deepest`` is the last level restored and not booted."""

    fresh: bool = False
    deepest: Level | None = None


class Chooser:
    """Gives each cell the snapshot that fits it."""

    def __init__(self, snapshots: Snapshots, start: Start) -> None:
        self._snapshots = snapshots
        self._start = start

    def choose(self, job: Job, directory: Path, stage: Callable[[str], None]) -> None:
        """Leave the path of the cell's snapshot in ``directory``, or nothing for a cold boot.

        Where the model cannot bring a snapshot back that, too, is left (``unrestored``).
        """
        prefix = None if self._start.fresh else prefix_of(job.cell, self._start.deepest)
        if prefix is None:
            return
        found = self._snapshots.deepest(job.images, prefix, stage)
        if why := self._snapshots.unrestored(job.images, prefix):
            unrestored.note(directory, why)
        if found:
            made, at = found
            record = {"path": str(made.path), "digest": made.digest, "setup": len(at.setup)}
            write_atomic(directory / RECORD, json.dumps(record, indent=1, sort_keys=True))


def seed_of(text: str, number: int) -> bytes:
    """Return 32 bytes that follow from a cell's id and the seed of the run."""
    return hashlib.sha256(f"{number} {text}".encode()).digest()


def begin(job: Job, stack: Stack, execution: Execution, directory: Path) -> tuple[tuple[Step, ...], str]:
    """Restore what ``directory`` names into ``stack``; returns the steps that are left, and how it began.

    Raises ``RestoreFailed`` when that does not work, ``NotRestored`` when the model is at fault, whose files
    are whole; the stack is of no use then.
    """
    path = directory / RECORD
    if not path.exists():
        return job.cell.steps, "cold boot"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        place, setup = Path(record["path"]), int(record["setup"])
        results = setup_results(place)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise saved.RestoreFailed(f"{path}: {error}") from error
    try:
        saved.restore(stack, place, seed_of(job.cell.id, job.seed))
    except saved.NotRestored as error:
        try:
            check_files(load_artefact(place))
        except InfraError as damage:
            raise saved.RestoreFailed(f"{error}; the snapshot is damaged: {damage}") from error
        raise
    execution.earlier |= results
    return job.cell.steps[setup:], f"restored from {record['digest']} ({stack.booted} up)"
