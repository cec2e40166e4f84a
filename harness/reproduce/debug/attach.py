# SPDX-License-Identifier: GPL-2.0-only
"""QMP of a machine that somebody else started, by the socket in its directory."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qemu.qmp import QMPError, legacy

from harness.attempt import work_order
from harness.errors import InfraError, UserError
from harness.reproduce.debug.gdb import Qmp

SOCKET = "qmp.sock"
GREETING_TIMEOUT_S = 10.0


@contextlib.contextmanager
def attached(directory: Path) -> Iterator[Qmp]:
    """Connect to the QMP of the machine in ``directory``.

    ``UserError`` when no machine runs there, or another process has its QMP, of which there is only one.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        # A relative path through /proc keeps within the 108 bytes of sun_path.
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        try:
            connection.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
        finally:
            os.close(descriptor)
    except OSError as error:
        connection.close()
        work_order.refuse_console_cell(directory)
        raise UserError(f"no machine runs in {directory} ({SOCKET}: {error.strerror})") from error
    _await_greeting(connection, directory)
    monitor = legacy.QEMUMonitorProtocol(connection)
    monitor.settimeout(GREETING_TIMEOUT_S)
    try:
        monitor.connect()
        yield _calls(monitor)
    finally:
        with contextlib.suppress(Exception):
            monitor.close()


def _await_greeting(connection: socket.socket, directory: Path) -> None:
    """Wait until QEMU greets: a second client of the socket is queued and hears nothing."""
    connection.settimeout(GREETING_TIMEOUT_S)
    try:
        greeted = connection.recv(1, socket.MSG_PEEK)
    except OSError:
        greeted = b""
    if not greeted:
        connection.close()
        raise UserError(
            f"the machine in {directory} does not answer on {SOCKET}: another process, such as the cell that "
            "runs it, has the connection"
        )
    connection.settimeout(None)


def _calls(monitor: legacy.QEMUMonitorProtocol) -> Qmp:
    def call(command: str, **arguments: Any) -> Any:
        try:
            return monitor.cmd(command, **arguments)
        except (QMPError, OSError, EOFError, TimeoutError) as error:
            raise InfraError(f"QMP {command} failed: {error}") from error

    return call
