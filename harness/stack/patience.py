# SPDX-License-Identifier: GPL-2.0-only
"""How long a level that boots is waited for: as long as it may still come up, on a slow host too.

Pure: it is fed with samples and says when to give up, and why. Time that the host's other work took from
QEMU does not count, and no wait ends early but for a machine that shows no progress in model time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.machine.process import CpuTime
from harness.stack.diagnosis import rests

IDLE_S = 20.0
"""Seconds in which a machine rested and said nothing, after which nothing will wake it."""
SILENT_TURNS = 300
"""Turns of L0's in which the level printed nothing: 30 s of model time, and a boot takes less than one."""
SILENT_S = 60.0
"""Seconds of QEMU's CPU time in which the level's console was silent, from which on loops are looked for."""
LOOP_S = 40.0
"""Seconds of QEMU's CPU time in which a guest that loops was at the same places only."""
LOOP_SAMPLES = 6
PAGE = 12
LOOP_PAGES = 2
"""A level that boots runs through more pages of code than this in ``LOOP_S``."""
STRETCH = 4.0
"""A deadline is at most so many times as long on the host's clock, however busy the host is."""


@dataclass(frozen=True, slots=True)
class MachineSample:
    """A look at a machine that boots a level.

    ``seconds`` on the host's clock and ``work`` of QEMU since the wait began; ``printed``: characters on the
    level's console; ``turns`` of L0's so far, 0 where it takes none; ``places``: addresses at which the
    level's own code was just now, empty when nobody looked or nothing was found.
    """

    seconds: float
    work: CpuTime
    printed: int
    turns: int = 0
    places: Sequence[int] = ()


class Patience:
    """Waits for a level whose boot may take ``deadline_s`` seconds of an unburdened host.

    ``slowdown`` multiplies every amount of work.
    """

    def __init__(self, deadline_s: float, slowdown: float = 1.0) -> None:
        self._deadline = deadline_s
        self._slowdown = slowdown
        self._before = MachineSample(0.0, CpuTime(0.0, 0.0), 0)
        self._counted = 0.0
        self._idle_since = 0.0
        self._printed_at = 0.0
        self._turns_at = 0
        self._loop_from = 0.0
        self._pages: set[int] = set()
        self._samples = 0

    @property
    def looks(self) -> bool:
        """Whether ``places`` are of use: the level's console has been silent for long."""
        return self._before.work.got - self._printed_at >= SILENT_S * self._slowdown

    def over(self, now: MachineSample) -> str:
        """Take one more sample; return why there is no point in waiting on, or nothing."""
        step = now.seconds - self._before.seconds
        work = now.work - self._before.work
        resting = rests(work, step)
        share = 1.0 if resting or not work.wanted else min(1.0, work.got / work.wanted)
        self._counted += step * max(share, 1 / STRETCH)
        if now.printed != self._before.printed or not resting:
            self._idle_since = now.seconds
        if now.printed != self._before.printed:
            self._printed_at, self._turns_at = now.work.got, now.turns
            self._forget(now)
        self._before = now
        if now.turns - self._turns_at > SILENT_TURNS:
            return f"it printed nothing in {(now.turns - self._turns_at) / 10:.0f} s of L0's own time"
        if now.seconds - self._idle_since >= IDLE_S:
            return f"the machine is idle: it executed nothing for {now.seconds - self._idle_since:.0f} s"
        if now.places and self._loops(now):
            where = " and ".join(f"{page << PAGE:#x}" for page in sorted(self._pages))
            spent = now.work.got - self._loop_from
            return f"it loops: in {spent:.0f} s of CPU time it was in no page of code but {where}"
        if self._counted >= self._deadline:
            return f"its agent did not answer within {self._deadline:.0f} s"
        return ""

    def _loops(self, now: MachineSample) -> bool:
        """Whether the level's code has been in the same few pages for long."""
        own = {place >> PAGE for place in now.places}
        if len(self._pages | own) > LOOP_PAGES:
            self._forget(now)
        if self._samples == 0:  # nobody looked before
            self._loop_from = now.work.got
        self._pages |= own
        self._samples += 1
        spent = now.work.got - self._loop_from
        enough = self._samples >= LOOP_SAMPLES and spent >= LOOP_S * self._slowdown
        return enough and len(self._pages) <= LOOP_PAGES

    def _forget(self, now: MachineSample) -> None:
        self._pages, self._samples, self._loop_from = set(), 0, now.work.got
