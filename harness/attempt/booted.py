# SPDX-License-Identifier: GPL-2.0-only
"""Which kernels came up on which models, in one small JSON file of the cache directory.

When a level does not come up, it says which of the two is new to this stack, by what passed last on each.
Nothing here ever fails a run: rubbish in the file means that nothing is known.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from harness.attempt.job import Job
from harness.host.cache import write_atomic
from harness.level import Level
from harness.report.results import CellResult
from harness.scenario.language import Boot
from harness.stack.broken import BOOT
from harness.verdict import Verdict

FILE = "booted.json"
"""In the cache directory the record, in a cell's directory what it says of the cell's levels."""
KEEP = 2000
"""Most entries kept; those longest without a boot go first."""
SHORT = 12


@dataclass(frozen=True, slots=True)
class Pair:
    """L0's kernel and the model of a cell: their names, and digests that say what they are."""

    kernel: str
    kernel_digest: str
    model: str
    model_digest: str

    @staticmethod
    def of(job: Job) -> Pair:
        """The pair that runs ``job``."""
        kernel, model = job.images.kernels[Level.L0], job.images.model
        name = str(kernel.manifest.get("name", ""))
        timing = job.cell.stack.timing
        return Pair(name, kernel.digest, f"{model.spec.name}/{timing}", f"{model.sha256}/{timing}")


class Booted:
    """The record at ``path``; safe for several processes at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def leave(self, job: Job, directory: Path) -> None:
        """Leave in a cell's directory what is known of each level on the cell's kernel and model."""
        said = {str(level): self.said(Pair.of(job), level) for level in job.cell.stack.levels}
        write_atomic(directory / FILE, json.dumps(said, indent=1, sort_keys=True))

    def learn(self, job: Job, result: CellResult) -> None:
        """Remember which levels of a cell came up. An infrastructure error says nothing of that."""
        wanted = [step.level for step in job.cell.steps if isinstance(step, Boot)]
        failed = [f.name.rpartition("-")[2] for f in result.findings if f.kind == BOOT]
        if not wanted or result.verdict is Verdict.INFRA or not all(each in _LEVELS for each in failed):
            return
        top = min((Level.parse(each) for each in failed), default=None)
        up = [each for each in Level if each <= max(wanted) and (top is None or each < top)]
        pair = Pair.of(job)
        with contextlib.suppress(OSError, filelock.Timeout):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{self._path}.lock", timeout=2):
                rows = self._load()
                for level in up:
                    row = {"kernel": pair.kernel, "model": pair.model, "at": result.started}
                    key = f"{level} {pair.kernel_digest} {pair.model_digest}"
                    rows.pop(key, None)
                    rows[key] = row
                write_atomic(self._path, json.dumps(dict(list(rows.items())[-KEEP:]), indent=1))

    def said(self, pair: Pair, level: Level) -> str:
        """Say when ``level`` came up last on this kernel and on this model, and so which of them is new."""
        here = []
        for key, row in self._load().items():
            at, kernel_digest, model_digest = key.split(" ")
            if at == str(level):
                here.append((kernel_digest, model_digest, row))
        both = [row for k, m, row in here if (k, m) == (pair.kernel_digest, pair.model_digest)]
        kernel = [row for k, m, row in here if k == pair.kernel_digest and m != pair.model_digest]
        model = [row for k, m, row in here if m == pair.model_digest and k != pair.kernel_digest]
        names = f"kernel {pair.kernel} {pair.kernel_digest[:SHORT]}", f"model {pair.model}"
        words = f"{names[0]} on {names[1]} {pair.model_digest[:SHORT]}: "
        if both:
            return f"{words}{level} came up last at {both[-1]['at']}; neither is new"
        on_kernel = f"that kernel last on {kernel[-1]['model']} at {kernel[-1]['at']}" if kernel else ""
        on_model = f"that model last with {model[-1]['kernel']} at {model[-1]['at']}" if model else ""
        new = {
            (True, True): "both are known, but not together",
            (True, False): "the model is new",
            (False, True): "the kernel is new",
            (False, False): "both are new",
        }[bool(kernel), bool(model)]
        passed = " and ".join(each for each in (on_kernel, on_model) if each)
        return f"{words}{level} never came up{f'; {passed}' if passed else ''}: {new}"

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {key: row for key, row in data.items() if len(key.split(" ")) == 3 and _whole(row)}


_LEVELS = {str(level) for level in Level}


def _whole(row: object) -> bool:
    return isinstance(row, dict) and {"kernel", "model", "at"} <= row.keys()


def told(directory: Path, level: Level) -> str:
    """Return what the runner left of ``level`` in a cell's directory; empty if it left nothing."""
    try:
        return str(json.loads((directory / FILE).read_text(encoding="utf-8"))[str(level)])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
