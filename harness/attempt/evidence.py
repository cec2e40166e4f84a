# SPDX-License-Identifier: GPL-2.0-only
"""What was carried out in a cell and what was seen of it: all that its judgement rests on."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.check.breaks import Breaks
from harness.check.finding import RunResult
from harness.check.shadow import Look
from harness.errors import Broken, Location
from harness.level import Level
from harness.scenario.language import Run, Step
from harness.trace.timeline import Timeline


class RunEnding(enum.Enum):
    """How a run ended."""

    ENDED = "ended by itself"
    STOPPED = "stopped at the end of the cell"
    LATE = "stopped at its deadline"
    REFUSED = "never started"
    LOST = "lost with its level"


@dataclass(frozen=True, slots=True)
class Ran:
    """A command of the scenario and how it went; ``why`` it never started, or how it was lost."""

    step: Run
    ending: RunEnding
    result: RunResult
    why: str = ""


@dataclass(frozen=True, slots=True)
class Late:
    """A step that did not do what it should in time, with what was seen then."""

    step: Step
    message: str


@dataclass(slots=True)
class Attempt:
    """One attempt at a cell.

    ``complete``  every step was carried out
    ``late``      the step at which it stopped, if a deadline was why
    ``broken``    what of the software under test broke, with the text that follows its first line
    ``reason``    what nvh or its host did wrong; empty if nothing
    ``runs``      by name; ``earlier`` are results of runs in the setup of a snapshot
    ``timeline``  None when there is none; ``untraced`` says why not, and of which levels nothing came
    ``consoles``  what each started level printed, with its kernel log unless it is ``unread``: why
    """

    where: Location
    complete: bool = False
    late: Late | None = None
    broken: list[tuple[Broken, str]] = field(default_factory=list)
    reason: str = ""
    runs: Mapping[str, Ran] = field(default_factory=dict)
    earlier: Mapping[str, RunResult] = field(default_factory=dict)
    timeline: Timeline | None = None
    untraced: Mapping[Level, str] = field(default_factory=dict)
    consoles: Mapping[Level, str] = field(default_factory=dict)
    unread: Mapping[Level, str] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    breaks: Breaks | None = None

    @property
    def results(self) -> dict[str, RunResult]:
        """What is known of each run that was started."""
        started = {
            n: r.result for n, r in self.runs.items() if r.ending not in (RunEnding.REFUSED, RunEnding.LOST)
        }
        return {**self.earlier, **started}
