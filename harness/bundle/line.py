# SPDX-License-Identifier: GPL-2.0-only
"""The lines to a console: of a process (pipe, pty) or a socket (TCP, Unix, telnet), all by pexpect."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pexpect
from pexpect import socket_pexpect

from harness.bundle.console_model import LINE, LINES
from harness.errors import InfraError, UserError

Spawn: TypeAlias = "pexpect.spawn[Any] | socket_pexpect.SocketSpawn[Any]"
READ_SIZE = 1 << 16
END_S = 5.0
CONNECT_RETRY_S = 0.2
IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240


class ConsoleLine:
    """A console that is open. ``close`` ends the program behind it, ``process``, and what it started."""

    def __init__(self, spawn: Spawn, process: subprocess.Popen[bytes] | None = None) -> None:
        self._spawn = spawn
        self._process = process

    def read(self, timeout_s: float) -> bytes | None:
        """Return what came; empty when nothing did in ``timeout_s`` seconds, None at the end."""
        try:
            return self.received(bytes(self._spawn.read_nonblocking(READ_SIZE, timeout=timeout_s)))
        except pexpect.TIMEOUT:
            return b""
        except (pexpect.EOF, OSError, ValueError):
            return None

    def received(self, data: bytes) -> bytes:
        """Return what of ``data`` is the console's."""
        return data

    def write(self, text: str) -> None:
        """Type; a console that is gone takes nothing."""
        with contextlib.suppress(OSError, ValueError, pexpect.ExceptionPexpect):
            self._spawn.send(text)

    def close(self) -> None:
        """Close the line and end the process behind it with its group."""
        spawned = getattr(self._spawn, "pid", None) if self._process is None else self._process.pid
        if spawned:
            _end_group(spawned)
        with contextlib.suppress(OSError, ValueError, pexpect.ExceptionPexpect):
            self._spawn.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)


class Telnet(ConsoleLine):
    """A console server that speaks telnet (RFC 854): every option is refused, its bytes are taken out."""

    def __init__(
        self,
        spawn: Spawn,
        connection: socket.socket,
        process: subprocess.Popen[bytes] | None,
    ) -> None:
        super().__init__(spawn, process)
        self._connection = connection
        self._rest = b""

    def received(self, data: bytes) -> bytes:
        data, self._rest = self._rest + data, b""
        out, at = bytearray(), 0
        while at < len(data):
            if data[at] != IAC:
                out.append(data[at])
                at += 1
                continue
            used = self._command(data, at, out)
            if not used:  # it goes on in the next packet
                self._rest = data[at:]
                break
            at += used
        return bytes(out)

    def _command(self, data: bytes, at: int, out: bytearray) -> int:
        """Take one command at ``at``; returns its length, 0 when it is not all there."""
        if at + 1 >= len(data):
            return 0
        verb = data[at + 1]
        if verb == IAC:
            out.append(IAC)
            return 2
        if verb == SB:
            end = data.find(bytes([IAC, SE]), at)
            return end + 2 - at if end >= 0 else 0
        if verb not in (DO, DONT, WILL, WONT):
            return 2
        if at + 2 >= len(data):
            return 0
        if verb in (DO, WILL):
            with contextlib.suppress(OSError):
                self._connection.sendall(bytes([IAC, WONT if verb == DO else DONT, data[at + 2]]))
        return 3


def _end_group(pid: int) -> None:
    for sent, wait_s in ((signal.SIGTERM, 1.0), (signal.SIGKILL, END_S)):
        try:
            os.killpg(pid, sent)
        except (ProcessLookupError, PermissionError):
            return
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            try:
                os.killpg(pid, 0)
            except (ProcessLookupError, PermissionError):
                return
            time.sleep(0.02)


def open_process(words: Sequence[str], environment: Mapping[str, str], *, pty: bool) -> ConsoleLine:
    """Start a program and take its terminal, or its stdin and stdout, as the console."""
    if pty:
        env = {**os.environ, **environment}
        try:
            return ConsoleLine(pexpect.spawn(words[0], list(words[1:]), env=env, timeout=None, echo=False))
        except pexpect.ExceptionPexpect as error:
            raise UserError(f"{words[0]} cannot be run: {error}") from error
    ours, theirs = socket.socketpair()
    try:
        process = _start(words, environment, theirs.fileno())
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return ConsoleLine(socket_pexpect.SocketSpawn(ours, timeout=None, maxread=READ_SIZE), process)


def _start(words: Sequence[str], environment: Mapping[str, str], line: int) -> subprocess.Popen[bytes]:
    env = {**os.environ, **environment}
    try:
        return subprocess.Popen(
            list(words), stdin=line, stdout=line, stderr=line, env=env, start_new_session=True
        )
    except OSError as error:
        raise UserError(f"{words[0]} cannot be run: {error.strerror}") from error


def open_socket(
    where: str, words: Sequence[str], environment: Mapping[str, str], wait_s: float
) -> ConsoleLine:
    """Start the program, if any, and connect to the console at ``where``, for ``wait_s`` seconds.

    ``InfraError`` when that does not succeed; the program has ended then.
    """
    match = LINE.fullmatch(where)
    if match is None:
        raise UserError(f"{where}: no line; expected {LINES}")
    process = _start(words, environment, subprocess.DEVNULL) if words else None
    until = time.monotonic() + wait_s
    while True:
        try:
            connection = _connect(match)
            break
        except OSError as error:
            if time.monotonic() > until or (process is not None and process.poll() is not None):
                if process is not None:
                    _end_group(process.pid)
                raise InfraError(f"{where} cannot be reached within {wait_s:.0f} s: {error}") from error
            time.sleep(CONNECT_RETRY_S)
    spawn = socket_pexpect.SocketSpawn(connection, timeout=None, maxread=READ_SIZE)
    return Telnet(spawn, connection, process) if where.startswith("telnet:") else ConsoleLine(spawn, process)


def _connect(match: re.Match[str]) -> socket.socket:
    found = match.groupdict()
    if found["path"]:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(END_S)
        try:
            connection.connect(found["path"])
        except OSError:
            connection.close()
            raise
    else:
        connection = socket.create_connection((found["host"].strip("[]"), int(found["port"])), END_S)
    connection.settimeout(None)
    return connection
