# SPDX-License-Identifier: GPL-2.0-only
"""What the base's cells came to in earlier acceptances on this machine, so that they need not run again.

Taken over is what would come out the same: a pass, under a timing by which the machine is the same each time,
of one work order (cell, artefacts, seed, what watches), judged by the same code. A red run is never taken: it
may have met a deadline that only a busy host has.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.accept.request import DETERMINISTIC, Request
from harness.attempt.job import JOB, Job, planned
from harness.document.as_json import to_data
from harness.errors import InfraError
from harness.host.cache import MANIFEST, Artefact, Store, digest_of, sha256_tree, tree_bytes
from harness.report.results import CellResult
from harness.report.store import RESULT, read_cell, write_cell
from harness.verdict import Verdict
from harness.where import IMAGES, IMPORTS

KIND = "accept-base"
FACT = "earlier"
"""The fact that a result was taken over, and when it ran."""
MOST_BYTES = 32 << 20
"""The largest directory of a cell that is kept: traces may be larger than what they save."""
_PLACES = frozenset({"where", "path", "kernel"})
"""Keys of a cell that name places: a kernel's file, whose artefact is among the images, or a scenario's."""


@functools.cache
def judging() -> str:
    """Return the digest of what turns a machine's run into a verdict: this code, and the tables it reads."""
    return digest_of([sha256_tree(IMPORTS / "harness", "**/*.py"), sha256_tree(IMAGES, "*.*")])


def _without_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_places(each) for key, each in value.items() if key not in _PLACES}
    return [_without_places(each) for each in value] if isinstance(value, list) else value


def key_of(job: Job) -> dict[str, Any]:
    """Return what a cell's run follows from; equal for equal orders, wherever they were made."""
    data = to_data(job)
    order = {"cell": _without_places(data["cell"]), **{key: data[key] for key in ("images", "seed", "watch")}}
    return {
        "order": digest_of(order),
        "judging": judging(),
        "cell": job.cell.id,
        "kernels": {str(level): kernel.digest for level, kernel in job.images.kernels.items()},
        "seed": job.seed,
        "watched": bool(job.watch),
    }


class EarlierRuns:
    """The kept runs of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, job: Job, place: Path) -> CellResult | None:
        """Fill the directory of a cell with what it came to before, and return that; None: it has to run."""
        if job.cell.stack.timing != DETERMINISTIC:
            return None
        found = self._store.find(KIND, key_of(job))
        if found is None:
            return None
        try:
            was = read_cell(found.path / RESULT)
            for each in found.path.iterdir():
                if each.name not in (MANIFEST, RESULT):
                    _copy(each, place / each.name)
        except (InfraError, OSError):  # gone, or cut short: it runs
            return None
        here = planned(job)
        result = dataclasses.replace(
            was,
            command=here.command,
            kernels=here.kernels,
            facts={**was.facts, FACT: f"ran at {was.started} for another acceptance on this base"},
        )
        write_cell(result, place)
        return result

    def keep(self, job: Job, place: Path, result: CellResult) -> None:
        """Remember what came of ``job``, if it may be taken over."""
        if job.cell.stack.timing != DETERMINISTIC or result.verdict is not Verdict.PASS or result.quarantine:
            return
        if tree_bytes(place) > MOST_BYTES:
            return

        def fill(work: Path) -> Mapping[str, Any]:
            for each in place.iterdir():
                if each.name != JOB:  # the next one has its own
                    _copy(each, work / each.name)
            return {"name": job.cell.id}

        with contextlib.suppress(InfraError):  # a full disk: the next acceptance runs it again
            self._store.get_or_build(KIND, key_of(job), fill)

    def known(self, kernel: Artefact, wanted: Request) -> frozenset[str]:
        """Return the cells with a kept run on ``kernel``, at the level and watched as ``wanted``.

        For prices: what else a run follows from may have changed since, and then it runs.
        """
        if wanted.repeat > 1:
            return frozenset()
        at, digest = str(wanted.level), kernel.digest
        keys = (each.manifest["key"] for each in self._store.artefacts() if each.kind == KIND)
        fit = (key for key in keys if key["judging"] == judging() and key["kernels"].get(at) == digest)
        return frozenset(str(key["cell"]) for key in fit if key["watched"] == wanted.watches)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        shutil.copy2(source, target)
