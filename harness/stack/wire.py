# SPDX-License-Identifier: GPL-2.0-only
"""The agent's wire protocol: frames over a byte stream. See docs/payloads.md.

A frame is a 12-byte little-endian header (magic, hop, type, channel, length) and a payload of at most
64 KiB. ``hop`` counts the levels still to be crossed.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = 0x4648564E
MAGIC_BYTES = struct.pack("<I", MAGIC)
HEADER = struct.Struct("<IBBHI")
MAX_PAYLOAD = 65536
CHUNK = 32768


class Type(enum.IntEnum):
    """Frame types; those from 16 on go from the agent to the harness, TURN both ways."""

    EXEC = 1
    STDIN = 2
    KILL = 3
    PING = 4
    RESUME = 5
    STDOUT = 16
    STDERR = 17
    EXIT = 18
    PONG = 19
    HELLO = 20
    ERROR = 21
    TURN = 22


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. ``type`` is an int so that an unknown one can be reported."""

    hop: int
    type: int
    channel: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes on the wire; ``ValueError`` for a payload over 64 KiB."""
        if len(self.payload) > MAX_PAYLOAD:
            raise ValueError(f"payload of {len(self.payload)} bytes exceeds {MAX_PAYLOAD}")
        return HEADER.pack(MAGIC, self.hop, self.type, self.channel, len(self.payload)) + self.payload


class Decoder:
    """Turns a byte stream into frames and skips whatever is not one."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.skipped = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add ``data`` and yield every complete frame; ``skipped`` counts bytes that were no frame."""
        self._buffer += data
        while True:
            start = self._buffer.find(MAGIC_BYTES)
            if start < 0:
                keep = min(len(self._buffer), len(MAGIC_BYTES) - 1)
                self.skipped += len(self._buffer) - keep
                del self._buffer[: len(self._buffer) - keep]
                return
            if start:
                self.skipped += start
                del self._buffer[:start]
            if len(self._buffer) < HEADER.size:
                return
            _, hop, kind, channel, length = HEADER.unpack_from(self._buffer)
            if length > MAX_PAYLOAD:
                self.skipped += 1
                del self._buffer[:1]
                continue
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            yield Frame(hop, kind, channel, payload)
