# SPDX-License-Identifier: GPL-2.0-only
"""Carries out a cell's steps on a stack, one registered function per verb."""

from __future__ import annotations

import contextlib
import functools
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.attempt import directories
from harness.attempt.evidence import Ran, RunEnding
from harness.attempt.holds import Holder
from harness.attempt.live import LiveOutput
from harness.attempt.observe import Observer
from harness.check.finding import RunResult
from harness.errors import InfraError, NvhError
from harness.level import Level
from harness.scenario.language import Boot, Copy, Hold, HostAct, Mark, Mutate, Run, Send, Step, WaitFor
from harness.scenario.mutants import kernel_with
from harness.stack import host_acts, migrate
from harness.stack.level_command import Completed, Process, last_words
from harness.stack.stack import Stack

POLL_S = 0.5
STOP_DEADLINE_S = 10.0
KILLED = 256 + signal.SIGKILL
LAST_LINES = 3
MUTANT = "/sys/module/kvm/parameters/mutant"
"""Of the kernels with injected faults (images/kernels/series): the name of the one that is on."""


class StepFailed(Exception):
    """A step did not do what it should in time, at a level that may still live."""

    def __init__(self, step: Step, message: str) -> None:
        super().__init__(message)
        self.step = step


@dataclass
class StepRunner:
    """Carries out the steps of a cell, and holds what they started and how that has ended."""

    stack: Stack
    observer: Observer
    directory: Path
    base: Path
    earlier: dict[str, RunResult] = field(default_factory=dict)
    background: dict[str, tuple[Run, Process]] = field(default_factory=dict)
    runs: dict[str, Ran] = field(default_factory=dict)
    holder: Holder | None = None
    live: LiveOutput | None = None

    def carry_out(self, step: Step) -> None:
        """Do one step between its two marks; ``StepFailed``, ``Broken`` or ``InfraError`` when that fails."""
        with self._in_time(step):
            if not isinstance(step, Boot):
                self.stack.check()  # a kernel that died since the last step
                self.observer.begin()
            if step.mark:
                self.observer.mark(f"{step.mark}.begin", opening=True)
            perform(step, self)
            if step.mark:
                self._ended(step.mark)
                self.observer.mark(f"{step.mark}.end", opening=False)

    def _ended(self, name: str) -> None:
        if self.holder is not None:
            self.holder.ended(name)

    def set_up(self, step: Step) -> None:
        """Do one step without tracing it; raises as ``carry_out`` does."""
        with self._in_time(step):
            perform(step, self)

    @contextlib.contextmanager
    def _in_time(self, step: Step) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise StepFailed(step, f"{error}; {self.stack.diagnose()}") from error

    def finish(self, step: Run, left: Completed, ending: RunEnding = RunEnding.ENDED, why: str = "") -> None:
        """Record how a run ended, and keep its output in the cell's directory."""
        ended = ending is RunEnding.ENDED
        result = RunResult(
            status=left.status if ended else None,
            stdout=left.stdout.decode(errors="replace"),
            stderr=left.stderr.decode(errors="replace"),
            command=step.command,
        )
        self.runs[step.name] = Ran(step, ending, result, why)
        self._ended(step.name)
        output = self.directory / "output"
        output.mkdir(exist_ok=True)
        (output / f"{step.name}.stdout").write_bytes(left.stdout)
        (output / f"{step.name}.stderr").write_bytes(left.stderr)
        with (self.directory / "commands.log").open("a") as log:
            log.write(
                f"# {step.name}: {f'status {left.status}' if ended else f'{ending.value} {why}'.strip()}\n"
            )

    def printed(self, name: str) -> str:
        """What the run ``name`` has printed so far; nothing where there is none."""
        if name in self.runs:
            result = self.runs[name].result
            return result.stdout if result else ""
        return self.background[name][1].snapshot().text if name in self.background else ""

    def stop_background(self) -> None:
        """End what still runs, and record of each background run how it ended; it raises nothing.

        One that has ended before it was told to did so by itself, whatever it printed: its status counts.
        """
        for name, (step, process) in self.background.items():
            if name not in self.runs:
                ending, why = self._stop(process)
                self.finish(step, process.snapshot(), ending, why)

    def _stop(self, process: Process) -> tuple[RunEnding, str]:
        if process.running:
            try:
                process.kill()
                left = process.wait(STOP_DEADLINE_S * self.stack.slowdown)
            except TimeoutError:
                return RunEnding.LOST, f"{process.level} did not say that it ended"
            except NvhError as error:
                return RunEnding.LOST, str(error)
            return (RunEnding.STOPPED if left.status == KILLED else RunEnding.ENDED), ""
        if process.error is None:
            return RunEnding.ENDED, ""
        return (RunEnding.REFUSED if process.refused else RunEnding.LOST), str(process.error)


@functools.singledispatch
def perform(step: Step, run: StepRunner) -> None:  # noqa: ARG001
    """Carry out one step; each verb registers its own function."""
    raise InfraError(f"{step.where}: this nvh cannot carry out {type(step).__name__}")


@perform.register
def _(step: Boot, run: StepRunner) -> None:
    run.stack.boot(step.level)
    run.observer.level_up()


@perform.register
def _(step: Run, run: StepRunner) -> None:
    with (run.directory / "commands.log").open("a") as log:
        log.write(f"{step.level} {step.name}{' &' if step.background else ''}: {step.command}\n")
    process = run.stack.start(step.level, step.command)
    if run.live is not None:
        run.live.follow(step.name, process)
    if not step.fed:
        process.close_stdin()
    if step.background:
        run.background[step.name] = step, process
        return
    _await(run, step, process, step.timeout)


@perform.register
def _(step: HostAct, run: StepRunner) -> None:
    with (run.directory / "commands.log").open("a") as log:
        log.write(f"{step.level} {step.name}: {step.command}\n")
    if step.act == "migrate":
        run.finish(step, migrate.migrate(run.stack, step.via, step.times, step.timeout))
        return
    number = run.stack.generation.get(Level.L1, 0)
    pluggable = run.stack.spec.levels[Level.L1].ram.pluggable_mib
    script = host_acts.script(step, number, run.printed(step.of), pluggable)
    process = run.stack.start(step.level, script)
    process.close_stdin()
    _await(run, step, process, step.timeout + host_acts.MARGIN_S)


def _await(run: StepRunner, step: Run, process: Process, timeout_s: float) -> None:
    """Wait for the end of a run and record it, however it ends; raises as ``Stack.wait`` does."""
    try:
        left = run.stack.wait(process, timeout_s)
    except TimeoutError:
        with contextlib.suppress(NvhError):  # the link may have gone meanwhile
            process.kill()
        run.finish(step, process.snapshot(), RunEnding.LATE)
        raise
    except NvhError as error:
        run.finish(step, process.snapshot(), RunEnding.LOST, str(error))
        raise
    run.finish(step, left)


@perform.register
def _(step: Copy, run: StepRunner) -> None:
    if step.to_level:
        if (run.base / step.source).is_dir():
            directories.put(run.stack, step.level, run.base / step.source, step.target, step.timeout)
            return
        data = (run.base / step.source).read_bytes()
        run.stack.put(step.level, data, step.target, step.timeout)
        if (run.base / step.source).stat().st_mode & 0o100:
            run.stack.run(step.level, f"chmod +x {shlex.quote(step.target)}", step.timeout)
        return
    target = run.directory / "output" / Path(step.target).name
    target.parent.mkdir(exist_ok=True)
    if directories.there(run.stack, step.level, step.source, step.timeout):
        directories.get(run.stack, step.level, step.source, target, step.timeout)
        return
    data = run.stack.get(step.level, step.source, step.timeout)
    target.write_bytes(data)


@perform.register
def _(step: Mark, run: StepRunner) -> None:
    run.observer.mark(step.name, opening=True)


@perform.register
def _(step: Hold, run: StepRunner) -> None:
    if run.holder is None:
        raise InfraError(f"{step.where}: nothing holds vCPUs here; a hold is no part of a snapshot's setup")
    run.holder.arm(step)


@perform.register
def _(step: Mutate, run: StepRunner) -> None:
    # A fault that is not on must not pass for one that nothing noticed, nor its absence for a failure.
    done = run.stack.run(step.level, f"echo {step.mutant} >{MUTANT} && cat {MUTANT}", step.timeout)
    found = done.stdout.decode(errors="replace").strip().replace("_", "-")
    if done.status != 0 or found != step.mutant:
        raise InfraError(
            f"the kernel of {step.level} has no fault {step.mutant!r} to switch on; "
            f"{kernel_with(step.mutant, step.level)} has it"
        )


@perform.register
def _(step: Send, run: StepRunner) -> None:
    _, process = run.background[step.to]
    with (run.directory / "commands.log").open("a") as log:
        log.write(f"# to {step.to}: {step.text!r}\n")
    if not process.running:
        left = process.snapshot()
        raise StepFailed(step, f"run {step.to} has ended before {step.text!r} was sent; {last_words(left)}")
    process.send(step.text.encode())


@perform.register
def _(step: WaitFor, run: StepRunner) -> None:
    if step.process is not None:
        background, process = run.background[step.process]
        if step.process not in run.runs:
            _await(run, background, process, step.timeout)
    elif step.console is not None and step.level is not None:
        _wait_console(step, step.level, step.console, run)
    elif step.output is not None and step.of is not None:
        pattern, (_, process) = re.compile(step.output, re.M), run.background[step.of]
        _poll(
            step,
            run,
            lambda: bool(pattern.search(process.snapshot().text)),
            f"{step.output!r} in the output of {step.of}",
            lambda: last_words(process.snapshot()),
        )
    elif step.command is not None and step.level is not None:
        _wait_command(step, step.level, step.command, run)


def _wait_console(step: WaitFor, level: Level, pattern: str, run: StepRunner) -> None:
    expression = re.compile(pattern, re.M)
    console = run.stack.console(level)
    _poll(
        step,
        run,
        lambda: bool(expression.search(console.text)),
        f"{pattern!r} on {level}'s console",
        lambda: f"it ends in: {' | '.join(console.text.split(chr(10))[-LAST_LINES:])}",
    )


def _wait_command(step: WaitFor, level: Level, command: str, run: StepRunner) -> None:
    left = Completed(-1, b"", b"")

    def succeeds() -> bool:
        nonlocal left
        left = run.stack.run(level, command, step.timeout)
        return left.status == 0

    words = f"success of {command!r} at {level}"
    _poll(step, run, succeeds, words, lambda: f"status {left.status}, {last_words(left)}")


def _poll(
    step: Step, run: StepRunner, happened: Callable[[], bool], what: str, instead: Callable[[], str]
) -> None:
    """Wait until something has happened; ``instead`` says what was there when it did not."""
    end, limit = run.stack.end_of(step.timeout)
    while not happened():
        run.stack.check()
        if time.monotonic() > end:
            raise TimeoutError(f"no match within {limit} for {what}; {instead()}")
        run.stack.agent.pause(POLL_S)
