# SPDX-License-Identifier: GPL-2.0-only
"""A stack that answers from a script: the few verbs that steps, observation and attempts use."""

from __future__ import annotations

import contextlib
import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from harness.errors import InfraError, NvhError
from harness.level import Level
from harness.machine.process import CpuTime
from harness.machine.qemu import CpuState
from harness.stack.agent import Pong
from harness.stack.broken import LevelBroken
from harness.stack.level_command import Completed, Process, last_words
from harness.stack.stack import Stack
from harness.stack.wire import Frame, Type

KILLED = 256 + 9


@dataclass(frozen=True)
class Answer:
    """What a command leaves. ``status`` None: it goes on until it is killed; ``error``: it is refused.

    ``silent``: the level says nothing any more once this was asked, and ``dies``: it is broken by it.
    """

    stdout: str = ""
    status: int | None = 0
    stderr: str = ""
    error: str = ""
    silent: bool = False
    dies: NvhError | None = None


@dataclass
class FakeConsole:
    text: str = ""
    silence_s: float = 1.0


@dataclass
class FakeStack:
    """``script``: answers by an expression that the command matches, for any level; the first one counts.

    ``boots``: what a level's boot raises. ``deaf``: the lowest level that does not say that it lives.
    ``slowdown`` is 2, so that scaled and unscaled times differ.
    """

    script: Mapping[str, Answer] = field(default_factory=dict)
    boots: Mapping[Level, NvhError] = field(default_factory=dict)
    printed: dict[Level, str] = field(default_factory=dict)
    slowdown: float = 2.0
    spent: CpuTime = field(default_factory=lambda: CpuTime(100.0, 100.0))
    booted: Level | None = None
    booting: Level | None = None
    until: float | None = None
    silent: set[Level] = field(default_factory=set)
    deaf: Level | None = None
    dead: NvhError | None = None
    asked: list[tuple[Level, str]] = field(default_factory=list)
    waits: int = 0
    closed: InfraError | None = None
    cpus: list[CpuState] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    during_boot: Callable[[Level], None] = lambda _: None
    processes: dict[int, Process] = field(default_factory=dict)
    fed: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def as_stack(self) -> Stack:
        """What takes a ``Stack``."""
        return cast(Stack, self)

    @property
    def agent(self) -> FakeStack:
        return self

    @property
    def idle_turns(self) -> int:
        return 0

    def pause(self, seconds: float) -> None:  # noqa: ARG002
        self.waits += 1

    def boot(self, level: Level) -> None:
        for step in Level:
            if step <= level and (self.booted is None or step > self.booted):
                self.booting = step
                self.printed.setdefault(step, "")
                self.during_boot(step)
                if step in self.boots:
                    raise self.boots[step]
                self.booted, self.booting = step, None

    def start(self, level: Level, command: str) -> Process:
        self.asked.append((level, command))
        self.check_alive()
        answer = next((a for wanted, a in self.script.items() if re.search(wanted, command)), Answer())
        process = Process(self, len(self.asked), level, command, None)
        for kind, text in ((Type.STDOUT, answer.stdout), (Type.STDERR, answer.stderr)):
            process.deliver(Frame(0, kind, process.channel, text.encode()))
        if answer.error:
            process.deliver(Frame(0, Type.ERROR, process.channel, answer.error.encode()))
        elif answer.dies:
            self.dead = answer.dies
        elif answer.silent:
            self.silent |= {each for each in Level if each >= level}
        elif answer.status is not None and not self.is_silent(level):
            process.deliver(Frame(0, Type.EXIT, process.channel, struct.pack("<i", answer.status)))
        self.processes[process.channel] = process
        return process

    def post(self, level: Level, kind: Type, channel: int, payload: bytes = b"") -> None:
        """The agent's side of a process: a signal ends it, unless its level is silent."""
        process = self.processes.get(channel)
        if kind is Type.STDIN:
            command = self.asked[channel - 1][1]
            self.fed.setdefault(command, []).append(payload)
            return
        assert process is not None
        if kind is Type.KILL and process.running and not self.is_silent(level):
            process.deliver(Frame(0, Type.EXIT, channel, struct.pack("<i", KILLED)))

    def wait_for(self, happened: Callable[[], bool], timeout_s: float) -> bool:  # noqa: ARG002
        return happened()

    def end_of(self, timeout_s: float) -> tuple[float, str]:
        end = self.clock() + timeout_s * self.slowdown  # the clock that a test may turn
        if self.until is not None and self.until < end:
            return self.until, "the cell's deadline"
        return end, f"{timeout_s * self.slowdown:.0f} s"

    def wait(self, process: Process, timeout_s: float) -> Completed:
        self.check_alive()
        if process.running:
            late = f"still runs after {self.end_of(timeout_s)[1]}; {last_words(process.snapshot())}"
            raise TimeoutError(f"{process.command!r} at {process.level} {late}")
        return process.wait(0)

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed:  # noqa: ARG002
        return self.wait(self.start(level, command), timeout_s)

    def ping(self, level: Level, timeout_s: float) -> Pong:
        self.check_alive()
        if self.is_silent(level):
            raise TimeoutError(f"the agent at {level} did not answer in {timeout_s:.0f} s")
        return Pong(len(self.asked), 0)

    def answers(self, level: Level, timeout_s: float = 3.0) -> bool:  # noqa: ARG002
        return self.dead is None and not self.is_silent(level) and (self.deaf is None or level < self.deaf)

    def is_silent(self, level: Level) -> bool:
        return any(each <= level for each in self.silent)

    def check_alive(self) -> None:
        if self.dead is not None:
            raise self.dead

    check = check_alive

    def told(self, error: NvhError) -> NvhError:
        return error

    def hung(self, level: Level, cause: str = "it does not answer any more") -> LevelBroken:
        return LevelBroken(level, f"{cause}; {self.diagnose()}", self.printed[level])

    def diagnose(self) -> str:
        return "the machine is fake"

    def executing(self) -> list[CpuState]:
        return self.cpus

    def console(self, level: Level) -> FakeConsole:
        return FakeConsole(self.printed[level])

    def consoles(self) -> dict[Level, str]:
        return dict(self.printed)

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        yield

    @property
    def images(self) -> FakeStack:
        return self

    @property
    def kernels(self) -> dict[Level, Path]:
        return {}
