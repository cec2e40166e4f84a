"""Carries out a cell's steps on a stack, one registered function per verb."""

from __future__ import annotations

import functools
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.cell.observe import Observer
from harness.check.finding import RunResult
from harness.errors import InfraError
from harness.level import Level
from harness.scenario.model import Boot, Copy, Mark, Mutate, Run, Step, WaitFor
from harness.stack.process import Completed, Process
from harness.stack.stack import Stack

POLL_S = 0.5
COPY_DEADLINE_S = 120.0
MUTANT = "/sys/module/kvm/parameters/mutant"
"""Of the kernel with deliberate faults (images/kernels/series/mutants): the name of the one that is on."""


class StepFailed(Exception):
    """A step did not do what it should: a deadline passed at a level that still lives, or a copy failed."""

    def __init__(self, step: Step, message: str) -> None:
        super().__init__(message)
        self.step = step


@dataclass
class Execution:
    """The state of a cell while its steps run: what was started, and what has ended."""

    stack: Stack
    observer: Observer
    directory: Path
    base: Path
    results: dict[str, RunResult] = field(default_factory=dict)
    background: dict[str, Process] = field(default_factory=dict)
    unexpected: list[tuple[Run, RunResult]] = field(default_factory=list)

    def carry_out(self, step: Step) -> None:
        """Do one step between its two marks; ``StepFailed`` or ``InfraError`` when it cannot be done."""
        if not isinstance(step, Boot):
            self.observer.begin()
        if step.mark:
            self.observer.mark(f"{step.mark}.begin", opening=True)
        self.set_up(step)
        if step.mark:
            self.observer.mark(f"{step.mark}.end", opening=False)

    def set_up(self, step: Step) -> None:
        """Do one step without tracing it; raises as ``carry_out`` does."""
        try:
            perform(step, self)
        except TimeoutError as error:
            raise StepFailed(step, f"{error}; {self.stack.diagnose()}") from error

    def finish(self, name: str, left: Completed) -> RunResult:
        """Record how the run ``name`` ended, and keep its output in the cell's directory."""
        result = RunResult(
            status=left.status,
            stdout=left.stdout.decode(errors="replace"),
            stderr=left.stderr.decode(errors="replace"),
        )
        self.results[name] = result
        output = self.directory / "output"
        output.mkdir(exist_ok=True)
        (output / f"{name}.stdout").write_bytes(left.stdout)
        (output / f"{name}.stderr").write_bytes(left.stderr)
        with (self.directory / "commands.log").open("a") as log:
            log.write(f"# {name}: status {left.status}\n")
        return result

    def stop_background(self) -> None:
        """Kill what still runs; its output so far is kept, its status is not judged."""
        for name, process in self.background.items():
            if process.running:
                process.kill()
                (self.directory / "output").mkdir(exist_ok=True)
                left = process.snapshot()
                (self.directory / "output" / f"{name}.stdout").write_bytes(left.stdout)
                (self.directory / "output" / f"{name}.stderr").write_bytes(left.stderr)


@functools.singledispatch
def perform(step: Step, run: Execution) -> None:  # noqa: ARG001
    """Carry out one step; each verb registers its own function."""
    raise InfraError(f"{step.where}: this nvh cannot carry out {type(step).__name__}")


@perform.register
def _(step: Boot, run: Execution) -> None:
    run.stack.boot(step.level)
    run.observer.level_up()


@perform.register
def _(step: Run, run: Execution) -> None:
    with (run.directory / "commands.log").open("a") as log:
        log.write(f"{step.level} {step.name}{' &' if step.background else ''}: {step.command}\n")
    process = run.stack.start(step.level, step.command)
    process.close_stdin()
    if step.background:
        run.background[step.name] = process
        return
    try:
        left = run.stack.wait(process, step.timeout)
    except TimeoutError:
        process.kill()
        run.finish(step.name, process.snapshot())
        raise
    result = run.finish(step.name, left)
    if result.status != 0:
        run.unexpected.append((step, result))


@perform.register
def _(step: Copy, run: Execution) -> None:
    if step.to_level:
        data = (run.base / step.source).read_bytes()
        run.stack.put(step.level, data, step.target, step.timeout)
        if (run.base / step.source).stat().st_mode & 0o100:
            run.stack.run(step.level, f"chmod +x {shlex.quote(step.target)}", step.timeout)
        return
    data = run.stack.get(step.level, step.source, step.timeout)
    target = run.directory / "output" / Path(step.target).name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(data)


@perform.register
def _(step: Mark, run: Execution) -> None:
    run.observer.mark(step.name, opening=True)


@perform.register
def _(step: Mutate, run: Execution) -> None:
    # A fault that is not on must not pass for one that nothing noticed, nor its absence for a failure.
    done = run.stack.run(Level.L0, f"echo {step.mutant} >{MUTANT} && cat {MUTANT}", step.timeout)
    found = done.stdout.decode(errors="replace").strip().replace("_", "-")
    if done.status != 0 or found != step.mutant:
        raise InfraError(
            f"L0's kernel has no fault {step.mutant!r} to switch on; build it with series/mutants"
        )


@perform.register
def _(step: WaitFor, run: Execution) -> None:
    if step.process is not None:
        process = run.background[step.process]
        run.finish(step.process, run.stack.wait(process, step.timeout))
    elif step.console is not None and step.level is not None:
        _wait_console(step, step.level, step.console, run)
    elif step.output is not None and step.of is not None:
        pattern, process = re.compile(step.output, re.M), run.background[step.of]
        _poll(step, run, lambda: bool(pattern.search(process.snapshot().text)), f"output of {step.of}")
    elif step.command is not None and step.level is not None:
        level, command = step.level, step.command
        _poll(step, run, lambda: _succeeds(run, level, command, step.timeout), f"success of {command!r}")


def _wait_console(step: WaitFor, level: Level, pattern: str, run: Execution) -> None:
    expression = re.compile(pattern, re.M)
    console = run.stack.console(level)
    _poll(step, run, lambda: bool(expression.search(console.text)), f"{pattern!r} on {level}'s console")


def _succeeds(run: Execution, level: Level, command: str, timeout_s: float) -> bool:
    return run.stack.run(level, command, timeout_s).status == 0


def _poll(step: Step, run: Execution, happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + step.timeout * run.stack.slowdown
    while not happened():
        run.stack.check_alive()
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {step.timeout:.0f} s")
        run.stack.agent.pause(POLL_S)


def summary(left: RunResult) -> str:
    """Return the last lines of a failed run for a message."""
    text = (left.stderr.strip() or left.stdout.strip()).splitlines()
    return " | ".join(text[-3:])
