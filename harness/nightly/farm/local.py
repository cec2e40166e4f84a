# SPDX-License-Identifier: GPL-2.0-only
"""The backend ``local``: processes of this machine, as many at once as its CPUs and its memory admit."""

from __future__ import annotations

import os
import queue
import threading

from harness.nightly.farm import work
from harness.nightly.farm.backend import BEGAN, ENDED, STAGE, News
from harness.nightly.farm.messages import CANCELLED, NOTHING, AttemptEnding, AttemptOrder
from harness.runner.processes import Admission, CellCost, available

STOP_S = 60.0


class Local:
    """Threads that each run one cell at a time; a thread outlives its cells, which would die with it."""

    name = "local"

    def __init__(self, jobs: int | None = None) -> None:
        limit = available()
        self.slots = jobs or int(limit.cpus)
        self.window: int | None = 2 * self.slots + 8
        self._admission = Admission(limit, jobs)
        self._orders: queue.SimpleQueue[AttemptOrder | None] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._threads = [
            threading.Thread(target=self._serve, name=f"cell-{number}", daemon=True)
            for number in range(jobs or max(1, len(os.sched_getaffinity(0))))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, order: AttemptOrder) -> str:
        """Queue the order."""
        self._cancelled.discard(order.key)
        self._orders.put(order)
        return ""

    def flush(self) -> None:
        """Nothing waits for that."""

    def adopt(self, order: AttemptOrder, token: str) -> bool:  # noqa: ARG002
        """Cells of a driver that died have died with it."""
        return False

    def cancel(self, key: str) -> None:
        """End the cell, or drop it when its turn comes."""
        self._cancelled.add(key)
        work.cancel(key)

    def poll(self, timeout_s: float) -> list[News]:
        """Return what happened."""
        found: list[News] = []
        try:
            found.append(self._news.get(timeout=timeout_s))
            while True:
                found.append(self._news.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """End the cells that run and the threads."""
        while True:
            try:
                self._orders.get_nowait()
            except queue.Empty:
                break
        for _ in self._threads:
            self._orders.put(None)
        for key in work.running():
            work.cancel(key)
        for thread in self._threads:
            thread.join(STOP_S)

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            key = order.key
            wanted = CellCost(order.cpus, order.memory_mib)
            self._admission.enter(wanted)
            try:
                if key in self._cancelled:
                    ending = AttemptEnding(CANCELLED, "cancelled before it began")
                else:
                    self._news.put(News(key, BEGAN, work.me()))
                    ending = work.perform(order, lambda text, key=key: self._news.put(News(key, STAGE, text)))  # type: ignore[misc]
            except BaseException as error:  # a defect of ours must not leave the driver waiting
                ending = AttemptEnding(NOTHING, f"nvh itself failed: {error!r}")
            finally:
                self._admission.leave(wanted)
            self._news.put(News(key, ENDED, ending=ending))
