# SPDX-License-Identifier: GPL-2.0-only
"""How a cell begins: restored from a snapshot, or with a cold boot."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from harness.attempt.job import Job
from harness.attempt.prefix import setup_results
from harness.attempt.steps import StepRunner
from harness.errors import InfraError
from harness.host.cache import load_artefact
from harness.scenario.language import Step
from harness.stack import saved
from harness.stack.integrity import check_files
from harness.stack.stack import Stack

RECORD = "snapshot.json"


def seed_of(text: str, number: int) -> bytes:
    """Return 32 bytes that follow from a cell's id and the seed of the run."""
    return hashlib.sha256(f"{number} {text}".encode()).digest()


def begin(job: Job, stack: Stack, runner: StepRunner, directory: Path) -> tuple[tuple[Step, ...], str]:
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
    runner.earlier |= results
    return job.cell.steps[setup:], f"restored from {record['digest']} ({stack.booted} up)"
