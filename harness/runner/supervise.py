# SPDX-License-Identifier: GPL-2.0-only
"""One cell's process from its start to its end, for this machine's runner and for the workers of the farm."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.machine import process as processes

GRACE_S = 30.0
"""Seconds that a cell has to end once it is asked to, and that one may take beyond its deadline."""
TICK_S = 0.2
LOG = "cell.log"
EXECUTE = (sys.executable, "-m", "harness.attempt.execute")
WORDS = 5
"""Lines of a cell's log that a reason quotes."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cell's process ended: its ``status`` (minus a signal's number), and whether that was our doing.

    ``cancelled``: it was told to end. ``late``: its deadline had passed. ``peak_mib`` and ``cpu_seconds`` are
    what it and its children took.
    """

    status: int
    cancelled: bool
    late: bool
    peak_mib: float
    cpu_seconds: float

    def why(self, directory: Path) -> str:
        """Return why it left no result, with the last lines of its log."""
        if self.cancelled:
            return "cancelled"
        words = " | ".join((directory / LOG).read_text(errors="replace").strip().splitlines()[-WORDS:])
        if self.late:
            return f"the cell did not end within its deadline: {words}"
        how = f"signal {-self.status}" if self.status < 0 else f"status {self.status}"
        return f"the cell's process ended with {how} and left no result: {words}"


def supervise(
    directory: Path,
    deadline_s: float,
    cancel: threading.Event,
    say: Say,
    command: Sequence[str] = EXECUTE,
    hear: Say = lambda _: None,
) -> Ended:
    """Run ``command DIRECTORY`` until it has ended, or must: after ``deadline_s`` seconds, or on ``cancel``.

    It gets SIGTERM, and SIGKILL after ``GRACE_S`` seconds; nothing of its process group remains. ``say``
    receives the stages that it prints, ``hear`` what its runs print (``nvh run --live``). Call it from a
    thread that lives as long: the process dies with the thread that started it.
    """
    reading, writing = os.pipe()
    with (
        (directory / LOG).open("wb") as log,
        os.fdopen(writing, "wb") as out,
        os.fdopen(reading, "rb") as stages,
    ):
        process = processes.spawn(
            [*command, str(directory.absolute())], env=dict(os.environ), stdout=out, stderr=log
        )
        out.close()
        try:
            return _Watch(process, deadline_s, cancel).wait(stages.fileno(), {"stage": say, "said": hear})
        except BaseException:  # of ``say``
            processes.kill(process)
            raise


class _Stages:
    """The stages and words that a process prints, a line each, from its end of a pipe."""

    def __init__(self, pipe: int, says: Mapping[str, Say]) -> None:
        self._pipe = pipe
        self._says = says
        self._rest = b""
        self._open = True

    def hear(self, timeout_s: float) -> bool:
        """Wait so long at most for more, and pass it on; whether there was any."""
        if not self._open:
            time.sleep(timeout_s / 20)
            return False
        if not select.select([self._pipe], [], [], timeout_s)[0]:
            return False
        data = os.read(self._pipe, 65536)
        self._open = bool(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, _, stage = line.decode(errors="replace").partition(" ")
            if word in self._says:
                self._says[word](stage)
        return self._open


class _Watch:
    """A process until its end, which may be ours to bring about."""

    def __init__(self, process: subprocess.Popen[bytes], deadline_s: float, cancel: threading.Event) -> None:
        self._process = process
        self._deadline = time.monotonic() + deadline_s
        self._cancel = cancel
        self._kill_at: float | None = None
        self._cancelled = False

    def wait(self, stages: int, says: Mapping[str, Say]) -> Ended:
        told = _Stages(stages, says)
        while (ended := self._ended()) is None:
            told.hear(TICK_S)
            self._urge()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        while told.hear(0):  # what it had said last, perhaps in its last moment
            pass
        return ended

    def _urge(self) -> None:
        now = time.monotonic()
        if self._kill_at is None and (self._cancel.is_set() or now >= self._deadline):
            self._cancelled = self._cancel.is_set()
            self._kill_at = now + GRACE_S
            os.kill(self._process.pid, signal.SIGTERM)
        elif self._kill_at is not None and now >= self._kill_at:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._kill_at = float("inf")

    def _ended(self) -> Ended | None:
        """Its end, if it has come; its process id is ours until this has told so."""
        pid, status, used = os.wait4(self._process.pid, os.WNOHANG)
        if pid == 0:
            return None
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code  # so that Popen waits for it no more
        return Ended(
            code,
            self._cancelled,
            self._kill_at is not None and not self._cancelled,
            round(used.ru_maxrss / 1024, 1),
            round(used.ru_utime + used.ru_stime, 3),
        )
