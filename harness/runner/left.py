# SPDX-License-Identifier: GPL-2.0-only
"""How much of a run is left, in words: ``3 of 40 done, about 5 min left``."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence


class Left:
    """Counts what has begun and ended of tasks whose usual durations are known, or not (None).

    ``slots`` are how many go on at once, ``clock`` gives seconds.
    """

    def __init__(
        self, usual: Sequence[float | None], slots: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._usual = list(usual)
        self._slots = max(1, slots)
        self._clock = clock
        self._begun: dict[int, float] = {}
        self._took: dict[int, float] = {}
        self._lock = threading.Lock()

    def begin(self, task: int, usual: float | None = None) -> None:
        """A task begins; ``usual`` is what it takes as it begins now, where that is known."""
        with self._lock:
            self._begun[task] = self._clock()
            self._usual[task] = usual if usual is not None else self._usual[task]

    def end(self, task: int) -> None:
        """A task has ended."""
        with self._lock:
            now = self._clock()
            self._took[task] = now - self._begun.pop(task, now)

    def seconds(self) -> float | None:
        """Wall clock until the end, or None while nothing tells how long a task takes.

        A task of unknown duration counts as the mean of those that ended here, or of the known ones.
        """
        with self._lock:
            known = list(self._took.values()) or [each for each in self._usual if each is not None]
            if not known:
                return None
            mean, now = statistics.fmean(known), self._clock()
            each = []
            for task, usual in enumerate(self._usual):
                if task not in self._took:
                    ran = now - self._begun[task] if task in self._begun else 0.0
                    each.append(max(0.0, (mean if usual is None else usual) - ran))
            return max(sum(each) / self._slots, max(each, default=0.0))

    def __str__(self) -> str:
        total, done = len(self._usual), len(self._took)
        if total < 2 or done == total:
            return ""
        left = self.seconds()
        return f"{done} of {total} done" + ("" if left is None else f", {about(left)} left")


def about(seconds: float) -> str:
    """A duration as precise as a guess is."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than 1 min"
    if minutes < 60:
        return f"about {minutes} min"
    return f"about {minutes // 60} h {minutes % 60:02d} min"
