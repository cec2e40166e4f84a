# SPDX-License-Identifier: GPL-2.0-only
"""Builds that end when the acceptance that they are for is given up."""

from __future__ import annotations

import contextlib
import threading

from harness.report.progress import Progress


class Stopped(BaseException):
    """Ends the build of an acceptance that was given up."""


class Stoppable(Progress):
    """A build's view of the common progress, through which it learns that it is to stop."""

    def __init__(self, shown: Progress, stopping: threading.Event) -> None:
        super().__init__(shown.console)
        self._shown = shown
        self._stopping = stopping

    def phase(self, key: str, text: str, expected_s: float | None = None, known_as: str = "") -> None:
        """As for the common progress."""
        self._shown.phase(key, text, expected_s, known_as)

    def update(self, key: str, text: str) -> None:
        """As for the common progress; raises when the build is to stop."""
        if self._stopping.is_set():
            raise Stopped
        self._shown.update(key, text)

    def done(self, key: str, ok: bool, text: str = "") -> None:
        """As for the common progress, but that what was stopped did not fail."""
        if self._stopping.is_set() and not ok:
            self._shown.ended(key, "interrupted")
            return
        self._shown.done(key, ok, text)

    def note(self, text: str) -> None:
        """As for the common progress."""
        with contextlib.suppress(ValueError):
            self._shown.note(text)
