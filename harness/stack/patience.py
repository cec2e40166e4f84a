# SPDX-License-Identifier: GPL-2.0-only
"""How long a level that boots is waited for: as long as it may still come up, on a slow host too.

Pure: it is fed with samples and says when to give up, and why. What a boot may take is a multiple of what it
takes where the level comes up, in model time. Time that the host's other work took from QEMU does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.level import Level
from harness.machine.process import CpuTime
from harness.stack.diagnosis import STARVED, rests

IDLE_S = 20.0
"""Seconds in which a machine rested and said nothing, after which nothing will wake it."""
LOOKS = 2.0
"""Boots' worth of model time in which the level's console was silent, from which on loops are looked for."""
LOOPS = 2.0
"""Boots' worth in which a level that loops was at the same places only."""
SILENT = 10.0
"""Boots' worth in which a level printed nothing: a kernel with every check of its own on needs less."""
WHOLE = 30.0
"""Boots' worth that a level which prints may take."""
LOOP_SAMPLES = 6
PAGE = 12
LOOP_PAGES = 2
"""A level that boots runs through more pages of code than this."""
CPU_SLACK = 3.0
"""QEMU's CPU time for the same work differs by this: by plugins, and by what else the host's cores do."""
LEAST_TURNS = 10
LEAST_CPU_S = 3.0
"""A boot's worth is no less, so that the host's jitter does not matter."""
STRETCH = 4.0
"""A deadline is at most so many times as long on the host's clock, however busy the host is."""


@dataclass(frozen=True, slots=True)
class BootNeed:
    """What the boot of a level takes where it comes up.

    ``turns`` of L0's, 100 ms of its own time each (0: none are taken); ``cpu_s``: seconds of QEMU's CPU time
    without slowdown. ``by`` says of which kernel and model.
    """

    turns: int
    cpu_s: float
    by: str = ""


MEASURED = "kernel nv on model qemu"
NEEDS: Mapping[Level, BootNeed] = {
    Level.L0: BootNeed(0, 5.0, MEASURED),
    Level.L1: BootNeed(27, 5.0, MEASURED),
    Level.L2: BootNeed(10, 7.0, MEASURED),
}
"""What boots took on 28 November 2026, for a machine on which none has come up yet."""


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
    """Waits for a level whose boot takes ``need``, at most ``deadline_s`` of an unburdened host.

    ``slowdown`` multiplies QEMU's CPU time, and is in ``deadline_s``.
    """

    def __init__(self, deadline_s: float, need: BootNeed, slowdown: float = 1.0) -> None:
        self._deadline = deadline_s
        self._need = need
        self._slowdown = slowdown
        self._before = MachineSample(0.0, CpuTime(0.0, 0.0), 0)
        self._counted = 0.0
        self._idle_since = 0.0
        self._printed_at = 0.0
        self._loop_from = 0.0
        self._pages: set[int] = set()
        self._samples = 0

    @property
    def looks(self) -> bool:
        """Whether ``places`` are of use: the level's console has been silent for long."""
        return self._boots(self._before) - self._printed_at >= LOOKS

    @property
    def starved(self) -> bool:
        """Whether it wanted to work all the time, and the host has not let it do what a boot takes."""
        now = self._before
        hungry = now.work.wanted >= STARVED * now.seconds
        return hungry and self._boots(now) < 1.0

    def over(self, now: MachineSample) -> str:
        """Take one more sample; return why there is no point in waiting on, or nothing."""
        step = now.seconds - self._before.seconds
        work = now.work - self._before.work
        resting = rests(work, step)
        share = 1.0 if resting or not work.wanted else min(1.0, work.got / work.wanted)
        self._counted += step * max(share, 1 / STRETCH)
        boots = self._boots(now)
        if now.printed != self._before.printed or not resting:
            self._idle_since = now.seconds
        if now.printed != self._before.printed:
            self._printed_at = boots
            self._forget(boots)
        self._before = now
        if now.seconds - self._idle_since >= IDLE_S:
            return f"the machine is idle: it executed nothing for {now.seconds - self._idle_since:.0f} s"
        if now.places and self._loops(now, boots):
            where = " and ".join(f"{page << PAGE:#x}" for page in sorted(self._pages))
            return f"it loops: in {self._told(boots - self._loop_from)} it was in no page of code but {where}"
        if boots - self._printed_at >= SILENT:
            return f"it printed nothing in {self._told(boots - self._printed_at)}"
        if boots >= WHOLE:
            return f"its agent did not answer in {self._told(boots)}"
        if self._counted >= self._deadline:
            return f"its agent did not answer within {self._deadline:.0f} s"
        return ""

    def _boots(self, now: MachineSample) -> float:
        """How many boots the machine has had time for, by L0's own clock where it tells, else by CPU time."""
        by_turns = now.turns / max(LEAST_TURNS, self._need.turns) if self._need.turns else 0.0
        by_work = now.work.got / (CPU_SLACK * max(LEAST_CPU_S, self._need.cpu_s) * self._slowdown)
        return max(by_turns, by_work)

    def _told(self, boots: float) -> str:
        return f"{boots:.0f} times the time in which {self._need.by or 'one'} boots"

    def _loops(self, now: MachineSample, boots: float) -> bool:
        """Whether the level's code has been in the same few pages for long."""
        own = {place >> PAGE for place in now.places}
        if len(self._pages | own) > LOOP_PAGES:
            self._forget(boots)
        if self._samples == 0:  # nobody looked before
            self._loop_from = boots
        self._pages |= own
        self._samples += 1
        enough = self._samples >= LOOP_SAMPLES and boots - self._loop_from >= LOOPS
        return enough and len(self._pages) <= LOOP_PAGES

    def _forget(self, boots: float) -> None:
        self._pages, self._samples, self._loop_from = set(), 0, boots
