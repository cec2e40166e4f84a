"""Commands at every level over one virtio-serial channel to L0's agent, which relays to the levels below.

Nothing listens on a network and no key is needed: the channel is a UNIX socket in the cell's directory.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InfraError
from harness.level import Level
from harness.stack.wire import CHUNK, Decoder, Frame, Type

SIGNALLED = 256
POLL_S = 0.2
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


@dataclass(frozen=True, slots=True)
class Pong:
    """An agent's clocks when it answered: CLOCK_MONOTONIC in ns and CNTVCT_EL0 in ticks."""

    monotonic_ns: int
    cntvct: int


class ChannelClosed(InfraError):
    """The connection to L0's agent ended: the machine has gone away."""


class Process:
    """A command that runs at a level. Output is collected and passed on as it comes."""

    def __init__(self, agent: Agent, channel: int, level: Level, command: str, sink: Sink | None) -> None:
        self._agent = agent
        self._channel = channel
        self._sink = sink
        self._done = threading.Condition()
        self._status: int | None = None
        self._error: InfraError | None = None
        self._stdout = bytearray()
        self._stderr = bytearray()
        self.level = level
        self.command = command

    def deliver(self, frame: Frame) -> None:
        """Take one frame of this command; called by the agent's reader thread only."""
        with self._done:
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
            self._done.notify_all()

    def abandon(self, error: InfraError) -> None:
        """Give up waiting: no frame will come any more."""
        with self._done:
            if self._status is None and self._error is None:
                self._error = error
            self._done.notify_all()

    @property
    def running(self) -> bool:
        """Whether neither an exit status nor an error has arrived."""
        return self._status is None and self._error is None

    def snapshot(self) -> Completed:
        """Return what has arrived so far; the status is -1 while the command runs."""
        with self._done:
            status = -1 if self._status is None else self._status
            return Completed(status, bytes(self._stdout), bytes(self._stderr))

    def send(self, data: bytes) -> None:
        """Write to the command's standard input."""
        for start in range(0, len(data), CHUNK):
            self._agent.post(self.level, Type.STDIN, self._channel, data[start : start + CHUNK])

    def close_stdin(self) -> None:
        """Close the command's standard input."""
        self._agent.post(self.level, Type.STDIN, self._channel)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the command's process group."""
        self._agent.post(self.level, Type.KILL, self._channel, struct.pack("<I", number))

    def wait(self, timeout_s: float) -> Completed:
        """Return what the command left.

        Raises ``TimeoutError`` when it still runs after ``timeout_s`` seconds, and ``InfraError`` when the
        level's agent could not run it or the machine went away.
        """
        with self._done:
            finished = self._done.wait_for(lambda: not self.running, timeout_s)
            if self._error:
                raise self._error
            if not finished:
                raise TimeoutError(f"{self.command!r} at {self.level} still runs after {timeout_s:.0f} s")
        return self.snapshot()


class Agent:
    """The harness's end of the channel. Thread-safe; one reader thread delivers frames."""

    def __init__(self, connection: socket.socket, log: Path | None = None) -> None:
        self._socket = connection
        self._sending = threading.Lock()
        self._channels = itertools.cycle(range(1, 65536))
        self._processes: dict[int, Process] = {}
        self._pongs: dict[int, queue.SimpleQueue[Pong | InfraError]] = {}
        self._closed: ChannelClosed | None = None
        self._log = log.open("ab") if log else None
        self._reader = threading.Thread(target=self._read, name="agent-reader", daemon=True)
        self._reader.start()

    def start(self, level: Level, command: str, sink: Sink | None = None) -> Process:
        """Start ``command`` with /bin/sh at ``level``; ``sink`` takes its standard output as it comes."""
        channel = next(self._channels)
        process = Process(self, channel, level, command, sink)
        self._processes[channel] = process
        self.post(level, Type.EXEC, channel, command.encode())
        return process

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed:
        """Run ``command`` at ``level`` and return what it left; kills it and raises ``TimeoutError`` late."""
        process = self.start(level, command)
        process.send(stdin)
        process.close_stdin()
        try:
            return process.wait(timeout_s)
        except TimeoutError:
            process.kill()
            raise

    def ping(self, level: Level, timeout_s: float) -> Pong:
        """Return the clocks of the agent at ``level``; ``TimeoutError`` when it does not answer in time."""
        channel = next(self._channels)
        answers: queue.SimpleQueue[Pong | InfraError] = queue.SimpleQueue()
        self._pongs[channel] = answers
        try:
            self.post(level, Type.PING, channel)
            answer = answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"the agent at {level} did not answer within {timeout_s:.1f} s") from None
        finally:
            self._pongs.pop(channel, None)
        if isinstance(answer, InfraError):
            raise answer
        return answer

    def wait_ready(self, level: Level, timeout_s: float) -> bool:
        """Wait until the agent at ``level`` answers a ping; return whether it did. Bounded."""
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            if self._closed:
                raise self._closed
            with contextlib.suppress(TimeoutError, InfraError):
                self.ping(level, min(left, 2.0))
                return True
            time.sleep(POLL_S)
        return False

    def post(self, level: Level, kind: Type, channel: int, payload: bytes = b"") -> None:
        """Send one frame to the agent at ``level``; ``ChannelClosed`` when the machine has gone."""
        if self._closed:
            raise self._closed
        try:
            with self._sending:
                self._socket.sendall(Frame(int(level), kind, channel, payload).encode())
        except OSError as error:
            raise self._close(f"writing to L0's agent failed: {error}") from error

    def close(self) -> None:
        """Close the channel; pending commands end with ``ChannelClosed``."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(5)
        self._socket.close()
        if self._log:
            self._log.close()

    def _read(self) -> None:
        decoder = Decoder()
        reason = "the machine closed the channel to L0's agent"
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except OSError as error:
                reason = f"reading from L0's agent failed: {error}"
                break
            if not data:
                break
            for frame in decoder.feed(data):
                self._dispatch(frame)
        self._close(reason)

    def _dispatch(self, frame: Frame) -> None:
        if answers := self._pongs.get(frame.channel):
            if frame.type == Type.PONG and len(frame.payload) >= 16:
                answers.put(Pong(*struct.unpack_from("<QQ", frame.payload)))
            elif frame.type == Type.ERROR:
                answers.put(InfraError(frame.payload.decode(errors="replace").strip()))
            return
        if process := self._processes.get(frame.channel):
            process.deliver(frame)
            if not process.running:
                self._processes.pop(frame.channel, None)

    def _close(self, reason: str) -> ChannelClosed:
        if self._closed is None:
            self._closed = ChannelClosed(reason)
        for process in list(self._processes.values()):
            process.abandon(self._closed)
        for answers in list(self._pongs.values()):
            answers.put(self._closed)
        return self._closed
