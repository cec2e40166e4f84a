# SPDX-License-Identifier: GPL-2.0-only
"""The agent built for this machine, driven as a real process over its real transports."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.stack.wire import Decoder, Frame, Type

DEADLINE_S = 20.0


class Client:
    """The harness's end in a test: frames in, frames out, every wait bounded."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd = read_fd
        self.write_fd = write_fd
        self.frames: list[Frame] = []
        self.closed = False
        self._decoder = Decoder()
        os.set_blocking(write_fd, False)
        os.set_blocking(read_fd, False)

    def write(self, data: bytes) -> None:
        """Send raw bytes, reading meanwhile so that neither side blocks the other."""
        view = memoryview(data)
        end = time.monotonic() + DEADLINE_S
        while view:
            try:
                view = view[os.write(self.write_fd, view) :]
            except BlockingIOError:
                assert time.monotonic() < end, "the agent stopped reading"
                self.pump(0.01)

    def send(self, kind: int, channel: int, payload: bytes = b"", hop: int = 0) -> None:
        self.write(Frame(hop, kind, channel, payload).encode())

    def pump(self, timeout_s: float) -> None:
        """Read what is there, waiting at most ``timeout_s`` seconds for something."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.read_fd, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return
        with contextlib.suppress(BlockingIOError):
            data = os.read(self.read_fd, 1 << 16)
            self.closed |= not data
            self.frames.extend(self._decoder.feed(data))

    def wait(self, wanted: Callable[[Frame], bool], timeout_s: float = DEADLINE_S) -> Frame:
        """Return the first wanted frame, also among those already here; the others stay in order."""
        end = time.monotonic() + timeout_s
        seen = 0
        while True:
            for index in range(seen, len(self.frames)):
                if wanted(self.frames[index]):
                    return self.frames.pop(index)
            seen = len(self.frames)
            assert not self.closed, "the agent closed the connection"
            assert time.monotonic() < end, f"not received; got {self.frames[-5:]}"
            self.pump(0.1)

    def frame(self, kind: Type, channel: int | None = None, hop: int = 0) -> Frame:
        return self.wait(
            lambda f: f.type == kind and f.hop == hop and (channel is None or f.channel == channel)
        )

    def result(self, channel: int, hop: int = 0) -> tuple[int, bytes, bytes]:
        """Return exit status, stdout and stderr of the command on ``channel``."""
        exit_frame = self.frame(Type.EXIT, channel, hop)
        out, err = (
            b"".join(f.payload for f in self.frames if (f.type, f.channel, f.hop) == (kind, channel, hop))
            for kind in (Type.STDOUT, Type.STDERR)
        )
        self.frames = [f for f in self.frames if (f.channel, f.hop) != (channel, hop)]
        return int(struct.unpack("<i", exit_frame.payload)[0]), out, err

    def run(
        self, command: str, channel: int = 1, hop: int = 0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        self.send(Type.EXEC, channel, command.encode(), hop)
        for start in range(0, len(stdin), 32768):
            self.send(Type.STDIN, channel, stdin[start : start + 32768], hop)
        self.send(Type.STDIN, channel, b"", hop)
        return self.result(channel, hop)

    def kill(self, channel: int, number: int, hop: int = 0) -> None:
        self.send(Type.KILL, channel, struct.pack("<I", number), hop)


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(agent_binary: Path) -> Iterator[Start]:
    """Start an agent with arguments; every one is gone at the end, with its commands."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([agent_binary, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def connect(path: Path) -> socket.socket:
    end = time.monotonic() + DEADLINE_S
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    while True:
        try:
            connection.connect(str(path))
            return connection
        except (FileNotFoundError, ConnectionRefusedError):
            assert time.monotonic() < end, f"nobody listens at {path}"
            time.sleep(0.02)


@pytest.fixture
def client(start: Start, tmp_path: Path) -> Client:
    """An agent on its stdin and stdout, with no next level."""
    process = start("--stdio", "--level", "l7", "--next", str(tmp_path / "absent.sock"))
    assert process.stdin
    assert process.stdout
    return Client(process.stdout.fileno(), process.stdin.fileno())
