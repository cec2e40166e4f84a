# SPDX-License-Identifier: GPL-2.0-only
"""How long things usually take, and how much: past values in one small JSON file of the cache directory.

It only feeds the progress display and the admission of cells, so nothing here ever fails a run: rubbish in
the file means no history, and a file that cannot be written is left alone.
"""

from __future__ import annotations

import contextlib
import json
import math
import statistics
from pathlib import Path

import filelock

from harness.report.store import write_text

KEEP = 5
"""Durations kept per key; the median of them is the usual one."""
KEYS = 4000
"""Most keys kept; the longest unused go first."""
SIZE_LIMIT = 2**20


class History:
    """Durations in seconds (and other amounts) by key, in ``path``; safe for several processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _load(self) -> dict[str, list[float]]:
        try:
            if self.path.stat().st_size > SIZE_LIMIT:
                return {}
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {
            key: [float(v) for v in values if type(v) in (int, float) and 0 <= v < 1e9][-KEEP:]
            for key, values in data.items()
            if isinstance(values, list)
        }

    def usual(self, key: str) -> float | None:
        """Return the median of the last ``KEEP`` durations of ``key``, ``None`` without any."""
        values = self._load().get(key)
        return statistics.median(values) if values else None

    def usual_of(self, prefix: str) -> dict[str, float]:
        """Return the usual duration of every key that begins so, by the rest of the key."""
        return {
            key.removeprefix(prefix): statistics.median(values)
            for key, values in self._load().items()
            if key.startswith(prefix) and values
        }

    def most(self, key: str) -> float | None:
        """Return the largest of the last ``KEEP`` values of ``key``, ``None`` without any."""
        return max(self._load().get(key, ()), default=None)

    def record(self, key: str, seconds: float) -> None:
        """Add one value; the oldest goes."""
        if not math.isfinite(seconds) or seconds < 0:
            return
        with contextlib.suppress(OSError, filelock.Timeout):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(f"{self.path}.lock", timeout=2):
                data = self._load()
                data[key] = [*data.pop(key, []), round(seconds, 3)][-KEEP:]
                kept = dict(list(data.items())[-KEYS:])
                write_text(self.path, json.dumps(kept, indent=1) + "\n")
