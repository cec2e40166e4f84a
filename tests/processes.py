# SPDX-License-Identifier: GPL-2.0-only
"""Looks at the processes of this machine, for tests that must leave none behind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path


def running(marker: str) -> bool:
    """Whether a process has ``marker`` among its arguments."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def wait_gone(pids: Sequence[int], timeout_s: float) -> list[int]:
    """Wait until none of ``pids`` exists; return those that still do."""
    end = time.monotonic() + timeout_s
    alive = list(pids)
    while alive and time.monotonic() < end:
        alive = [pid for pid in alive if Path(f"/proc/{pid}").exists()]
        time.sleep(0.02)
    return alive
