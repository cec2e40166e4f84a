"""The nested stack as one object: L0 in the model, L1 by a VMM at L0, L2 by a VMM at L1."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import InfraError
from harness.level import Level
from harness.machine.console import Console
from harness.machine.process import Use
from harness.machine.qemu import Machine, MachineSpec, Memory, Plugin
from harness.scenario.model import StackSpec
from harness.stack import vmm
from harness.stack.agent import Agent, ChannelClosed
from harness.stack.images import StackImages
from harness.stack.link import Link, SocketLink, TurnLink
from harness.stack.process import Completed, Process

BOOT_DEADLINE_S = {Level.L0: 120.0, Level.L1: 240.0, Level.L2: 480.0}
PREPARE_DEADLINE_S = 60.0
WATCH_S = 2.0
EXPLAIN_S = 3.0
IDLE_CPU = 0.03
NOT_ANSWERED = (2, 127)  # an nvh-kvm without --caps, or none
IDLE_SAMPLES = 5
RESTING_TURNS = 50  # L0's time runs five times as fast as the host's when nobody has anything to execute
IDLE_TURNS = 6000  # ten minutes of L0's time in which nothing came


class LevelFailed(InfraError):
    """A level did not come up, or went away: QEMU died, its VMM ended, or it hangs."""

    def __init__(self, level: Level, message: str, output: str = "") -> None:
        super().__init__(f"{level}: {message}", output)
        self.level = level


class Stack:
    """A stack in ``directory``. ``slowdown`` multiplies every deadline given to its methods.

    ``ram``: an open file to be L0's memory, so that the stack can be saved. ``plugins`` watch the model. Use
    as a context manager: leaving it ends every process it started.
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
    ) -> None:
        self.plugins = plugins
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
        self.booted: Level | None = None

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
        """Bring up every level up to ``level``; ``LevelFailed`` says which did not come and why."""
        for step in Level:
            if step <= level and (self.booted is None or step > self.booted):
                self._stage(f"boot {step}")
                if step is Level.L0:
                    memory = None if self.ram is None else Memory(self.ram)
                    self.start_machine(dataclasses.replace(self.machine_spec, memory=memory))
                else:
                    if step is Level.L1:
                        self._require_virtual_el2()
                    self._start_vmm(step)
                self._await_agent(step)
                self._prepare(step)
                self.booted = step

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed:
        """Run a shell command at ``level`` and kill it when the deadline passes (``TimeoutError``)."""
        process = self.start(level, command)
        process.send(stdin)
        process.close_stdin()
        try:
            return self.wait(process, timeout_s)
        except TimeoutError:
            process.kill()
            raise

    def wait(self, process: Process, timeout_s: float) -> Completed:
        """Wait for a command, but notice at once when the machine or a VMM on the way to it ends."""
        end = time.monotonic() + timeout_s * self.slowdown
        while True:
            left = end - time.monotonic()
            try:
                return process.wait(min(WATCH_S, max(left, 0.0)))
            except InfraError:
                self._explain()
                raise
            except TimeoutError:
                if left <= 0:
                    late = f"{process.command!r} at {process.level} still runs after {timeout_s:.0f} s"
                    raise TimeoutError(late) from None
                self.check_alive()

    def start(self, level: Level, command: str) -> Process:
        """Start a shell command at ``level`` and return at once."""
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
        """Tell a hang from a slow machine: CPU use, whether program counters move, who still answers."""
        if self._machine is None or not self._machine.running:
            return "QEMU is not running"
        turns = self.agent.idle_turns
        with self.agent.running_freely():
            use, counters = self._machine.activity(1.0)
            turns = self.agent.idle_turns - turns
        if use < IDLE_CPU or turns > RESTING_TURNS:
            kind = "hung: every CPU of the machine is idle"
        elif not counters:
            kind = "hung: QEMU's monitor does not answer either"
        elif counters <= self._machine.spec.cpus:
            kind = "hung: every CPU of the machine spins at one address"
        else:
            kind = "busy: its CPUs execute code, so it is slow or loops"
        words = [f"the machine is {kind} (host CPU use {use:.0%}, {counters} addresses seen)"]
        for level, console in self._consoles.items():
            words.append(f"{level}'s console has been silent for {console.silence_s:.0f} s")
        for level in self._consoles:
            words.append(f"{level}'s agent {'answers' if self.answers(level) else 'does not answer'}")
        return "; ".join(words)

    def at_rest(self) -> bool:
        """Whether nothing was heard of L0 for a while and the machine executes nothing."""
        silent = time.monotonic() - self.agent.heard > WATCH_S
        return silent and self.machine.cpu_use(0.3) < IDLE_CPU

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

    def check_alive(self) -> None:
        """Raise ``InfraError`` when QEMU has ended, ``VmmEnded`` when the VMM of a level has."""
        if not self.machine.running:
            raise self.machine.death()
        for level, process in self.vmms.items():
            if not process.running:
                self._vmm_ended(level, process)

    def _explain(self) -> None:
        """Raise what broke a command, if that is the end of QEMU or a VMM, which shows a little later."""
        end = time.monotonic() + EXPLAIN_S
        with self.agent.running_freely():
            while time.monotonic() < end:
                self.check_alive()
                time.sleep(0.05)

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
        return dataclasses.replace(self.images.machine(self.spec, self.seed), plugins=self.plugins)

    @property
    def waited_s(self) -> float:
        """Seconds that the machine stood still for the harness."""
        return self._agent.frozen_s if self._agent else 0.0

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

    def _open_console(self, level: Level) -> Callable[[bytes], None]:
        harness_end, console_end = socket.socketpair()
        self._feeds.append(harness_end)
        self._consoles[level] = Console(console_end, self.directory / f"{level}.console.log")
        return harness_end.sendall

    def _require_virtual_el2(self) -> None:
        """Refuse a kernel that cannot run L1 as a hypervisor, before L1 would wait for its deadline.

        KVM_CAP_ARM_EL2 is offered with FEAT_NV2 and kvm-arm.mode=nested only. A root file system without
        nvh-kvm says nothing; the VMM then fails by itself.
        """
        done = self.run(Level.L0, "nvh-kvm --caps", PREPARE_DEADLINE_S)
        words = (done.stdout + done.stderr).decode(errors="replace").strip()
        if done.status == 0 and "arm_el2=1" in words:
            return
        if done.status in NOT_ANSWERED:
            return
        log = self.run(Level.L0, "dmesg | grep 'kvm \\[' | tail -n 3", PREPARE_DEADLINE_S).text.strip()
        raise LevelFailed(
            Level.L0,
            f"this kernel's KVM offers no virtual EL2 ({words}), so it cannot run L1 as a hypervisor. "
            "Use a kernel with the nested-virtualisation series (v6.16 or later has it), and leave "
            f"kvm-arm.mode=nested on its command line. Its log says: {log or 'nothing about KVM'}",
        )

    def _start_vmm(self, level: Level) -> None:
        below = Level(level - 1)
        sink = self._open_console(level)
        command = vmm.vmm_command(level, self.spec.levels[level], self.images.has_initramfs(level))
        (self.directory / f"{level}.vmm.sh").write_text(f"#!/bin/sh\n# runs at {below}\n{command}\n")
        self.vmms[level] = self.agent.start(below, command, sink)

    def _await_agent(self, level: Level) -> None:
        """Wait for the agent, but notice at once when what runs the level ends or the machine idles."""
        idle = 0

        def watch() -> bool:
            nonlocal idle
            self.check_alive()
            if self.agent.idle_turns > IDLE_TURNS:
                return False
            idle = idle + 1 if self.at_rest() else 0
            return idle < IDLE_SAMPLES

        try:
            if self.agent.wait_ready(level, BOOT_DEADLINE_S[level] * self.slowdown, watch):
                return
        except ChannelClosed:
            self._explain()
            raise
        raise LevelFailed(level, f"did not come up: {self.diagnose()}", self.console(level).text[-4000:])

    def _vmm_ended(self, level: Level, process: Process) -> None:
        left = process.snapshot()
        words = left.stderr.decode(errors="replace").strip()
        output = f"{words}\n{self.console(level).text[-4000:]}"
        raise VmmEnded(
            level, f"its VMM at {Level(level - 1)} ended with status {left.status}: {words}", output
        )

    def _prepare(self, level: Level) -> None:
        done = self.run(level, vmm.prepare_script(level), PREPARE_DEADLINE_S)
        if done.status != 0:
            words = done.stderr.decode(errors="replace").strip()
            raise LevelFailed(level, f"cannot be prepared: {words}", words)


class VmmEnded(LevelFailed):
    """The VMM that ran a level has ended."""
