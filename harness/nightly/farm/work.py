# SPDX-License-Identifier: GPL-2.0-only
"""What happens on a worker: one attempt at one cell, from its order to its published result.

Every backend calls ``perform``; Slurm's tasks run this module:
``python -m harness.nightly.farm.work ORDERS NUMBER``.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.document.as_json import read_json, to_data
from harness.errors import NvhError
from harness.host.cache import write_atomic
from harness.nightly.farm import artefacts
from harness.nightly.farm.messages import (
    CANCELLED,
    LOST,
    MISSING,
    NOTHING,
    PUBLISHED,
    AttemptEnding,
    AttemptOrder,
)
from harness.report.store import RESULT
from harness.runner.supervise import EXECUTE, Say, supervise

MARK = "began"
ENDING = ".ending.json"


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


def perform(order: AttemptOrder, say: Say = lambda _: None) -> AttemptEnding:
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
        ending = AttemptEnding(NOTHING, str(error))
    finally:
        with _LOCK:
            _RUNNING.pop(order.key, None)
    return replace(ending, worker=me(), seconds=round(time.monotonic() - begun, 3))


def _attempt(order: AttemptOrder, cancelled: threading.Event, say: Say) -> AttemptEnding:
    directory = Path(order.directory)
    if (Path(order.final) / RESULT).exists():
        return AttemptEnding(PUBLISHED, "an earlier attempt had published it")
    if not directory.is_dir():
        return AttemptEnding(
            NOTHING, f"{directory} is not there: driver and workers must share the run's directory"
        )
    if lacking := artefacts.missing(order):
        return AttemptEnding(MISSING, artefacts.describe(order, lacking), missing=tuple(lacking))
    if not order.command:
        artefacts.relocate(order)
    try:
        with (directory / MARK).open("x") as mark:
            mark.write(me())
    except FileExistsError:
        return AttemptEnding(LOST, f"a worker that is gone had begun it: {(directory / MARK).read_text()}")
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


def _execute(order: AttemptOrder, directory: Path, cancelled: threading.Event, say: Say) -> AttemptEnding:
    ended = supervise(directory, order.deadline_s, cancelled, say, order.command or EXECUTE)
    if ended.cancelled:
        how, reason = CANCELLED, ended.why(directory)
    elif (directory / RESULT).exists():
        how, reason = PUBLISHED, ""
    else:
        how, reason = NOTHING, ended.why(directory)
    return AttemptEnding(how, reason, peak_mib=ended.peak_mib, cpu_seconds=ended.cpu_seconds)


def main(argv: Sequence[str]) -> int:
    """Carry out one line of a file of orders, and leave the ending beside the attempt's directory."""
    path, number = Path(argv[0]), int(argv[1])
    with path.open(encoding="utf-8") as lines:
        line = next(text for place, text in enumerate(lines) if place == number)
    order = read_json(AttemptOrder, line)
    signal.signal(signal.SIGTERM, lambda *_: cancel(order.key))
    ending = perform(order)
    write_atomic(Path(order.directory + ENDING), json.dumps(to_data(ending)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
