# SPDX-License-Identifier: GPL-2.0-only
"""The plugin's file as numbers: images/payloads/plugin/trace/format.h in Python."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.errors import InfraError

MAGIC = b"NVHTRACE"
VERSION = 2
HEADER_BYTES = 262144
FUNCTIONS = 2048
NAME_BYTES = 56
CPUS = 64
_HEAD = struct.Struct("<8s6I5Q")
ENABLED_AT = 40
_FUNCTION = struct.Struct(f"<Q{NAME_BYTES}s")
_FUNCTIONS_AT = _HEAD.size + 56
_KEYS_AT = _FUNCTIONS_AT + FUNCTIONS * _FUNCTION.size

UNIT = np.dtype(
    [
        ("kind", "u1"),
        ("vcpu", "u1"),
        ("info", "<u2"),
        ("check", "<u4"),
        ("a", "<u8"),
        ("b", "<u8"),
        ("c", "<u8"),
    ]
)
Units = npt.NDArray[np.void]
Numbers = npt.NDArray[np.uint64]


class UnitKind(enum.IntEnum):
    """What a unit is."""

    NONE = 0
    TLBI = 1
    DSB = 2
    ISB = 3
    AT = 4
    ERET = 5
    EXCEPTION = 6
    MSR = 7
    CALL = 8
    MORE = 15


MORE_UNITS = {
    UnitKind.TLBI: 1,
    UnitKind.DSB: 0,
    UnitKind.ISB: 0,
    UnitKind.AT: 1,
    UnitKind.ERET: 1,
    UnitKind.EXCEPTION: 2,
    UnitKind.MSR: 1,
    UnitKind.CALL: 3,
}
"""How many ``MORE`` units follow the first unit of a record."""

LEVELS = 4


def bit(kind: UnitKind, el: int) -> int:
    """The bit of ``TraceHeader.enabled`` for a kind at an exception level."""
    return 1 << (kind * LEVELS + el)


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """The file's first bytes. ``next`` counts units; more than ``limit`` when records were ``lost``."""

    api: int
    vcpus: int
    limit: int
    enabled: int
    next: int
    lost: int
    functions: tuple[tuple[int, str], ...]
    keys: tuple[int, ...] = ()

    @property
    def cpus(self) -> tuple[int, ...] | None:
        """The CPU that each number in a unit stands for; None when that cannot be told.

        With ``keys`` it is a place among these values of TPIDR_EL2, Linux' per-CPU offset: they ascend with
        the CPUs' numbers. A CPU has 0 there until Linux has set it up, which CPU 0 does first.
        """
        if not self.keys:
            return tuple(range(self.vcpus))
        order = {key: number for number, key in enumerate(sorted(set(self.keys) - {0}))}
        if len(order) > self.vcpus or len(self.keys) > CPUS:
            return None
        return tuple(order.get(key, 0) for key in self.keys)

    @property
    def used(self) -> int:
        """Units that the file should hold."""
        return min(self.next, self.limit)


def read_header(path: Path) -> TraceHeader:
    """Read and check the header; ``InfraError`` when ``path`` is no trace of this version."""
    try:
        with path.open("rb") as stream:
            data = stream.read(HEADER_BYTES)
    except OSError as error:
        raise InfraError(f"the model's trace {path} cannot be read: {error.strerror}") from error
    if not data:
        raise InfraError(f"the model's trace {path} is empty")
    if len(data) < HEADER_BYTES:
        raise InfraError(f"the model's trace {path} ends within its header, after {len(data)} bytes")
    (magic, version, header, unit, api, vcpus, functions, limit, enabled, following, lost, keys) = (
        _HEAD.unpack_from(data)
    )
    if magic != MAGIC:
        raise InfraError(f"{path} is not a trace of nvh-trace: it begins with {magic!r}")
    if version != VERSION:
        raise InfraError(f"{path} has format {version}, this nvh reads {VERSION}; run the cell again")
    if (
        (header, unit) != (HEADER_BYTES, UNIT.itemsize)
        or functions > FUNCTIONS
        or keys > CPUS
        or not (limit and 0 < vcpus <= CPUS)
    ):
        raise InfraError(f"the header of the model's trace {path} makes no sense")
    table = []
    for index in range(functions):
        address, name = _FUNCTION.unpack_from(data, _FUNCTIONS_AT + index * _FUNCTION.size)
        try:
            table.append((address, name.rstrip(b"\0").decode("ascii")))
        except UnicodeDecodeError:
            raise InfraError(f"the header of the model's trace {path} makes no sense") from None
    key = struct.unpack_from(f"<{keys}Q", data, _KEYS_AT)
    return TraceHeader(api, vcpus, limit, enabled, following, lost, tuple(table), key)


def pack_header(header: TraceHeader) -> bytes:
    """The bytes that ``read_header`` reads, for traces that no plugin wrote."""
    head = _HEAD.pack(
        MAGIC,
        VERSION,
        HEADER_BYTES,
        UNIT.itemsize,
        header.api,
        header.vcpus,
        len(header.functions),
        header.limit,
        header.enabled,
        header.next,
        header.lost,
        len(header.keys),
    )
    table = b"".join(_FUNCTION.pack(address, name.encode()) for address, name in header.functions)
    keys = struct.pack(f"<{len(header.keys)}Q", *header.keys)
    return ((head.ljust(_FUNCTIONS_AT, b"\0") + table).ljust(_KEYS_AT, b"\0") + keys).ljust(
        HEADER_BYTES, b"\0"
    )


def checks(units: Units, first: int) -> npt.NDArray[np.uint32]:
    """The check values that ``units`` should have, the first of them at position ``first``."""
    h: Numbers = np.arange(first + 1, first + 1 + len(units), dtype=np.uint64)
    h *= np.uint64(0x9E3779B97F4A7C15)
    head = units["kind"].astype(np.uint64)
    head |= units["vcpu"].astype(np.uint64) << np.uint64(8)
    head |= units["info"].astype(np.uint64) << np.uint64(16)
    for word in (head, units["a"], units["b"], units["c"]):
        h ^= word
        h *= np.uint64(0xFF51AFD7ED558CCD)
        h ^= h >> np.uint64(32)
    return h.astype(np.uint32)
