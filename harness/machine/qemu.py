# SPDX-License-Identifier: GPL-2.0-only
"""One QEMU process: command line, QMP, the sockets of its console and agent, and its end.

A machine is described by ``MachineSpec`` and started by ``Machine``; it knows nothing of nesting.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import QMPError, legacy

from harness.errors import Broken, InfraError, NvhError
from harness.machine import process
from harness.machine.console import Console

SOCKET_TIMEOUT_S = 20.0
QMP_TIMEOUT_S = 20.0
RAM = "ram"
MODEL_CRASH = "model-crash"
_T = TypeVar("_T")
CRASHES = frozenset({signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV})
"""Signals by which a program ends itself. SIGKILL, SIGTERM and the like come from outside."""
CPU = re.compile(r"^CPU#(\d+)", re.M)
PC = re.compile(r"\bPC=([0-9a-fA-F]+)")
EL = re.compile(r"\bEL([0-3])[ht]?\b")
REGISTER = re.compile(r"\b(?:X\d\d|SP)=([0-9a-fA-F]+)")


class ModelCrashed(Broken):
    """QEMU ended itself by a signal: an assertion of its own, or an access to memory that it has not."""


class GuestEnded(Broken):
    """L0 reset or powered off its machine: QEMU, started with ``-no-reboot``, ended with status 0."""


@dataclass(frozen=True, slots=True)
class CpuState:
    """Where a vCPU was: ``pc``, its exception level (None when QEMU did not say), its general registers."""

    pc: int
    el: int | None
    registers: tuple[int, ...]


def cpu_states(text: str) -> list[CpuState]:
    """Read what QEMU's monitor prints for ``info registers -a``: one state for each vCPU."""
    heads = [match.start() for match in CPU.finditer(text)] or [0]
    found = []
    for start, end in itertools.pairwise([*heads, len(text)]):
        part = text[start:end]
        pc, el = PC.search(part), EL.search(part)
        if pc:
            registers = tuple(int(value, 16) for value in REGISTER.findall(part))
            found.append(CpuState(int(pc[1], 16), int(el[1]) if el else None, registers))
    return found


@dataclass(frozen=True, slots=True)
class RamBacking:
    """What is the machine's RAM: an open file, which it writes, or a file that stays below private pages."""

    source: int | Path

    @property
    def path(self) -> str:
        """The path by which QEMU opens it."""
        return f"/proc/self/fd/{self.source}" if isinstance(self.source, int) else str(self.source)

    @property
    def inherited(self) -> tuple[int, ...]:
        """The descriptors that QEMU must inherit for that."""
        return (self.source,) if isinstance(self.source, int) else ()


@dataclass(frozen=True, slots=True)
class Plugin:
    """A TCG plugin that QEMU loads, with its own options; relative paths are from the machine's directory."""

    file: Path
    options: tuple[tuple[str, str], ...] = ()

    @property
    def argument(self) -> str:
        """The value of QEMU's option ``-plugin``."""
        return ",".join([escape(str(self.file)), *(f"{key}={escape(value)}" for key, value in self.options)])


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What to run. ``launcher`` is the QEMU command without options; ``flags`` the model's own options.

    ``turns``: L0's agent talks through semihosting instead of a virtio-serial port. ``incoming``: start
    stopped, without a kernel, and wait for a saved state. ``plugins`` are no part of that state.
    """

    launcher: tuple[str, ...]
    environment: Mapping[str, str]
    flags: tuple[str, ...]
    cpus: int
    memory_mib: int
    kernel: Path
    cmdline: str
    initrd: Path | None = None
    sandbox: bool = True
    turns: bool = False
    memory: RamBacking | None = None
    incoming: bool = False
    plugins: tuple[Plugin, ...] = ()
    extra: tuple[str, ...] = field(default=())


def arguments(spec: MachineSpec) -> list[str]:
    """Return QEMU's options for ``spec``; sockets are relative to the machine's directory."""
    words = [*spec.flags, "-smp", str(spec.cpus), "-m", f"{spec.memory_mib}M"]
    words += ["-display", "none", "-nodefaults", "-no-user-config", "-monitor", "none", "-no-reboot"]
    if spec.sandbox:
        words += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
    words += ["-chardev", "socket,id=console,path=console.sock,server=on,wait=off"]
    words += ["-serial", "chardev:console"]
    if spec.turns:
        words += ["-semihosting-config", "enable=on,target=native,userspace=on"]
    else:
        words += ["-chardev", "socket,id=agent,path=agent.sock,server=on,wait=off"]
        words += ["-device", "virtio-serial-device"]
        words += ["-device", "virtserialport,chardev=agent,name=nvh.agent"]
    words += ["-qmp", "unix:qmp.sock,server=on,wait=off"]
    for plugin in spec.plugins:
        words += ["-plugin", plugin.argument]
    words += ["-machine", f"memory-backend={RAM}", "-object", memory_option(spec.memory, spec.memory_mib)]
    if spec.incoming:
        words += ["-S", "-incoming", "defer"]
        words += ["-qtest", "unix:qtest.sock,server=on,wait=off", "-qtest-log", "none"]
        return [*words, *spec.extra]
    words += ["-kernel", str(spec.kernel), "-append", spec.cmdline]
    if spec.initrd:
        words += ["-initrd", str(spec.initrd)]
    return [*words, *spec.extra]


def memory_option(memory: RamBacking | None, size_mib: int) -> str:
    """Return the memory backend; a private mapping leaves its file as it is (QEMU man page).

    It always has the same name, by which a saved state finds its memory again.
    """
    if memory is None:
        return f"memory-backend-ram,id={RAM},size={size_mib}M"
    how = "share=on" if memory.inherited else "share=off,readonly=on,rom=off"
    return f"memory-backend-file,id={RAM},size={size_mib}M,mem-path={escape(memory.path)},{how}"


def escape(value: str) -> str:
    """Escape a value inside a comma-separated QEMU option (QEMU man page: commas are doubled)."""
    return value.replace(",", ",,")


class _Monitor(legacy.QEMUMonitorProtocol):
    """QMP with a deadline for everything: a QEMU whose main loop is stuck sends not even the greeting."""

    def _sync(self, future: Awaitable[_T], timeout: float | None = None) -> _T:
        return super()._sync(future, QMP_TIMEOUT_S if timeout is None else timeout)


class Machine:
    """A running QEMU in ``directory``; use as a context manager so that it always ends."""

    def __init__(self, spec: MachineSpec, directory: Path) -> None:
        self.spec = spec
        self.directory = directory
        self._log = directory / "qemu.log"
        self._qmp: _Monitor | None = None
        self._console: Console | None = None
        self.used = process.Use(0.0, 0)
        self.command = [*spec.launcher, *arguments(spec)]
        (directory / "qemu.sh").write_text(
            "#!/bin/sh\n# the model's exact command line, for use by hand in this directory\n"
            + "".join(f"export {k}={shlex.quote(v)}\n" for k, v in spec.environment.items())
            + f"exec {shlex.join(self.command)}\n"
        )
        with self._log.open("ab") as log:
            self._process: subprocess.Popen[bytes] = process.spawn(
                self.command,
                cwd=directory,
                env={**os.environ, **spec.environment},
                stdout=log,
                pass_fds=spec.memory.inherited if spec.memory else (),
            )

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of QEMU."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether QEMU has not ended."""
        return self._process.poll() is None

    def connect(self, name: str) -> socket.socket:
        """Connect to the socket ``name`` in the machine's directory; ``InfraError`` when QEMU died first."""
        end = time.monotonic() + SOCKET_TIMEOUT_S
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                # A relative path through /proc keeps within the 108 bytes of sun_path.
                descriptor = os.open(self.directory, os.O_PATH | os.O_DIRECTORY)
                try:
                    connection.connect(f"/proc/self/fd/{descriptor}/{name}")
                finally:
                    os.close(descriptor)
            except OSError as error:
                connection.close()
                if not self.running:
                    raise self.death() from error
                if time.monotonic() > end:
                    raise InfraError(f"QEMU did not open {name} within {SOCKET_TIMEOUT_S:.0f} s") from error
                time.sleep(0.02)
            else:
                return connection

    @property
    def console(self) -> Console:
        """L0's serial console, connected at first use and logged to ``l0.console.log``."""
        if self._console is None:
            self._console = Console(self.connect("console.sock"), self.directory / "l0.console.log")
        return self._console

    def listen(self) -> None:
        """Connect to the console, whose first words would be lost otherwise."""
        self.console  # noqa: B018 - connects at first use

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Execute a QMP command and return its result; ``InfraError`` when QEMU refuses or is gone."""
        try:
            if self._qmp is None:
                monitor = _Monitor(self.connect("qmp.sock"))
                monitor.settimeout(QMP_TIMEOUT_S)
                monitor.connect()
                self._qmp = monitor
            return self._qmp.cmd(command, **arguments)
        except (QMPError, OSError, EOFError, TimeoutError) as error:
            if not self.running:
                raise self.death() from error
            why = str(error) or f"no answer in {QMP_TIMEOUT_S:.0f} s"
            raise InfraError(f"QMP {command} failed: {why}") from error

    def cpus(self) -> list[CpuState]:
        """Return the state of each vCPU now; ``InfraError`` when the monitor does not answer."""
        return cpu_states(self.qmp("human-monitor-command", **{"command-line": "info registers -a"}))

    @property
    def work(self) -> process.CpuTime:
        """Host CPU time that QEMU has got so far, and wanted."""
        return process.work(self.pid)

    @property
    def killed(self) -> bool:
        """Whether QEMU has ended by a signal by which no model ends itself: somebody else's."""
        status = self._process.poll()
        return status is not None and status < 0 and -status not in CRASHES

    @property
    def ended_well(self) -> bool:
        """Whether QEMU has ended with status 0: the machine was powered off."""
        return self._process.poll() == 0

    def death(self) -> NvhError:
        """Return the error that tells how QEMU ended, with what it printed.

        By a signal of ``CRASHES``: ``ModelCrashed``. With status 0, which nobody asked for: ``GuestEnded``.
        In any other way, such as a signal from outside or a refused option: ``InfraError``.
        """
        status = self._process.wait()
        how = f"signal {-status}" if status < 0 else f"status {status}"
        output = self._log.read_text(errors="replace")[-4000:]
        words = output.strip() or "it printed nothing"
        if -status in CRASHES:
            last = words.splitlines()[-1]
            cause = f"the model crashed: QEMU ended with {how} ({signal.Signals(-status).name}): {last}"
            return ModelCrashed(cause, output, kind="level", name=MODEL_CRASH)
        if status == 0:
            cause = "L0 reset or powered off its machine, and QEMU ended with status 0"
            return GuestEnded(cause, output, kind="level", name="level-l0")
        return InfraError(f"QEMU ended with {how}: {words}", output)

    def close(self) -> None:
        """End QEMU and close every connection; ``used`` then says what it took. Safe to call twice.

        It is killed: it has nothing to save, and cannot listen while its vCPU waits for a turn of ours.
        """
        if self.running:
            self.used = process.use(self.pid)
        process.kill(self._process)
        if self._qmp is not None:
            with contextlib.suppress(Exception):
                self._qmp.close()
            self._qmp = None
        if self._console is not None:
            self._console.close()
        for path in self.directory.glob("*.sock"):
            path.unlink(missing_ok=True)
