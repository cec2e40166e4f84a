# SPDX-License-Identifier: GPL-2.0-only
"""The process that runs one cell: ``python -m harness.attempt.execute DIRECTORY``.

It reads the work order in the directory, and leaves ``result.json``, consoles, traces and outputs there.
Stages are reported as lines ``stage NAME`` on standard output. Its exit status is the verdict's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.attempt import begin, booted, judgement, live, starved, timeline_page, unrestored
from harness.attempt.executing import whereabouts
from harness.attempt.holds import holder
from harness.attempt.job import Job, planned, read_job
from harness.attempt.observe import Observer, plan_of
from harness.attempt.sanitize import Sanitizer, sanitizer
from harness.attempt.steps import StepRunner
from harness.attempt.undertake import PlannedAttempt, undertake
from harness.attempt.watch import watch
from harness.check import splat
from harness.check.finding import Finding
from harness.errors import InfraError, NvhError
from harness.host import disk
from harness.host.cache import Store
from harness.level import Level
from harness.litmus import counted
from harness.machine.process import end_with_parent
from harness.report import store
from harness.report.publish import utc_now
from harness.report.results import ArtefactVersion, CellResult, FileRef, MachineTime, StageTime
from harness.stack import saved
from harness.stack.saved import NotRestored, RestoreFailed
from harness.stack.stack import Stack
from harness.verdict import Verdict, of_cell

ROLES = {
    "*.console.log": "console",
    "*.dmesg.log": "console",
    "*.trace.txt": "trace",
    "model.trace": "trace",
    "timeline.jsonl": "timeline",
    "timeline.html": "timeline",
    "qemu.sh": "command",
    "*.vmm.sh": "command",
    "cell.json": "manifest",
    "snapshot.json": "manifest",
    "restore.json": "manifest",
    "boot*.json": "manifest",
    "scenario.yaml": "manifest",
    "*.py": "manifest",
    "qemu.log": "log",
    "sanitizer.log": "log",
    "sanitizer.jsonl": "trace",
    "holds.txt": "trace",
    "commands.log": "log",
    "output/*": "output",
}


KEPT = "failure"
LEVELS = {str(level) for level in Level}


class StageClock:
    """Times the parts of a cell and tells the runner which one has begun."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.done: list[StageTime] = []
        self._open: tuple[str, float] | None = None

    def begin(self, name: str) -> None:
        """End the current stage and begin ``name``; a stage that is going on goes on."""
        if self._open is not None and self._open[0] == name:
            return
        self.end()
        self._open = (name, time.monotonic())
        print(f"stage {name}", flush=True)

    def end(self) -> None:
        """End the current stage, if any."""
        if self._open is not None:
            name, begun = self._open
            now = time.monotonic()
            self.done.append(StageTime(name, round(begun - self.started, 3), round(now - begun, 3)))
            self._open = None


@dataclass(slots=True)
class AttemptOutcome:
    """What is known of a cell so far."""

    findings: list[Finding] = field(default_factory=list)
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    machine: MachineTime | None = None
    guest_seconds: float | None = None

    def verdict(self, allow_vacuous: bool, more: Sequence[Finding] = ()) -> Verdict:
        """What the findings, and ``more`` of them, come to."""
        found = [each.verdict for each in (*self.findings, *more)]
        return of_cell(found, infra=bool(self.reason), allow_vacuous=allow_vacuous)


def run_cell(job: Job, directory: Path) -> CellResult:
    """Run the cell of ``job`` in ``directory`` and return its result; never raises ``NvhError``."""
    stages = StageClock()
    started = utc_now()
    try:
        outcome = _begun_again(job, directory, stages)
    except RestoreFailed as error:
        stages.end()
        (directory / begin.RECORD).unlink()
        outcome = AttemptOutcome()
        _attempt(job, directory, stages, outcome)
        outcome.facts["start"] = f"cold boot, because: {error}"
        if isinstance(error, NotRestored):
            model, timing = job.images.model, job.cell.stack.timing
            unrestored.note(directory, unrestored.explain(model, timing, str(error), Store()))
    stages.end()
    _add_unrestored(directory, outcome)
    if why := disk.full(directory):
        outcome.findings = starved.of_files(outcome.findings, why)
        outcome.reason = outcome.reason or why
    return dataclasses.replace(
        planned(job),
        verdict=outcome.verdict(job.cell.allow_vacuous),
        started=started,
        seconds=round(time.monotonic() - stages.started, 3),
        findings=tuple(outcome.findings),
        reason=outcome.reason,
        stages=tuple(stages.done),
        guest_seconds=outcome.guest_seconds,
        machine=outcome.machine,
        files=tuple(_files(directory)),
        versions={name: ArtefactVersion(**each) for name, each in job.images.versions().items()},
        facts=outcome.facts,
    )


def _begun_again(job: Job, directory: Path, stages: StageClock) -> AttemptOutcome:
    """Attempt the cell, a second time when the model did not restore its snapshot: a busy host may be why."""
    outcome = AttemptOutcome()
    try:
        _attempt(job, directory, stages, outcome)
    except NotRestored:
        stages.end()
        outcome = AttemptOutcome()
        _attempt(job, directory, stages, outcome)
    return outcome


def _add_unrestored(directory: Path, outcome: AttemptOutcome) -> None:
    """Add the finding against a model that cannot restore what it saved."""
    try:
        why = unrestored.told(directory)
    except InfraError as error:
        outcome.reason = outcome.reason or str(error)
        return
    if why:
        outcome.findings.append(unrestored.finding(why))


def _attempt(job: Job, directory: Path, stages: StageClock, outcome: AttemptOutcome) -> None:
    """Begin, carry out and judge the cell; ``RestoreFailed`` when it could not begin from its snapshot."""
    cell = job.cell
    try:
        plan = plan_of(cell.expectations)
        model = watch(job.images, cell.stack.timing, plan, cell.expectations, directory)
        checker = sanitizer(cell, job.images, directory)
        holding = holder(job.images, cell, directory)
    except NvhError as error:
        outcome.reason = str(error)
        return
    # What holds comes first: the others see an instruction once, when it is executed.
    plugins = tuple(each.plugin for each in (holding, model, checker) if each)
    plugins = (*plugins[: holding is not None], *job.watch, *plugins[holding is not None :])
    stack = Stack(
        job.images,
        cell.stack,
        directory,
        stages.begin,
        seed=job.seed,
        plugins=plugins,
        whereabouts=whereabouts,
        needs=booted.needs(directory),
        alarm=splat.fatal,
    )
    observer = Observer(stack, plan, directory, model)
    runner = StepRunner(stack, observer, directory, Path(cell.path).parent, holder=holding)
    with stack, contextlib.ExitStack() as telling:
        if job.live:
            runner.live = live.LiveOutput(live.to_runner)
            telling.callback(runner.live.close)
        stages.begin("restore")
        until = stages.started + job.deadline_s
        attempt = undertake(
            PlannedAttempt(job, stack, runner, checker, directory, stages, until), outcome.facts
        )
        booted.leave_took(directory, stack.took)
        stages.begin("check")
        checked, outcome.reason = judgement.try_to_judge(cell.expectations, attempt)
        stood = starved.why(stack.spent, deterministic=job.images.model.deterministic(cell.stack.timing))
        busy = starved.host(stack.spent) if stood else ""
        checked = starved.in_doubt(checked, cell.expectations, attempt.results, stood)
        checked += counted.findings(cell, attempt.results, starved=bool(stood))
        if holding is not None:
            checked += holding.findings()
            holding.write()
        outcome.findings += checked
        if attempt.timeline is not None and any(each.verdict is not Verdict.PASS for each in checked):
            timeline_page.write_page(directory, cell.id, attempt.timeline, checked)
        seen = _sanitized(checker, AttemptOutcome(), busy) if job.keep else []
        if job.keep and outcome.verdict(cell.allow_vacuous, seen) is not Verdict.PASS:
            stages.begin("keep")
            outcome.facts["kept"] = _keep(stack, directory / KEPT)
    if model:
        with contextlib.suppress(NvhError, OSError):  # QEMU may have ended before it made the file
            model.finish()
    outcome.findings += _sanitized(checker, outcome, busy)  # once QEMU has ended, nothing is added any more
    outcome.guest_seconds = observer.guest_seconds
    outcome.facts |= observer.facts()
    if stack.started is not None:
        seconds = time.monotonic() - stack.started
        outcome.machine = MachineTime(
            start_s=round(stack.started - stages.started, 3),
            seconds=round(seconds, 3),
            waited_s=round(stack.waited_s, 3),
            cpus=round(stack.used.wanted_cpu_s / seconds, 2),
            memory_mib=stack.used.memory_mib,
        )


def _sanitized(checker: Sanitizer | None, outcome: AttemptOutcome, busy: str) -> list[Finding]:
    """What the sanitizer found; if it did not run, that is an infrastructure error unless there is one."""
    if checker is None:
        return []
    try:
        return list(checker.judge(outcome.facts, busy))
    except InfraError as error:
        outcome.reason = outcome.reason or str(error)
        return []


def _keep(stack: Stack, place: Path) -> str:
    """Save the machine in ``place``; returns what the report says of it."""
    place.mkdir()
    try:
        saved.save_as_it_is(stack, place, stack.kick)
    except (NvhError, OSError) as error:
        shutil.rmtree(place)
        return f"not saved: {error}"
    return f"saved in {KEPT}/; see nvh shell, nvh gdb and nvh inspect"


def _files(directory: Path) -> Iterator[FileRef]:
    for pattern, role in ROLES.items():
        for path in sorted(directory.glob(pattern)):
            level = path.name.partition(".")[0]
            yield FileRef(str(path.relative_to(directory)), role, level if level in LEVELS else "")


def main(argv: list[str]) -> int:
    """Run the cell in the directory ``argv[0]``; returns the exit status of its verdict."""
    end_with_parent()
    directory = Path(argv[0])
    os.chdir(directory)
    directory = Path()
    try:
        job = read_job(directory)
        result = run_cell(job, directory)
    except NvhError as error:
        print(f"nvh: {error}", file=sys.stderr)
        return error.exit_status
    store.write_cell(result, directory)
    return result.verdict.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
