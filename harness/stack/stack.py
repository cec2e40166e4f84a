# SPDX-License-Identifier: GPL-2.0-only
"""The nested stack as one object: L0 in the model, L1 by a VMM at L0, L2 by a VMM at L1."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.errors import Broken, InfraError, NvhError
from harness.level import Level
from harness.machine.console import Console
from harness.machine.process import CpuTime, Use
from harness.machine.qemu import CpuState, Machine, MachineSpec, ModelCrashed, Plugin, RamBacking
from harness.scenario.language import StackSpec
from harness.stack import boot, looking, vmm
from harness.stack.agent import Agent, Pong
from harness.stack.broken import (
    BOOT,
    CONSOLE_END,
    LEVEL,
    VMM_END,
    LevelBroken,
    LevelFailed,
    blames_the_kernel,
)
from harness.stack.diagnosis import describe, rests
from harness.stack.images import StackImages
from harness.stack.level_command import ChannelClosed, Completed, Process, is_relayed, last_words
from harness.stack.link import Link, SocketLink, TurnLink
from harness.stack.patience import NEEDS, BootNeed

WATCH_S = 2.0
EXPLAIN_S = 3.0
"""Seconds that a machine rests after which no end of a VMM will show any more."""
EXPLAIN_TURNS = 50
EXPLAIN_CPU_S = 15.0
EXPLAIN_MOST_S = 90.0
"""What a VMM takes at most from the end of its socket to its own: L0 tears down a VM and its shadows."""
DRAIN_S = 0.2
RESTING_TURNS = 50  # a second: L0's time runs five times as fast as the host's when nobody has anything to do
SPLAT_S = 2.0
"""How long the lines of a kernel that just died are waited for, in seconds of an unburdened host."""
Alarm = Callable[[str], str]
"""Says what in a console's text ended a kernel; empty when nothing did."""
Whereabouts = Callable[["Stack", Level], Sequence[int]]
"""Tells at which addresses the code of a level above L0 is executed now, as far as it can."""


class Stack:
    """A stack in ``directory``. ``slowdown`` multiplies every deadline given to its methods.

    ``ram``: an open file to be L0's memory, so that the stack can be saved. ``plugins`` watch the model.
    ``until``, a monotonic time, bounds every wait for a command or a boot together: the cell's deadline.
    ``whereabouts`` tells a level that loops at boot from one that is slow; without, its silence does.
    ``needs`` says what the levels' boots take where they come up; ``took`` what they took here. ``alarm`` is
    shown what the consoles print, while anything is waited for. Use as a context manager: leaving it ends
    every process it started.
    """

    def __init__(
        self,
        images: StackImages,
        spec: StackSpec,
        directory: Path,
        stage: Callable[[str], None] = lambda _: None,
        slowdown: float | None = None,
        ram: int | None = None,
        seed: int | None = None,
        plugins: tuple[Plugin, ...] = (),
        whereabouts: Whereabouts | None = None,
        needs: Mapping[Level, BootNeed] = NEEDS,
        alarm: Alarm | None = None,
    ) -> None:
        self._alarm = alarm
        self._listened: dict[Level, int] = {}
        self.needs = needs
        self.took: dict[Level, BootNeed] = {}
        self.plugins = plugins
        self.whereabouts = whereabouts
        self.images = images
        self.spec = spec
        self.directory = directory
        self.slowdown = spec.slowdown(images.model.spec.slowdown) if slowdown is None else slowdown
        self.ram = ram
        self.seed = seed
        self.started: float | None = None
        self.kick: int | None = None
        self._stage = stage
        self._machine: Machine | None = None
        self._agent: Agent | None = None
        self._consoles: dict[Level, Console] = {}
        self.vmms: dict[Level, Process] = {}
        self._feeds: list[socket.socket] = []
        self._sinks: dict[Level, Callable[[bytes], None]] = {}
        self.generation: dict[Level, int] = {}
        self.booted: Level | None = None
        self.booting: Level | None = None
        self.until: float | None = None

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def machine(self) -> Machine:
        """The machine that runs L0; only after L0 was booted."""
        if self._machine is None:
            raise InfraError("no level has been booted")
        return self._machine

    @property
    def agent(self) -> Agent:
        """The channel to the agents; only after L0 was booted."""
        if self._agent is None:
            raise InfraError("no level has been booted")
        return self._agent

    def console(self, level: Level) -> Console:
        """The serial console of ``level``; ``InfraError`` when the level was never started."""
        try:
            return self._consoles[level]
        except KeyError:
            raise InfraError(f"{level} was never started, so it has no console") from None

    def consoles(self) -> dict[Level, str]:
        """What each started level has printed."""
        return {level: console.text for level, console in self._consoles.items()}

    def boot(self, level: Level) -> None:
        """Bring up every level up to ``level``; ``LevelBroken`` says which did not come and why.

        ``InfraError`` when that is nvh's or the host's fault.
        """
        for step in Level:
            if step <= level and (self.booted is None or step > self.booted):
                self._stage(f"boot {step}")
                self.booting = step
                try:
                    self._bring_up(step)
                except TimeoutError as error:
                    raise self.hung(step, str(error)) from error
                self.booted, self.booting = step, None

    def _bring_up(self, level: Level) -> None:
        if level is Level.L0:
            memory = None if self.ram is None else RamBacking(self.ram)
            self.start_machine(dataclasses.replace(self.machine_spec, memory=memory))
        else:
            if level is Level.L1:
                boot.require_virtual_el2(self)
            self._start_vmm(level)
        boot.await_agent(self, level)
        boot.prepare(self, level)

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed:
        """Run a shell command at ``level`` and kill it when the deadline passes (``TimeoutError``)."""
        process = self.start(level, command)
        with self.explained(level):
            process.send(stdin)
            process.close_stdin()
        try:
            return self.wait(process, timeout_s)
        except TimeoutError:
            with contextlib.suppress(InfraError):  # the link may have gone meanwhile
                process.kill()
            raise

    def end_of(self, timeout_s: float) -> tuple[float, str]:
        """When a wait of ``timeout_s`` ends that begins now, in monotonic time, and words that say so."""
        end = time.monotonic() + timeout_s * self.slowdown
        if self.until is not None and self.until < end:
            return self.until, "the cell's deadline"
        return end, f"{timeout_s * self.slowdown:.0f} s"

    def wait(self, process: Process, timeout_s: float) -> Completed:
        """Wait for a command, but notice at once when the machine or a VMM on the way to it ends."""
        end, limit = self.end_of(timeout_s)
        while True:
            left = end - time.monotonic()
            try:
                with self.explained(process.level):
                    return process.wait(min(WATCH_S, max(left, 0.0)))
            except TimeoutError:
                if left <= 0:
                    late = f"still runs after {limit}"
                    said = last_words(process.snapshot())
                    raise TimeoutError(f"{process.command!r} at {process.level} {late}; {said}") from None
                self.check_alive()

    def ping(self, level: Level, timeout_s: float) -> Pong:
        """Return the clocks of the agent at ``level``; ``TimeoutError`` when it does not answer in time."""
        with self.explained(level):
            return self.agent.ping(level, timeout_s * self.slowdown)

    def start(self, level: Level, command: str) -> Process:
        """Start a shell command at ``level`` and return at once."""
        with self.explained(level):
            return self.agent.start(level, command)

    def put(self, level: Level, data: bytes, path: str, timeout_s: float) -> None:
        """Write ``data`` to the file ``path`` at ``level``."""
        done = self.run(level, f"cat >{shlex.quote(path)}", timeout_s, data)
        if done.status != 0:
            raise LevelFailed(level, f"cannot write {path}: {done.stderr.decode(errors='replace').strip()}")

    def get(self, level: Level, path: str, timeout_s: float) -> bytes:
        """Return the content of the file ``path`` at ``level``."""
        done = self.run(level, f"cat {shlex.quote(path)}", timeout_s)
        if done.status != 0:
            raise LevelFailed(level, f"cannot read {path}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def diagnose(self) -> str:
        """Tell a hang from a slow machine: what moves while model time goes on, and who still answers."""
        if self._machine is None or not self._machine.running:
            return "QEMU is not running"
        words = [f"the machine is {describe(looking.activity(self.machine, self.agent), RESTING_TURNS)}"]
        for level, console in self._consoles.items():
            words.append(f"{level}'s console has been silent for {console.silence_s:.0f} s")
        for level in self._consoles:
            words.append(f"{level}'s agent {'answers' if self.answers(level) else 'does not answer'}")
        return "; ".join(words)

    def at_rest(self) -> bool:
        """Whether nothing was heard of L0 for a while and the machine wants to execute nothing."""
        return time.monotonic() - self.agent.heard > WATCH_S and looking.at_rest(self.machine)

    def executing(self) -> list[CpuState]:
        """Where the machine's vCPUs are now; empty when it has ended or its monitor does not answer."""
        if self._machine is None or not self._machine.running:
            return []
        with self.agent.running_freely(), contextlib.suppress(NvhError):
            return self._machine.cpus()
        return []

    def places(self, level: Level) -> Sequence[int]:
        """Addresses of the level's code that is executed now, as far as known: L0 has EL2 to itself."""
        if level is Level.L0:
            return [state.pc for state in self.executing() if state.el == 2]
        return self.whereabouts(self, level) if self.whereabouts else ()

    @contextlib.contextmanager
    def halted(self) -> Iterator[None]:
        """Stop the machine's vCPUs meanwhile; ``InfraError`` when QEMU refuses or is gone."""
        with self.agent.running_freely():
            self.machine.qmp("stop")
            try:
                yield
            finally:
                self.machine.qmp("cont")

    def answers(self, level: Level, timeout_s: float = 3.0) -> bool:
        """Whether the agent of ``level`` answers a ping in time."""
        try:
            self.agent.ping(level, timeout_s * self.slowdown)
        except (TimeoutError, InfraError):
            return False
        return True

    def comes_back(self, level: Level, timeout_s: float) -> bool:
        """Whether the agent of ``level`` answers in time, however often the way to it fails before."""
        return self.agent.wait_ready(level, timeout_s * self.slowdown)

    def check_alive(self) -> None:
        """Raise ``LevelBroken`` or ``InfraError`` when QEMU, the VMM of a level or a kernel has ended.

        A kernel's death is raised once: what can still be had of its level may be asked for afterwards.
        """
        if not self.machine.running:
            raise self.told(self.machine.death())
        self._listen()
        for level, process in self.vmms.items():
            if process.error is None and not process.running:
                self._vmm_ended(level, process)
            elif process.refused:
                raise LevelFailed(level, f"its VMM at {process.level} was not started: {process.error}")

    def _listen(self) -> None:
        """Raise ``LevelBroken`` when a console shows since the last call that its level's kernel died."""
        if self._alarm is None:
            return
        for level, console in self._consoles.items():
            start, text = self._listened.get(level, 0), console.text
            if not self._alarm(text[start:]):
                self._listened[level] = text.rfind("\n") + 1
                continue
            with self.agent.running_freely():  # the rest of its words names the function
                time.sleep(SPLAT_S * self.slowdown)
            said = console.text
            self._listened[level] = len(said)
            raise self.broken(level, f"its kernel died: {self._alarm(said[start:])}")

    def check(self) -> None:
        """``check_alive``, and raise what it means when the link to L0's agent has gone."""
        self.check_alive()
        if (gone := self.agent.closed) is not None:
            with self.explained(Level.L0):
                raise gone

    def told(self, error: NvhError) -> NvhError:
        """Return ``error`` in terms of levels, where the machine could not: it knows of no nesting."""
        if not isinstance(error, Broken) or isinstance(error, LevelBroken):
            return error
        if isinstance(error, ModelCrashed):
            error.kind = LEVEL if self.booting is None else BOOT
            return error
        cause = str(error)
        if died := self._last_alarm(Level.L0):
            cause = f"its kernel died: {died}; {cause}"
        return self.broken(Level.L0, cause, error.output)

    def _last_alarm(self, level: Level) -> str | None:
        """What killed the kernel of ``level`` by its console, which nobody read before QEMU ended."""
        if self._alarm is None or level not in self._consoles:
            return None
        time.sleep(DRAIN_S)
        return self._alarm(self._consoles[level].text[self._listened.get(level, 0) :])

    def broken(self, level: Level, cause: str, model: str = "") -> LevelBroken:
        """Return an error about a level, with what it and its VMM (or the ``model``) printed last."""
        time.sleep(DRAIN_S)  # what came before the end may be on its way to the console's thread
        vmm_said = self.vmms[level].snapshot().stderr.decode(errors="replace") if level in self.vmms else ""
        console = self._consoles[level].text if level in self._consoles else ""
        said = ((model or vmm_said)[-VMM_END:].strip(), console[-CONSOLE_END:].strip())
        booting = self.booting is not None and level >= self.booting
        return LevelBroken(level, cause, "\n".join(each for each in said if each), booting=booting)

    def hung(self, level: Level, cause: str = "it does not answer any more") -> LevelBroken:
        """Return the error that says so of a level, with what the machine does."""
        return self.broken(level, f"{cause}; {self.diagnose()}")

    @contextlib.contextmanager
    def explained(self, level: Level) -> Iterator[None]:
        """Raise what an error of the link to ``level`` means: the end of QEMU, of a VMM, or of an agent."""
        try:
            yield
        except InfraError as error:
            self._await_an_end()
            if isinstance(error, ChannelClosed):
                raise self.broken(Level.L0, f"its agent has gone, the model runs on: {error}") from error
            if is_relayed(error):
                raise self.broken(level, f"its agent has gone, its VMM runs on: {error}") from error
            raise

    def _await_an_end(self) -> None:
        """Raise the end of QEMU or of a VMM; it shows a little later than that of the link, in model time."""
        turns, work, began = self.agent.turns, self.machine.work, time.monotonic()
        rested, before, at = began, work, began
        with self.agent.running_freely():
            while True:
                self.check_alive()
                time.sleep(0.05)
                now, spent = time.monotonic(), self.machine.work
                if now - at >= EXPLAIN_S / 6:
                    rested = rested if rests(spent - before, now - at) else now
                    before, at = spent, now
                if (
                    now - rested >= EXPLAIN_S
                    or self.agent.turns - turns >= EXPLAIN_TURNS
                    or (spent - work).got >= EXPLAIN_CPU_S * self.slowdown
                    or now - began >= EXPLAIN_MOST_S
                ):
                    self.check_alive()  # an idle machine takes all those turns within one sleep
                    return

    def close(self) -> None:
        """End the machine and everything inside it. Safe to call twice."""
        if self._machine is not None:
            self._machine.close()
        if self._agent is not None:
            self._agent.close()
        for feed in self._feeds:
            feed.close()
        for level, console in self._consoles.items():
            if level is not Level.L0:  # L0's belongs to the machine
                console.close()

    @property
    def machine_spec(self) -> MachineSpec:
        """The machine that runs L0, with memory of its own."""
        spec = self.images.machine(self.spec, self.seed)
        return dataclasses.replace(spec, plugins=(*spec.plugins, *self.plugins))

    @property
    def waited_s(self) -> float:
        """Seconds that the machine stood still for the harness."""
        return self._agent.frozen_s if self._agent else 0.0

    @property
    def spent(self) -> CpuTime:
        """CPU time of the machine so far, got and wanted; nothing where there is none."""
        return self._machine.work if self._machine else CpuTime(0.0, 0.0)

    @property
    def used(self) -> Use:
        """What the machine took; known when it has been closed."""
        return self._machine.used if self._machine else Use(0.0, 0)

    def start_machine(self, spec: MachineSpec) -> None:
        """Start QEMU and listen to its console and to L0's agent."""
        turns = TurnLink(self.directory) if spec.turns else None
        self.started = time.monotonic()
        self._machine = Machine(spec, self.directory)
        self._consoles[Level.L0] = self._machine.console
        link: Link = turns or SocketLink(self._machine.connect("agent.sock"))
        self._agent = Agent(link)

    def attach(self, level: Level, channel: int) -> None:
        """Take over the VMM of ``level``, which runs on ``channel`` in a restored machine."""
        sink = self._open_console(level)
        command = vmm.vmm_command(level, self.spec.levels[level], self.images.has_initramfs(level))
        self.vmms[level] = self.agent.attach(channel, Level(level - 1), command, sink)

    def next_vmm(self, level: Level, incoming: str) -> Process:
        """Start another VMM of ``level``, which takes the state of the one before from ``incoming``."""
        self.generation[level] = number = self.generation.get(level, 0) + 1
        initramfs = self.images.has_initramfs(level)
        command = vmm.vmm_command(level, self.spec.levels[level], initramfs, number, incoming)
        (self.directory / f"{level}.vmm-{number}.sh").write_text(f"#!/bin/sh\n# runs at L0\n{command}\n")
        return self.agent.start(Level(level - 1), command, self._sinks[level])

    def _open_console(self, level: Level) -> Callable[[bytes], None]:
        harness_end, console_end = socket.socketpair()
        self._feeds.append(harness_end)
        self._consoles[level] = Console(console_end, self.directory / f"{level}.console.log")
        self._sinks[level] = harness_end.sendall
        return harness_end.sendall

    def _start_vmm(self, level: Level) -> None:
        below = Level(level - 1)
        sink = self._open_console(level)
        command = vmm.vmm_command(level, self.spec.levels[level], self.images.has_initramfs(level))
        (self.directory / f"{level}.vmm.sh").write_text(f"#!/bin/sh\n# runs at {below}\n{command}\n")
        self.vmms[level] = self.agent.start(below, command, sink)

    def _vmm_ended(self, level: Level, process: Process) -> None:
        left = process.snapshot()
        words = left.stderr.decode(errors="replace").strip()
        cause = f"its VMM at {Level(level - 1)} ended with status {left.status}: "
        if blames_the_kernel(left.status):
            silent = "it reset or powered off" if left.status == 0 else "it said nothing"
            cause += words.partition("\n")[0] or silent
            raise self.broken(level, cause)
        output = f"{words}\n{self.console(level).text[-CONSOLE_END:]}"
        raise LevelFailed(level, cause + words, output)
