# SPDX-License-Identifier: GPL-2.0-only
"""A serial console: pexpect over a socket, with every byte kept in a file.

A thread reads all the time, because a level stalls when nobody takes the characters of its UART.
"""

from __future__ import annotations

import codecs
import re
import socket
import threading
import time
from pathlib import Path

import pexpect
from pexpect import socket_pexpect

READ_SIZE = 1 << 16
DRAIN_S = 0.5


class Console:
    """One level's console. ``log`` receives what the level printed, byte for byte, after what it holds."""

    def __init__(self, connection: socket.socket, log: Path) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._text = self._decode(log.read_bytes()) if log.exists() else ""
        self._file = log.open("ab", buffering=0)
        self._spawn = socket_pexpect.SocketSpawn(connection, timeout=None, maxread=READ_SIZE)
        self._changed = threading.Condition()
        self._ended = False
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._drain, name=f"console-{log.stem}", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """Everything printed so far, undecodable bytes replaced."""
        with self._changed:
            return self._text

    @property
    def silence_s(self) -> float:
        """Seconds since the last character."""
        return time.monotonic() - self._last

    def wait_for(self, pattern: str, timeout_s: float, start: int = 0) -> re.Match[str] | None:
        """Wait for a regular expression in the text from offset ``start``; ``None`` when it does not come."""
        expression = re.compile(pattern, re.M)
        end = time.monotonic() + timeout_s
        with self._changed:
            while True:
                if match := expression.search(self._text, start):
                    return match
                left = end - time.monotonic()
                if left <= 0 or self._ended:
                    return None
                self._changed.wait(left)

    def send(self, text: str) -> None:
        """Type ``text`` on the console."""
        self._spawn.send(text)

    def close(self) -> None:
        """Take what was printed before the other end closed, then stop reading and close the log."""
        self._thread.join(DRAIN_S)
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(5)
        self._spawn.close()
        self._file.close()

    def _drain(self) -> None:
        while not self._ended:
            try:
                data: bytes = self._spawn.read_nonblocking(READ_SIZE, timeout=0.5)  # type: ignore[assignment]
            except pexpect.TIMEOUT:
                continue
            except (pexpect.EOF, OSError, ValueError):
                break
            self._file.write(data)  # a SocketSpawn does not log by itself
            with self._changed:
                self._last = time.monotonic()
                self._text += self._decode(data)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
