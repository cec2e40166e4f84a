"""What happens on a worker: one attempt at one cell, from its order to its published result.

Every backend calls ``perform``; Slurm's tasks run this module: ``python -m harness.farm.work ORDERS NUMBER``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.build.cache import write_atomic
from harness.cell.local import LOG
from harness.errors import NvhError
from harness.farm import artefacts
from harness.farm.order import CANCELLED, LOST, MISSING, NOTHING, PUBLISHED, Ending, Order
from harness.machine import process as processes
from harness.report.store import RESULT

GRACE_S = 30.0
TICK_S = 0.2
MARK = "began"
ENDING = ".ending.json"
EXECUTE = "harness.cell.execute"
WORDS = 5
"""Lines of a cell's log that a reason quotes."""

Say = Callable[[str], None]


@dataclass(slots=True)
class _Running:
    """A cell whose process may be told to end."""

    cancelled: threading.Event = field(default_factory=threading.Event)


_RUNNING: dict[str, _Running] = {}
_LOCK = threading.Lock()


def me() -> str:
    """Return this worker's name."""
    return f"{platform.node()}:{os.getpid()}"


def cancel(key: str) -> bool:
    """End the cell ``key`` if this process runs it, or keep it from starting; whether it was here."""
    with _LOCK:
        running = _RUNNING.get(key)
    if running:
        running.cancelled.set()
    return running is not None


def running() -> list[str]:
    """Return the keys of the cells that this process runs."""
    with _LOCK:
        return list(_RUNNING)


def perform(order: Order, say: Say = lambda _: None) -> Ending:
    """Carry out an order and publish what came of it; never raises ``NvhError``.

    Call it from a thread that lives at least as long: the cell's process dies with the thread that started
    it.
    """
    begun = time.monotonic()
    running = _Running()
    with _LOCK:
        _RUNNING[order.key] = running
    try:
        ending = _attempt(order, running.cancelled, say)
    except (NvhError, OSError) as error:
        ending = Ending(NOTHING, str(error))
    finally:
        with _LOCK:
            _RUNNING.pop(order.key, None)
    return replace(ending, worker=me(), seconds=round(time.monotonic() - begun, 3))


def _attempt(order: Order, cancelled: threading.Event, say: Say) -> Ending:
    directory = Path(order.directory)
    if (Path(order.final) / RESULT).exists():
        return Ending(PUBLISHED, "an earlier attempt had published it")
    if not directory.is_dir():
        return Ending(NOTHING, f"{directory} is not there: driver and workers must share the run's directory")
    if not order.command:
        if lacking := artefacts.missing(order):
            return Ending(MISSING, artefacts.describe(order, lacking), missing=tuple(lacking))
        artefacts.relocate(order)
    try:
        with (directory / MARK).open("x") as mark:
            mark.write(me())
    except FileExistsError:
        return Ending(LOST, f"a worker that is gone had begun it: {(directory / MARK).read_text()}")
    if not order.command:
        artefacts.choose_snapshot(order, say)
    ending = _execute(order, directory, cancelled, say)
    if ending.how == PUBLISHED and not publish(directory, Path(order.final)):
        return replace(ending, reason="an earlier attempt had published it")
    return ending


def publish(directory: Path, final: Path) -> bool:
    """Move a finished attempt to where it counts; False when another one is there already."""
    try:
        directory.rename(final)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _execute(order: Order, directory: Path, cancelled: threading.Event, say: Say) -> Ending:
    words = order.command or (sys.executable, "-m", EXECUTE)
    reading, writing = os.pipe()
    with (
        (directory / LOG).open("wb") as log,
        os.fdopen(writing, "wb") as out,
        os.fdopen(reading, "rb") as stages,
    ):
        process = processes.spawn(
            [*words, str(directory)], cwd=directory, env=dict(os.environ), stdout=out, stderr=log
        )
        out.close()
        watched = _Watched(process, order.deadline_s, cancelled)
        watched.wait(stages.fileno(), say)

    def ended(how: str, reason: str = "") -> Ending:
        return Ending(how, reason, peak_mib=watched.peak_mib, cpu_seconds=watched.cpu_seconds)

    if watched.cancelled:
        return ended(CANCELLED, "cancelled")
    if (directory / RESULT).exists():
        return ended(PUBLISHED)
    words_left = " | ".join((directory / LOG).read_text(errors="replace").strip().splitlines()[-WORDS:])
    if watched.late:
        return ended(NOTHING, f"the cell did not end within its deadline: {words_left}")
    how = f"signal {-watched.status}" if watched.status < 0 else f"status {watched.status}"
    return ended(NOTHING, f"the cell's process ended with {how} and left no result: {words_left}")


class _Watched:
    """A cell's process until its end, which may be ours to bring about."""

    def __init__(
        self, process: subprocess.Popen[bytes], deadline_s: float, cancelled: threading.Event
    ) -> None:
        self._process = process
        self._deadline = time.monotonic() + deadline_s
        self._event = cancelled
        self._kill_at: float | None = None
        self.cancelled = False
        self.late = False
        self.status = 0
        self.peak_mib = 0.0
        self.cpu_seconds = 0.0

    def wait(self, stages: int, say: Say) -> None:
        """Pass the stages on until the process has ended; nothing of its process group remains."""
        rest, open_ = b"", True
        while not self._ended(block=False):
            ready = select.select([stages], [], [], TICK_S)[0] if open_ else []
            if ready:
                data = os.read(stages, 65536)
                open_ = bool(data)
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    word, _, stage = line.decode(errors="replace").partition(" ")
                    if word == "stage":
                        say(stage)
            elif not open_:
                time.sleep(TICK_S / 20)
            self._urge()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _urge(self) -> None:
        now = time.monotonic()
        if self._kill_at is None and (self._event.is_set() or now >= self._deadline):
            self.cancelled = self._event.is_set()
            self.late = not self.cancelled
            self._kill_at = now + GRACE_S
            os.kill(self._process.pid, signal.SIGTERM)
        elif self._kill_at is not None and now >= self._kill_at:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._kill_at = float("inf")

    def _ended(self, *, block: bool) -> bool:
        pid, status, used = os.wait4(self._process.pid, 0 if block else os.WNOHANG)
        if pid == 0:
            return False
        self.status = os.waitstatus_to_exitcode(status)
        self._process.returncode = self.status  # so that Popen waits for it no more
        self.peak_mib = round(used.ru_maxrss / 1024, 1)
        self.cpu_seconds = round(used.ru_utime + used.ru_stime, 3)
        return True


def main(argv: Sequence[str]) -> int:
    """Carry out one line of a file of orders, and leave the ending beside the attempt's directory."""
    path, number = Path(argv[0]), int(argv[1])
    with path.open(encoding="utf-8") as lines:
        line = next(text for place, text in enumerate(lines) if place == number)
    order = Order.from_json(json.loads(line))
    signal.signal(signal.SIGTERM, lambda *_: cancel(order.key))
    ending = perform(order)
    write_atomic(Path(order.directory + ENDING), json.dumps(ending.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
