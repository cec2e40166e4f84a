# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's gdbstub: only the few packets of the GDB remote serial protocol that read a register.

The register numbers come from the target description (GDB manual, "Remote Protocol" and
"Target Descriptions").
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from harness.errors import Broken, InfraError
from harness.machine.qemu import CRASHES, MODEL_CRASH

REPLY_TIMEOUT_S = 20.0


class GdbStub:
    """A connection to a gdbstub on a UNIX socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(REPLY_TIMEOUT_S)
        self._buffer = b""

    def ask(self, command: str) -> str:
        """Send one packet and return the reply's text; ``InfraError`` when none comes."""
        body = command.encode()
        try:
            return self._exchange(b"$" + body + b"#%02x" % (sum(body) & 0xFF))
        except OSError as error:
            raise InfraError(f"the gdbstub did not answer {command}: {error}") from error

    def _exchange(self, packet: bytes) -> str:
        self._socket.sendall(packet)
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start)
            if 0 <= start < end and len(self._buffer) >= end + 3:
                reply = self._buffer[start + 1 : end]
                self._buffer = self._buffer[end + 3 :]
                self._socket.sendall(b"+")
                return _unescape(reply).decode("latin-1")
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError("it closed the connection")
            self._buffer += data

    def document(self, name: str) -> str:
        """Return a whole document of the target description."""
        text, offset = "", 0
        while True:
            reply = self.ask(f"qXfer:features:read:{name}:{offset:x},1000")
            text += reply[1:]
            offset += len(reply) - 1
            if not reply.startswith("m"):
                return text

    def registers(self) -> dict[str, int]:
        """Return register numbers by name, in the order of the target description."""
        numbers: dict[str, int] = {}
        following = 0
        for include in re.findall(r'<xi:include href="([^"]+)"', self.document("target.xml")):
            for attributes in re.findall(r"<reg\s([^>]*)/?>", self.document(include)):
                if name := re.search(r'name="([^"]+)"', attributes):
                    number = re.search(r'regnum="(\d+)"', attributes)
                    following = int(number[1]) if number else following
                    numbers.setdefault(name[1], following)
                following += 1
        return numbers

    def read(self, number: int) -> int:
        """Return a register's value; ``InfraError`` when the stub refuses."""
        reply = self.ask(f"p{number:x}")
        try:
            value = bytes.fromhex(reply)  # errors are E and two digits, unavailable bytes are xx
        except ValueError:
            value = b""
        if not value or len(reply) == 3:
            raise InfraError(f"the gdbstub cannot read register {number}: it answers {reply!r}")
        return int.from_bytes(value, "little")


def _unescape(data: bytes) -> bytes:
    out = bytearray()
    escaped = False
    for byte in data:
        if escaped:
            out.append(byte ^ 0x20)
        elif byte != 0x7D:
            out.append(byte)
        escaped = not escaped and byte == 0x7D
    return bytes(out)


def _not_started(directory: Path, status: int | None) -> Broken | InfraError:
    output = (directory / "qemu.log").read_text(errors="replace")[-2000:]
    words = output.strip() or "it printed nothing"
    if status is None:
        late = f"the model did not open its gdbstub within {REPLY_TIMEOUT_S:.0f} s"
        return InfraError(f"{late}: {words}", output)
    if -status in CRASHES:
        how = f"signal {-status} ({signal.Signals(-status).name})"
        cause = (
            f"the model crashed before its first instruction: it ended with {how}: {words.splitlines()[-1]}"
        )
        return Broken(cause, output, kind="level", name=MODEL_CRASH)
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return InfraError(f"the model did not start: it ended with {how}: {words}", output)


def connect(directory: Path, child: subprocess.Popen[bytes]) -> GdbStub:
    """Return the stub of a QEMU that was started in ``directory`` with ``-gdb unix:gdb.sock``.

    Raises ``Broken`` when QEMU crashes first, ``InfraError`` with what it said when it ends in another way or
    does not listen within 20 s.
    """
    end = time.monotonic() + REPLY_TIMEOUT_S
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(directory / "gdb.sock"))
        except OSError as error:
            connection.close()
            if child.poll() is not None or time.monotonic() > end:
                raise _not_started(directory, child.poll()) from error
            time.sleep(0.02)
        else:
            return GdbStub(connection)
