# SPDX-License-Identifier: GPL-2.0-only
"""A small gdbstub that speaks the remote serial protocol on a socket, for tests of its client."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping

TARGET = """<?xml version="1.0"?><target><architecture>aarch64</architecture>
<xi:include href="core.xml"/><xi:include href="system.xml"/></target>"""
CORE = """<feature name="core"><reg name="x0" bitsize="64"/><reg name="x1" bitsize="64"/></feature>"""
SYSTEM = """<feature name="sys"><reg name="MIDR_EL1" bitsize="64" regnum="66" group="cp_regs"/>
<reg name="ID_AA64MMFR2_EL1" bitsize="64" group="cp_regs"/></feature>"""
DOCUMENTS = {"target.xml": TARGET, "core.xml": CORE, "system.xml": SYSTEM}


def escaped(text: str) -> bytes:
    """Escape what may not stand in a packet (GDB manual, "Overview" of the remote protocol)."""
    out = bytearray()
    for byte in text.encode("latin-1"):
        out += bytes([0x7D, byte ^ 0x20]) if byte in b"#$}*" else bytes([byte])
    return bytes(out)


class Stub:
    """Answers on one end of a socket pair; ``client`` is the other end. ``noise`` precedes each reply."""

    def __init__(self, registers: Mapping[int, str], noise: bytes = b"", chunk: int = 7) -> None:
        self.client, self._socket = socket.socketpair()
        self._registers = registers
        self._noise = noise
        self._chunk = chunk
        self.bad_checksums = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the stub."""
        self.client.close()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        buffer = b""
        while data := self._socket.recv(4096):
            buffer += data
            while b"#" in buffer and len(buffer) >= (end := buffer.index(b"#")) + 3:
                packet, checksum = buffer[buffer.index(b"$") + 1 : end], buffer[end + 1 : end + 3]
                self.bad_checksums += sum(packet) & 0xFF != int(checksum, 16)
                buffer = buffer[end + 3 :]
                self._reply(packet.decode())

    def _reply(self, packet: str) -> None:
        answer = escaped(self._answer(packet))
        data = self._noise + b"+$" + answer + b"#%02x" % (sum(answer) & 0xFF)
        for start in range(0, len(data), self._chunk):
            self._socket.sendall(data[start : start + self._chunk])

    def _answer(self, packet: str) -> str:
        handlers: dict[str, Callable[[str], str]] = {"q": self._document, "p": self._register}
        handler = handlers.get(packet[0])
        return handler(packet) if handler else "S05"

    def _document(self, packet: str) -> str:
        *_, name, window = packet.split(":")
        offset, length = (int(word, 16) for word in window.split(","))
        part = DOCUMENTS[name][offset : offset + min(length, 50)]
        more = offset + len(part) < len(DOCUMENTS[name])
        return ("m" if more else "l") + part

    def _register(self, packet: str) -> str:
        return self._registers.get(int(packet[1:], 16), "E14")
