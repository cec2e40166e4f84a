# SPDX-License-Identifier: GPL-2.0-only
"""Which snapshot a cell begins from, chosen before its process starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.attempt import begin, unrestored
from harness.attempt.job import Job
from harness.attempt.prefix import prefix_of
from harness.host.cache import write_atomic
from harness.level import Level
from harness.runner.snapshots import Snapshots


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
            write_atomic(directory / begin.RECORD, json.dumps(record, indent=1, sort_keys=True))
