# SPDX-License-Identifier: GPL-2.0-only
"""Carries out one attempt at a cell, and gathers what is to be seen of it however it goes.

Whatever breaks, the rest is still collected: background runs are ended and their output is kept,
traces and kernel logs collected, the timeline written. Nothing is judged here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeGuard

from harness.attempt import begin, booted, shadows, starved
from harness.attempt.ask_sanitizer import breaks
from harness.attempt.evidence import Attempt, Late
from harness.attempt.executing import VMLINUX, executing
from harness.attempt.job import Job
from harness.attempt.sanitize import Sanitizer
from harness.attempt.steps import StepFailed, StepRunner
from harness.errors import Broken, InfraError, Location, NvhError
from harness.scenario.language import Boot, Snapshot, Step
from harness.stack.broken import BOOT, LevelBroken
from harness.stack.saved import RestoreFailed
from harness.stack.stack import Stack
from harness.trace.executed.places import NoSuchPlace

HUNG = "the machine is hung"
"""What a diagnosis says of a machine that made no progress in model time, however busy the host."""
ANSWER_S = 60.0
"""What a level has to answer before it is said to hang, in seconds of an unburdened host."""


class Stages(Protocol):
    """Receives the name of each part of the cell as it begins."""

    def begin(self, name: str) -> None:
        """``name`` begins."""


@dataclass(frozen=True, slots=True)
class PlannedAttempt:
    """A cell that is to be attempted on a stack that has not been started.

    ``until``: when its steps must have ended, in monotonic time.
    """

    job: Job
    stack: Stack
    runner: StepRunner
    checker: Sanitizer | None
    directory: Path
    stages: Stages
    until: float | None = None


def undertake(work: PlannedAttempt, facts: dict[str, str]) -> Attempt:
    """Begin the cell, carry out its steps and gather what was seen; ``facts`` receives how it began.

    Raises nothing but ``RestoreFailed``, when the cell could not begin from its snapshot, and bugs.
    """
    attempt = Attempt(where=Location(work.job.cell.path))
    observer = work.runner.observer
    work.stack.until = work.until
    with _recorded(attempt, work):
        steps, facts["start"] = begin.begin(work.job, work.stack, work.runner, work.directory)
        _carry_out(steps, work)
        attempt.complete = True
    work.stack.until = None
    if work.runner.holder is not None:
        work.runner.holder.stop()
    work.stages.begin("traces")
    if not attempt.complete:
        observer.find_silent()
    work.runner.stop_background()
    attempt.runs, attempt.earlier = work.runner.runs, work.runner.earlier
    if work.stack.booted is not None:
        with _recorded(attempt, work):
            attempt.timeline = observer.collect()
        if attempt.complete:
            with _recorded(attempt, work):
                vmlinux = {level: k.path / VMLINUX for level, k in work.job.images.kernels.items()}
                attempt.looks = shadows.looks(work.stack, vmlinux, work.job.cell.expectations)
                attempt.breaks = breaks(work.stack, work.checker, work.job.cell.expectations)
        with _recorded(attempt, work):
            observer.read_kernel_logs()
    elif work.stack.booting is not None:
        observer.read_kernel_logs()
    attempt.untraced, attempt.unread = observer.untraced, observer.unread
    with _recorded(attempt, work):
        _whoever_is_silent(attempt, work)
    attempt.consoles = observer.consoles()
    return attempt


def _carry_out(steps: tuple[Step, ...], work: PlannedAttempt) -> None:
    setup = any(isinstance(step, Snapshot) for step in steps)
    for step in steps:
        if not isinstance(step, Boot):
            work.stages.begin("setup" if setup else "steps")
        if isinstance(step, Snapshot):
            setup = False
        elif setup:
            work.runner.set_up(step)
        else:
            work.runner.carry_out(step)


@contextlib.contextmanager
def _recorded(attempt: Attempt, work: PlannedAttempt) -> Iterator[None]:
    """Put what goes wrong inside into ``attempt``; only the first of its kind is the news."""
    try:
        yield
    except RestoreFailed:
        raise
    except NoSuchPlace:
        return  # the hold's finding says so; without it the rest would be another program
    except StepFailed as error:
        slow = starved.host(work.stack.spent)
        if slow and HUNG not in str(
            error
        ):  # a deadline of the host's clock says nothing of a starved machine
            attempt.reason = attempt.reason or f"{error}; {slow}"
        else:
            attempt.late = attempt.late or Late(error.step, str(error))
    except TimeoutError as error:
        observer = work.runner.observer
        observer.find_silent()
        if observer.silent is None:  # slow, which says nothing of what is under test
            attempt.reason = attempt.reason or f"what was to be seen could not be gathered: {error}"
    except NvhError as error:
        _record(attempt, work, error)


def _record(attempt: Attempt, work: PlannedAttempt, error: NvhError) -> None:
    told = work.stack.told(error)
    if attempt.broken:  # what goes wrong afterwards is its consequence
        return
    if not isinstance(told, Broken):
        attempt.reason = attempt.reason or str(told)
    else:
        known = booted.told(work.directory, told.level) if _did_not_come_up(told) else ""
        words = (known, executing(work.stack, told))
        attempt.broken.append((told, "\n".join(each for each in words if each)))


def _did_not_come_up(error: Broken) -> TypeGuard[LevelBroken]:
    return isinstance(error, LevelBroken) and error.kind == BOOT


def _whoever_is_silent(attempt: Attempt, work: PlannedAttempt) -> None:
    """Say of a level that answers no more what became of it; one that is only slow is left alone."""
    observer, stack = work.runner.observer, work.stack
    if observer.failed is not None:
        _record(attempt, work, observer.failed)
    if observer.silent is None or attempt.broken or attempt.reason:
        return
    stack.check_alive()
    if not stack.answers(observer.silent, ANSWER_S):
        error = stack.hung(observer.silent)
        if (slow := starved.host(stack.spent)) and HUNG not in str(error):
            raise InfraError(f"{error}; {slow}")
        raise error
