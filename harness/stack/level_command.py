# SPDX-License-Identifier: GPL-2.0-only
"""A command that runs at a level, and what it leaves."""

from __future__ import annotations

import contextlib
import signal
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.errors import InfraError
from harness.level import Level
from harness.stack.wire import CHUNK, Frame, Type

Sink = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command left: ``status`` is 0..255, or 256 + n when signal n ended it."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")


class ChannelClosed(InfraError):
    """The link to L0's agent ended: the machine has gone away."""


RELAY = "next level"
"""What an agent says of the level above it whose agent has gone (images/payloads/agent/relay.c)."""


def is_relayed(error: InfraError) -> bool:
    """Whether an agent's error is about the way to the level, and not about the command."""
    return RELAY in str(error)


class Carrier(Protocol):
    """What a process needs of the agent it runs under."""

    def post(self, level: Level, kind: Type, channel: int, payload: bytes = b"") -> None:
        """Send one frame."""

    def wait_for(self, happened: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something has happened; whether it did."""


class Process:
    """A command that runs at a level. Output is collected and passed on as it comes."""

    def __init__(self, agent: Carrier, channel: int, level: Level, command: str, sink: Sink | None) -> None:
        self._agent = agent
        self._sink = sink
        self._status: int | None = None
        self._error: InfraError | None = None
        self._stdout = bytearray()
        self._stderr = bytearray()
        self.channel = channel
        self.level = level
        self.command = command

    def deliver(self, frame: Frame) -> None:
        """Take one frame of this command; called by the agent's reader only, under its lock."""
        if frame.type == Type.STDOUT:
            if self._sink:
                # Whoever took the output may have gone; the reader serves all other commands too.
                with contextlib.suppress(OSError):
                    self._sink(frame.payload)
            else:
                self._stdout += frame.payload
        elif frame.type == Type.STDERR:
            self._stderr += frame.payload
        elif frame.type == Type.EXIT and len(frame.payload) == 4:
            self._status = struct.unpack("<i", frame.payload)[0]
        elif frame.type == Type.ERROR:
            text = frame.payload.decode(errors="replace").strip()
            self._error = InfraError(f"the agent at {self.level} refused {self.command!r}: {text}")

    def abandon(self, error: InfraError) -> None:
        """Give up: no frame will come any more."""
        if self._status is None and self._error is None:
            self._error = error

    @property
    def running(self) -> bool:
        """Whether neither an exit status nor an error has arrived."""
        return self._status is None and self._error is None

    @property
    def error(self) -> InfraError | None:
        """Why it never ran, or why nothing more will be heard of it; None while there is no such reason."""
        return self._error

    @property
    def refused(self) -> bool:
        """Whether its level's agent could not start it."""
        return (
            self._error is not None
            and not isinstance(self._error, ChannelClosed)
            and not is_relayed(self._error)
        )

    def snapshot(self) -> Completed:
        """Return what has arrived so far; the status is -1 while the command runs."""
        status = -1 if self._status is None else self._status
        return Completed(status, bytes(self._stdout), bytes(self._stderr))

    def send(self, data: bytes) -> None:
        """Write to the command's standard input."""
        for start in range(0, len(data), CHUNK):
            self._agent.post(self.level, Type.STDIN, self.channel, data[start : start + CHUNK])

    def close_stdin(self) -> None:
        """Close the command's standard input."""
        self._agent.post(self.level, Type.STDIN, self.channel)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the command's process group."""
        self._agent.post(self.level, Type.KILL, self.channel, struct.pack("<I", number))

    def wait(self, timeout_s: float) -> Completed:
        """Return what the command left.

        Raises ``TimeoutError`` when it still runs after ``timeout_s`` seconds, and ``InfraError`` when the
        level's agent could not run it or the machine went away.
        """
        finished = self._agent.wait_for(lambda: not self.running, timeout_s)
        if self._error:
            raise self._error
        if not finished:
            raise TimeoutError(f"{self.command!r} at {self.level} still runs after {timeout_s:.0f} s")
        return self.snapshot()


def last_words(left: Completed, lines: int = 3) -> str:
    """Say what a command printed last, for a message: its errors, else its output."""
    text = (left.stderr.strip() or left.stdout.strip()).decode(errors="replace")
    return f"its last output: {' | '.join(text.splitlines()[-lines:])}" if text else "it printed nothing"
