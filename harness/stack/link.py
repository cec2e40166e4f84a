# SPDX-License-Identifier: GPL-2.0-only
"""How the agent's bytes reach L0: over a virtio-serial port at any time, or in turns through semihosting.

In turns the machine stands still from the end of the agent's turn until the harness has ended its own
(images/payloads/agent/turn.h), so that its behaviour under icount does not depend on the harness's speed.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from pathlib import Path
from typing import Protocol

READ_SIZE = 1 << 16
UP = "agent.up"
DOWN = "agent.down"


class Link(Protocol):
    """A byte stream to L0's agent. ``turns``: the agent waits for the harness's TURN after its own."""

    turns: bool

    def send(self, data: bytes) -> None:
        """Write ``data``; ``OSError`` when the machine has gone."""

    def receive(self) -> bytes:
        """Return what has come, waiting for the first byte; empty at the end."""

    def close(self) -> None:
        """End the stream; a ``receive`` that waits returns."""

    def release(self) -> None:
        """Free what is left, once nobody is in ``receive``."""


class SocketLink:
    """A connected socket."""

    turns = False

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def send(self, data: bytes) -> None:
        """Write ``data``."""
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """Return what has come; empty at the end."""
        return self._socket.recv(READ_SIZE)

    def close(self) -> None:
        """Shut the socket down."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Close the socket."""
        self._socket.close()


class TurnLink:
    """Two FIFOs in ``directory``, to be made before the machine starts.

    The machine's death is the end of the stream: the harness keeps no writing end of ``agent.up``.
    """

    turns = True

    def __init__(self, directory: Path) -> None:
        self._paths = [directory / UP, directory / DOWN]
        for path in self._paths:
            path.unlink(missing_ok=True)
            os.mkfifo(path, 0o600)
        self._up = os.open(directory / UP, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        # Read and write, so that neither this open nor the machine's waits for the other.
        self._down = os.open(directory / DOWN, os.O_RDWR | os.O_CLOEXEC)
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._up, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def send(self, data: bytes) -> None:
        """Write ``data``; more than a pipe holds waits for the machine to read it."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._down, view) :]

    def receive(self) -> bytes:
        """Return what has come; empty when the machine has gone or the link was closed."""
        ready = dict(self._poll.poll())
        if self._wake in ready:
            return b""
        # POLLHUP alone comes only after a writer was there and left (pipe(7)).
        return os.read(self._up, READ_SIZE)

    def close(self) -> None:
        """End the stream and remove the FIFOs."""
        os.write(self._waker, b"x")
        for path in self._paths:
            path.unlink(missing_ok=True)

    def release(self) -> None:
        """Close the descriptors."""
        for descriptor in (self._up, self._down, self._wake, self._waker):
            os.close(descriptor)
