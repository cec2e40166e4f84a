# SPDX-License-Identifier: GPL-2.0-only
"""Hands cells to a backend until each has ended once, whatever dies meanwhile."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.errors import NvhError
from harness.nightly.farm.backend import BEGAN, ENDED, STAGE, Backend, News
from harness.nightly.farm.ledger import Ledger, LedgerEntry
from harness.nightly.farm.messages import CANCELLED, LOST, NOTHING, PUBLISHED, AttemptEnding, AttemptOrder
from harness.report.store import RESULT

ATTEMPTS = 3
"""Workers that a cell may lose before it is given up as infra."""
TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class CellWork:
    """One cell to run: ``make`` writes the work order of an attempt and returns what a backend needs of it.

    ``final`` is where its result counts.
    """

    key: str
    final: Path
    make: Callable[[int], AttemptOrder]


class FarmWatcher(Protocol):
    """Receives what happens; ``ended`` may return more work, which is done after everything else."""

    def began(self, key: str, worker: str) -> None:
        """A cell runs now."""

    def stage(self, key: str, text: str) -> None:
        """What a cell does now."""

    def lost(self, key: str, why: str) -> None:
        """A worker went away; the cell is run again."""

    def ended(self, key: str, ending: AttemptEnding, attempt: int, lost: Sequence[str]) -> Iterable[CellWork]:
        """A cell has ended for good."""


class Driver:
    """Runs work over one backend. ``deadline`` is when no further cell begins, on the monotonic clock."""

    def __init__(
        self, backend: Backend, ledger: Ledger, watcher: FarmWatcher, deadline: float | None = None
    ) -> None:
        self._backend = backend
        self._ledger = ledger
        self._watcher = watcher
        self._deadline = deadline
        self._pending: collections.deque[CellWork] = collections.deque()
        self._out: dict[str, CellWork] = {}
        self._running: set[str] = set()
        self._stopped: set[str] = set()

    def run(self, work: Sequence[CellWork]) -> list[str]:
        """Run everything; returns the keys of what never began, because the deadline came first.

        When it is interrupted, what runs is ended, and stays unfinished in the ledger.
        """
        never: list[str] = []
        try:
            for each in work:
                self._take(each)
            while self._pending or self._out:
                if self._deadline is not None and time.monotonic() >= self._deadline:
                    never += [each.key for each in self._pending]
                    self._pending.clear()
                    self._cancel_waiting()
                self._fill()
                for news in self._backend.poll(TICK_S):
                    never += self._hear(news)
            return never
        finally:
            self._backend.close()

    def _take(self, work: CellWork) -> None:
        """Finished already, still on its way, or to be done."""
        state = self._ledger.of(work.key)
        if state.ending is not None and (state.ending.how != PUBLISHED or (work.final / RESULT).exists()):
            self._more(work.key, state.ending)
        elif (work.final / RESULT).exists():
            self._end(work, AttemptEnding(PUBLISHED, "published before an earlier driver could note it"))
        elif state.attempt and self._adopt(work, state):
            self._ledger.adopted(work.key, state.attempt)
            self._out[work.key] = work
        else:
            if state.attempt:
                self._ledger.orphaned(work.key, state.attempt)
            self._pending.append(work)

    def _adopt(self, work: CellWork, state: LedgerEntry) -> bool:
        try:
            return self._backend.adopt(work.make(state.attempt), state.token)
        except (NvhError, OSError):  # its order is not whole: it was never submitted
            return False

    def _fill(self) -> None:
        window = self._backend.window
        handed = False
        while self._pending and (window is None or len(self._out) < window):
            work = self._pending.popleft()
            attempt = self._ledger.of(work.key).attempt + 1
            # Noted first, so that no later driver uses this attempt's directory again.
            self._ledger.submitted(work.key, attempt, "")
            try:
                order = work.make(attempt)
            except (NvhError, OSError) as error:
                self._end(work, AttemptEnding(NOTHING, f"the work order could not be written: {error}"))
                continue
            self._out[work.key] = work
            if token := self._backend.submit(order):
                self._ledger.submitted(work.key, attempt, token)
            handed = True
        if handed:
            self._backend.flush()

    def _cancel_waiting(self) -> None:
        for key in self._out.keys() - self._running - self._stopped:
            self._stopped.add(key)
            self._backend.cancel(key)

    def _hear(self, news: News) -> list[str]:
        """Act on one report; returns the key when that cell never ran."""
        work = self._out.get(news.key)
        if work is None:
            return []
        if news.what == BEGAN:
            self._running.add(news.key)
            self._watcher.began(news.key, news.text)
        elif news.what == STAGE:
            self._watcher.stage(news.key, news.text)
        elif news.what == ENDED and news.ending is not None:
            del self._out[news.key]
            self._running.discard(news.key)
            return self._settle(work, news.ending)
        return []

    def _settle(self, work: CellWork, ending: AttemptEnding) -> list[str]:
        state = self._ledger.of(work.key)
        if ending.how in (LOST, CANCELLED) and (work.final / RESULT).exists():
            ending = AttemptEnding(PUBLISHED, f"it had published before: {ending.reason}", ending.worker)
        if ending.how == CANCELLED and work.key in self._stopped:
            return [work.key]
        if ending.how in (LOST, CANCELLED):  # cancelled by somebody else: as good as lost
            self._ledger.lost(work.key, state.attempt, ending.reason)
            if len(state.lost) < ATTEMPTS:
                self._watcher.lost(work.key, ending.reason)
                self._pending.appendleft(work)
                return []
            ending = AttemptEnding(
                NOTHING, f"given up after {len(state.lost)} attempts: {'; '.join(state.lost)}"
            )
        self._end(work, ending)
        return []

    def _end(self, work: CellWork, ending: AttemptEnding) -> None:
        self._ledger.ended(work.key, self._ledger.of(work.key).attempt, ending)
        self._more(work.key, ending)

    def _more(self, key: str, ending: AttemptEnding) -> None:
        state = self._ledger.of(key)
        for more in self._watcher.ended(key, ending, state.attempt, [*state.lost, *state.orphaned]):
            self._take(more)
