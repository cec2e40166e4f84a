# SPDX-License-Identifier: GPL-2.0-only
"""What the runs of a cell print, told to the runner while they go on: ``nvh run --live``.

Each line goes to standard output as ``said RUN LINE``, as stages do; the runner shows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from harness.report.safe_text import one_line
from harness.stack.level_command import Completed

POLL_S = 0.25
LONGEST = 400
"""Characters of a line that are told."""


class Talking(Protocol):
    """What is asked of ``harness.stack.level_command.Process``."""

    def snapshot(self) -> Completed: ...


class LiveOutput:
    """Tells lines of followed runs to ``tell``, from a thread of its own until ``close``."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._followed: dict[str, tuple[Talking, list[int]]] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="live", daemon=True)
        self._thread.start()

    def follow(self, name: str, process: Talking) -> None:
        """From now on tell what ``process``, the run ``name``, prints."""
        with self._lock:
            self._followed[name] = process, [0, 0]

    def close(self) -> None:
        """Tell what is left, unfinished lines too, and end."""
        self._ended.set()
        self._thread.join()
        self._pass_on(whole=False)

    def _watch(self) -> None:
        while not self._ended.wait(POLL_S):
            self._pass_on(whole=True)

    def _pass_on(self, whole: bool) -> None:
        with self._lock:
            for name, (process, told) in self._followed.items():
                left = process.snapshot()
                for stream, data in enumerate((left.stdout, left.stderr)):
                    end = data.rfind(b"\n") + 1 if whole else len(data)
                    new = data[told[stream] : end]
                    told[stream] = max(end, told[stream])
                    for line in new.decode(errors="replace").splitlines():
                        self._tell(f"{name} {one_line(line, LONGEST)}")


def to_runner(line: str) -> None:
    """Tell the runner, which reads this process's standard output."""
    print(f"said {line}", flush=True)
