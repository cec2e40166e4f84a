# SPDX-License-Identifier: GPL-2.0-only
"""What runs when a model runs: the program, whatever script starts it, and every library that it loads."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

GREETING = b'"QMP"'
DEADLINE_S = 20.0
"""A QEMU greets within a fraction of a second; a wrapper may do something first."""
STANDSTILL = (
    "-S",
    "-display",
    "none",
    "-nodefaults",
    "-no-user-config",
    "-monitor",
    "none",
    "-serial",
    "none",
)


def mapped_files(words: Sequence[str], environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Start ``words`` (a launcher with its machine), standing still; return the files whose code is mapped.

    Those of all processes that were started for it, sorted; empty when it never greets as QEMU's monitor
    does, or runs where its processes cannot be seen (in a container, on another machine).
    """
    with subprocess.Popen(
        [*words, *STANDSTILL, "-qmp", "stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
        start_new_session=True,
    ) as process:
        try:
            if not _greets(process):
                return ()
            found = {path for pid in _family(process.pid) for path in _code_of(pid)}
            return tuple(sorted(found)) if any(path.name.startswith("qemu") for path in found) else ()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _greets(process: subprocess.Popen[bytes]) -> bool:
    assert process.stdout is not None
    end, said = time.monotonic() + DEADLINE_S, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0 and selector.select(left):
            more = os.read(process.stdout.fileno(), 4096)
            said += more
            if GREETING in said:
                return True
            if not more:
                return False
    return False


def _family(pid: int) -> Iterator[int]:
    """The process and its descendants."""
    yield pid
    for place in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in place.read_text().split():
                yield from _family(int(child))


def _code_of(pid: int) -> Iterator[Path]:
    """Files with a mapping that may be executed; proc_pid_maps(5)."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split(maxsplit=5)
        if len(words) == 6 and "x" in words[1] and words[5].startswith("/"):
            path = Path(words[5])
            if path.is_file():
                yield path
