# SPDX-License-Identifier: GPL-2.0-only
"""Live progress: what is being built, booted or run right now, for how long, and how long it usually takes.

On a terminal the running phases are redrawn in place below the finished ones. Anywhere else (CI, a pipe) each
event is one plain line without control codes, and a heartbeat line shows that a quiet run still lives.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from harness.report.history import History
from harness.report.safe_text import one_line, seconds

HEARTBEAT_S = 30.0
"""Silence after which the plain form says what still runs, in seconds."""
UPDATE_S = 5.0
"""Shortest time between two update lines of one phase in the plain form; the newest text wins."""


@dataclass(slots=True)
class _Phase:
    text: str
    started: float
    expected_s: float | None
    usual: str = ""
    note: str = ""
    said: float = -math.inf
    pending: bool = False

    def line(self, now: float) -> str:
        parts = [f"{self.text}: {self.note}" if self.note else self.text, seconds(now - self.started)]
        if self.expected_s is not None:
            parts[1] += f", usually {seconds(self.expected_s)}"
        return f"{parts[0]} ({parts[1]})"


class Progress:
    """Shows phases by key; safe to call from several threads; use as a context manager.

    ``history`` supplies expected durations by key and learns those of phases that end well. ``live`` forces
    the in-place (true) or the plain form (false); by default the console decides.
    """

    def __init__(
        self,
        console: Console,
        *,
        history: History | None = None,
        live: bool | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        update_s: float = UPDATE_S,
    ) -> None:
        self.console = console
        self._history = history
        self._heartbeat_s = heartbeat_s
        self._update_s = update_s
        self._lock = threading.RLock()
        self._phases: dict[str, _Phase] = {}
        self.headline: Callable[[], str] = str
        """What stands above the running phases, and is said at each heartbeat; nothing by default."""
        self._headed = time.monotonic()
        self._spoke = time.monotonic()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        # rich calls a pipe a terminal under FORCE_COLOR, which some CI systems set: ask the file itself.
        interactive = console.file.isatty() and console.is_terminal and not console.is_dumb_terminal
        wanted = interactive if live is None else live
        self._live = (
            Live(get_renderable=self._render, console=console, refresh_per_second=4, transient=True)
            if wanted
            else None
        )

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        else:
            self._thread = threading.Thread(target=self._heartbeat, name="nvh-heartbeat", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._live:
            self._live.stop()
        if self._thread:
            self._thread.join()

    def usual(self, key: str) -> float | None:
        """Return how many seconds the phase ``key`` usually takes, or None when that is not known."""
        return self._history.usual(key) if self._history else None

    def phase(self, key: str, text: str, expected_s: float | None = None, known_as: str = "") -> None:
        """Start showing ``text`` under ``key``; ``expected_s`` in seconds, from the history if omitted.

        ``known_as``: under which name the history has it, where several of a kind go on at once.
        """
        if expected_s is None and self._history:
            expected_s = self._history.usual(known_as or key)
        usual = "" if expected_s is None else f" (usually {seconds(expected_s)})"
        with self._lock:
            self._phases[key] = _Phase(one_line(text, 200), time.monotonic(), expected_s, known_as or key)
            if not self._live:
                self._say(f"start {self._phases[key].text}{usual}")

    def began(self, key: str, known_as: str) -> None:
        """What phase ``key`` prepared is over: its time counts from now, under a name of the history."""
        expected_s = self.usual(known_as)
        with self._lock:
            if phase := self._phases.get(key):
                phase.started, phase.expected_s, phase.usual = time.monotonic(), expected_s, known_as

    def update(self, key: str, text: str) -> None:
        """Show what phase ``key`` is doing now; an unknown key or an unchanged text is ignored."""
        note = one_line(text, 200)
        with self._lock:
            phase = self._phases.get(key)
            if phase is None or phase.note == note:
                return
            phase.note = note
            phase.pending = True
            if not self._live:
                self._flush()

    def done(self, key: str, ok: bool, text: str = "") -> None:
        """End phase ``key``; ``text`` says how when there is more to say than ok or not."""
        with self._lock:
            phase = self._phases.pop(key, None)
            if phase is None:
                return
            took = time.monotonic() - phase.started
            word = "done " if ok else "FAIL "
            tail = f": {one_line(text, 200)}" if text else ""
            self._say(f"{word} {phase.text}{tail} ({seconds(took)})", "green" if ok else "bold red")
        if ok and self._history:
            self._history.record(phase.usual, took)

    def ended(self, key: str, text: str) -> None:
        """End phase ``key``, of which can only be said why it ended: it neither passed nor failed."""
        with self._lock:
            if phase := self._phases.pop(key, None):
                took = time.monotonic() - phase.started
                self._say(f"ended {phase.text}: {one_line(text, 200)} ({seconds(took)})", "yellow")

    def note(self, text: str) -> None:
        """Print one line that belongs to no phase."""
        with self._lock:
            self._say(one_line(text))

    def _say(self, line: str, style: str = "") -> None:
        shown = Text(line)
        if style:
            shown.stylize(style, 0, 5)
        self.console.print(shown, soft_wrap=True)
        self._spoke = time.monotonic()

    def _flush(self) -> None:
        """Say the updates that are due."""
        now = time.monotonic()
        for phase in self._phases.values():
            if phase.pending and now - phase.said >= self._update_s:
                phase.pending, phase.said = False, now
                self._say(f"  ..  {phase.line(now)}")

    def _heartbeat(self) -> None:
        while not self._stop.wait(min(1.0, self._heartbeat_s / 4)):
            with self._lock:
                self._flush()
                now = time.monotonic()
                if now - self._headed >= self._heartbeat_s and (headline := self.headline()):
                    self._headed = now
                    self._say(f"  now {one_line(headline)}")
                if self._phases and now - self._spoke >= self._heartbeat_s:
                    self._say("  still " + "; ".join(phase.line(now) for phase in self._phases.values()))

    def _render(self) -> RenderableType:
        """Draw the running phases, newest last, as many as fit on half the screen."""
        # Live calls this holding its own lock, which printing takes too: taking ours here could deadlock.
        phases = list(self._phases.values())
        now = time.monotonic()
        room = max(3, self.console.height // 2)
        grid = Table.grid(padding=(0, 1), expand=False)
        grid.add_column(width=1)
        grid.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(no_wrap=True, style="dim")
        for phase in phases[-room:]:
            late = phase.expected_s is not None and now - phase.started > 2 * phase.expected_s
            label = Text(phase.text)
            if phase.note:
                label.append(f"  {phase.note}", style="dim")
            usual = "" if phase.expected_s is None else f"usually {seconds(phase.expected_s)}"
            elapsed = Text(seconds(now - phase.started), style="yellow" if late else "")
            spinner = Spinner("dots")
            spinner.start_time = phase.started
            grid.add_row(spinner, label, elapsed, usual)
        hidden = len(phases) - room
        lines: list[RenderableType] = [Text(one_line(text))] if (text := self.headline()) else []
        lines.append(grid)
        if hidden > 0:
            lines.append(Text(f"and {hidden} more", style="dim"))
        return Group(*lines)
