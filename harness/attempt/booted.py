# SPDX-License-Identifier: GPL-2.0-only
"""Which kernels came up on which models, and what their boots took, in one small JSON file of the cache.

When a level does not come up, it says which of the two is new to this stack, by what passed last on each; how
long a level is waited for follows from what boots took (``harness.stack.patience``). Nothing here ever fails
a run: rubbish in the file means that nothing is known.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock

from harness.attempt.job import Job
from harness.document.as_json import from_data
from harness.host.cache import write_atomic
from harness.level import Level
from harness.report.publish import utc_now
from harness.report.results import CellResult
from harness.scenario.language import Boot
from harness.stack.broken import BOOT
from harness.stack.images import StackImages
from harness.stack.patience import NEEDS, BootNeed
from harness.verdict import Verdict

FILE = "booted.json"
"""In the cache directory the record, in a cell's directory what it says of the cell's levels."""
TOOK = "boots.json"
"""In a cell's directory: what the boots of its levels took, of those that were not restored."""
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
        return Pair.in_stack(job.images, job.cell.stack.timing)

    @staticmethod
    def in_stack(images: StackImages, timing: str) -> Pair:
        """The pair of a stack's images."""
        kernel, model = images.kernels[Level.L0], images.model
        name = str(kernel.manifest.get("name", ""))
        return Pair(name, kernel.digest, f"{model.spec.name}/{timing}", f"{model.sha256}/{timing}")


class Booted:
    """The record at ``path``; safe for several processes at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def leave(self, job: Job, directory: Path) -> None:
        """Leave in a cell's directory what is known of each level on the cell's kernel and model."""
        pair, needs = Pair.of(job), self.needs(Pair.of(job))
        left = {
            str(level): {"said": self.said(pair, level), "need": asdict(needs[level])}
            for level in job.cell.stack.levels
        }
        write_atomic(directory / FILE, json.dumps(left, indent=1, sort_keys=True))

    def learn(self, job: Job, result: CellResult, directory: Path) -> None:
        """Remember which levels of a cell came up. An infrastructure error says nothing of that."""
        wanted = [step.level for step in job.cell.steps if isinstance(step, Boot)]
        failed = [f.name.rpartition("-")[2] for f in result.findings if f.kind == BOOT]
        if not wanted or result.verdict is Verdict.INFRA or not all(each in _LEVELS for each in failed):
            return
        top = min((Level.parse(each) for each in failed), default=None)
        up = [each for each in Level if each <= max(wanted) and (top is None or each < top)]
        self.came_up(Pair.of(job), up, took(directory), result.started)

    def came_up(
        self, pair: Pair, levels: Iterable[Level], took: Mapping[Level, BootNeed], at: str = ""
    ) -> None:
        """Remember that ``levels`` came up on ``pair``, and what those boots of them took that were seen."""
        with contextlib.suppress(OSError, filelock.Timeout):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{self._path}.lock", timeout=2):
                rows = self._load()
                for level in levels:
                    key = f"{level} {pair.kernel_digest} {pair.model_digest}"
                    row = rows.pop(key, {})
                    row |= {"kernel": pair.kernel, "model": pair.model, "at": at or utc_now()}
                    if level in took:
                        row |= {"turns": took[level].turns, "cpu_s": took[level].cpu_s}
                    rows[key] = row
                write_atomic(self._path, json.dumps(dict(list(rows.items())[-KEEP:]), indent=1))

    def needs(self, pair: Pair) -> dict[Level, BootNeed]:
        """Return what each level takes to boot where it comes up: on this model, else on any of its timing.

        The most of what kernels took there; of a level that nobody saw boot, what nvh's own measurement says.
        """
        rows = self._load()
        timing = pair.model_digest.rpartition("/")[2]
        found = {}
        for level in Level:
            seen = [(key.split(" "), row) for key, row in rows.items() if _timed(row)]
            here = [(model, row) for (at, _, model), row in seen if at == str(level)]
            some = [row for model, row in here if model == pair.model_digest] or [
                row for model, row in here if model.rpartition("/")[2] == timing
            ]
            if not some:
                found[level] = NEEDS[level]
                continue
            most = max(some, key=lambda row: (row["turns"], row["cpu_s"]))
            by = f"kernel {most['kernel']} on model {most['model']}"
            found[level] = BootNeed(most["turns"], max(row["cpu_s"] for row in some), by)
        return found

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


def _timed(row: Mapping[str, Any]) -> bool:
    values = row.get("turns"), row.get("cpu_s")
    return all(isinstance(each, int | float) and each >= 0 for each in values)


def told(directory: Path, level: Level) -> str:
    """Return what the runner left of ``level`` in a cell's directory; empty if it left nothing."""
    try:
        return str(json.loads((directory / FILE).read_text(encoding="utf-8"))[str(level)]["said"])
    except _UNREADABLE:
        return ""


def needs(directory: Path) -> dict[Level, BootNeed]:
    """Return what boots take, as the runner left it in a cell's directory; ``NEEDS`` where it did not."""
    found = dict(NEEDS)
    for level, left in _left(directory / FILE).items():
        with contextlib.suppress(*_UNREADABLE):
            found[level] = from_data(BootNeed, left["need"])
    return found


def leave_took(directory: Path, took: Mapping[Level, BootNeed]) -> None:
    """Leave in a cell's directory what the boots of its levels took."""
    if took:
        write_atomic(directory / TOOK, json.dumps({str(level): asdict(need) for level, need in took.items()}))


def took(directory: Path) -> dict[Level, BootNeed]:
    """Return what a cell's boots took; nothing of those that cannot be read."""
    found = {}
    for level, left in _left(directory / TOOK).items():
        with contextlib.suppress(*_UNREADABLE):
            found[level] = from_data(BootNeed, left)
    return found


_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)


def _left(path: Path) -> dict[Level, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {Level.parse(name): left for name, left in data.items() if name in _LEVELS}
    except _UNREADABLE:
        return {}
