# SPDX-License-Identifier: GPL-2.0-only
"""The file that the plugin nvh-hold shares with the harness: what is held where, and what came of it.

Layout: images/payloads/plugin/hold/format.h, little endian. The plugin sees a change at once.
"""

from __future__ import annotations

import enum
import functools
import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.plugin import Plugins
from harness.errors import InfraError, UserError
from harness.machine.qemu import Plugin
from harness.scenario.language import Place
from harness.trace.executed import symbols
from harness.trace.executed.places import WFE, WFI, YIELD, NoSuchPlace, Text

NAME = "nvh-hold"
FILE = "holds.bin"
NEEDS_API = 7
ANY = -1
HOLDS = 32
ADDRESSES = 8192
RECORDS = 1 << 18
WAITERS = 4
WAITS = (
    "queued_spin_lock_slowpath",
    "queued_read_lock_slowpath",
    "queued_write_lock_slowpath",
    "smp_call_function_many_cond",
    "smp_call_function_single",
    "__mutex_lock",
    "rwsem_down_read_slowpath",
    "rwsem_down_write_slowpath",
    "wait_for_completion",
    "__synchronize_srcu",
)
"""Functions in which a CPU, or a thread, waits for another; a kernel need not have all."""

STREAK = 100
"""Arrivals of one CPU after which it ends its turn. A turn has up to five million instructions, in which a
fault is tried again some hundred times while the notifier that it waits for has a few thousand to go."""
PA_BITS = "kvm_ipa_limit"
"""KVM's PA size of the CPU (arch/arm64/kvm/reset.c), which is also that of every shadow stage 2."""
SHADOWS_BEGIN, VM_ENDS = Place("kvm_vcpu_init_nested"), Place("kvm_destroy_vm")
"""Between them KVM has as many bits in all that it does: it unmaps a whole shadow up to its PA size, too."""

OF_THE_KERNEL = frozenset({"__per_cpu_offset", "jiffies"})
"""Its variables that the plugin reads."""
_MAGIC = 0x32444C4F48766E
_HEADER = struct.Struct("<QIIQQQQQQIIiiIIQQQQQ")
_POKE = struct.Struct("<QIIiiI")
STAYS = -1
_CONFIG = struct.Struct("<iiiiiiIIIIiIQ")
_STATE = struct.Struct("<IIII8IQQQQQIIII")
_WAITER = struct.Struct("<iiQ")
_ADDRESS = struct.Struct("<QII")
_RECORD = struct.Struct("<QHHBBBx")
_WHAT_AT = 13
_TABLE, _PLACES, _LOG = 0x1000, 0x4000, 0x24000
_ENABLED_AT = 12
_USED_AT = _HEADER.size - 32
_POKE_AT = 56
_STREAK_AT = 84
_LET_GO_AT = 44
_HOLD = _CONFIG.size + _STATE.size + WAITERS * _WAITER.size


class HoldState(enum.IntEnum):
    """Of a hold: ``WAITS`` for its beginning; ``PASSING``: let go; ``DONE``: held as often as told."""

    OFF = 0
    WAITS = 1
    ARMED = 2
    HOLDING = 3
    PASSING = 4
    DONE = 5


class HoldEnd(enum.IntEnum):
    """What let a vCPU go."""

    NONE = 0
    UNTIL = 1
    STEP = 2
    DEADLINE = 3
    BLOCKED = 4
    END = 5


class HoldEvent(enum.IntEnum):
    """A record of the log."""

    ARRIVED = 0
    HELD = 1
    RELEASED = 2


@dataclass(frozen=True, slots=True)
class HoldPoint:
    """A vCPU of L0 comes to a place: index into the file's places; ``cpu`` ``ANY`` for whichever."""

    place: int
    cpu: int = ANY


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """What is to be held, and how long.

    ``times`` 0: again and again. ``held``: index of another hold, which must hold its vCPU. ``events``: so
    many arrivals at any place by other vCPUs. ``deadline_ns`` of guest time.
    """

    at: HoldPoint
    nth: int = 1
    times: int = 1
    after: HoldPoint | None = None
    until: HoldPoint | None = None
    until_nth: int = 1
    held: int = ANY
    events: int = 0
    deadline_ns: int = 20_000_000


@dataclass(frozen=True, slots=True)
class Waiter:
    """A CPU that waited in the function ``place`` for what the held one has; ``caller`` is an address."""

    cpu: int
    place: int
    caller: int


@dataclass(frozen=True, slots=True)
class HoldFound:
    """What came of a hold: how often the vCPU came by, how often it was held, why it was let go."""

    state: HoldState
    why: HoldEnd
    seen: int
    held: int
    reasons: dict[HoldEnd, int]
    cpu: int
    waiters: tuple[Waiter, ...]


@dataclass(frozen=True, slots=True)
class HoldRecord:
    """One entry of the log; ``executed`` counts instructions of all vCPUs."""

    executed: int
    place: int
    cpu: int
    what: HoldEvent
    hold: int
    why: HoldEnd


class HoldFile:
    """The file ``directory/FILE`` for a kernel in ``kernel`` (System.map, vmlinux, config)."""

    def __init__(
        self, directory: Path, kernel: Path, places: Sequence[Place], records: int = RECORDS
    ) -> None:
        self.path = directory / FILE
        self._map = kernel / "System.map"
        self.symbols = symbols.load(kernel / "System.map")
        text = Text.read(kernel / "vmlinux", self.symbols)
        self.places = tuple(dict.fromkeys(places))
        self._numbers = {place: number for number, place in enumerate(self.places)}
        self.absent: dict[Place, str] = {}
        self._names: list[str] = [str(place) for place in self.places]
        table = self._table(text)
        at = _data_symbols(self._map, OF_THE_KERNEL)
        with self.path.open("wb") as stream:
            stream.truncate(_LOG + records * _RECORD.size)
        self._write(
            0,
            _HEADER.pack(
                _MAGIC,
                len(table),
                0,
                text.first(YIELD),
                text.first(WFI, "cpu_do_idle"),
                at["__per_cpu_offset"],
                at["jiffies"],
                1_000_000_000 // _hertz(kernel / "config"),
                0,
                0,
                0,
                ANY,
                ANY,
                0,
                0,
                records,
                0,
                0,
                0,
                0,
            ),
        )
        self._write(_PLACES, b"".join(_ADDRESS.pack(*row) for row in table))

    def plugin(self, plugins: Plugins, *, parallel: bool, absolute: bool = False) -> Plugin:
        """The plugin, for a QEMU in the file's directory, or anywhere with an ``absolute`` path.

        ``UserError`` when the model's QEMU cannot hold.
        """
        if plugins.api < NEEDS_API:
            raise UserError(
                "this model's QEMU cannot hold vCPUs: its plugins cannot set a PC; use one of 11.1 or newer"
            )
        options = [("holds", str(self.path.absolute()) if absolute else FILE)] + (
            [("parallel", "on")] if parallel else []
        )
        return Plugin(plugins.file(NAME), tuple(options))

    def index(self, place: Place) -> int:
        """The number of a place in the file; ``NoSuchPlace`` when the kernel lacks it."""
        if place in self.absent:
            raise NoSuchPlace(self.absent[place])
        return self._numbers[place]

    def name(self, index: int) -> str:
        """The words for a place by its number."""
        return self._names[index] if index < len(self._names) else f"place {index}"

    def arm(self, orders: Sequence[HoldOrder]) -> None:
        """Replace all holds, with counts from zero, and empty the log. The machine must stand still."""
        if len(orders) > HOLDS:
            raise UserError(f"{len(orders)} holds at once; at most {HOLDS}")
        rows = [_config(order) + _state(_begun(order)) for order in orders]
        rows += [_config(HoldOrder(HoldPoint(ANY))) + _state(HoldState.OFF)] * (HOLDS - len(orders))
        self._write(_USED_AT, bytes(24))
        for number, row in enumerate(rows):
            self._write(_TABLE + number * _HOLD, row)

    def add(self, number: int, order: HoldOrder) -> None:
        """Arm one more hold as ``number``, and leave the others as they are."""
        at = _TABLE + number * _HOLD
        self._write(at, _config(order) + _state(HoldState.OFF))
        self._write(at + _CONFIG.size, struct.pack("<I", _begun(order)))  # the machine may be running

    def poke(self, symbol: str, value: int, since: Place, until: Place | None) -> None:
        """Have the kernel's 32-bit variable ``symbol`` be ``value`` from one place to another, or for good.

        ``NoSuchPlace``, and ``InfraError`` when the kernel has no such variable.
        """
        at = _data_symbols(self._map, frozenset({symbol}))[symbol]
        end = STAYS if until is None else self.index(until)
        self._write(_POKE_AT, _POKE.pack(at, value, 0, self.index(since), end, 0))

    def end_turns(self, arrivals: int) -> None:
        """Have a CPU end its turn after so many arrivals with none of another CPU in between; 0: never."""
        self._write(_STREAK_AT, struct.pack("<I", arrivals))

    def poked(self) -> bool:
        """Whether the last ``poke`` was carried out."""
        return bool(_POKE.unpack_from(self._head(), _POKE_AT)[5])

    def enable(self, on: bool) -> None:
        """Hold from now on, or let go whoever is held and hold nobody."""
        self._write(_ENABLED_AT, struct.pack("<I", on))

    def let_go(self, number: int) -> None:
        """The step for which a hold waited has ended."""
        self._write(_TABLE + number * _HOLD + _LET_GO_AT, struct.pack("<I", 1))

    def found(self, count: int) -> list[HoldFound]:
        """What came of the first ``count`` holds so far."""
        data = self._head()
        return [_found(data[_TABLE + number * _HOLD :]) for number in range(count)]

    def raw(self) -> tuple[bytes, int]:
        """The records so far, as ``records_of`` reads them, and how many did not fit."""
        with self.path.open("rb") as stream:
            stream.seek(_USED_AT)
            used, lost = struct.unpack("<QQ", stream.read(16))
            stream.seek(_LOG)
            return stream.read(used * _RECORD.size), lost

    def log(self) -> tuple[list[HoldRecord], int]:
        """The records so far, and how many did not fit."""
        raw, lost = self.raw()
        return records_of(raw), lost

    def _table(self, text: Text) -> list[tuple[int, int, int]]:
        rows: list[tuple[int, int, int]] = []
        for number, place in enumerate(self.places):
            try:
                rows += [(at, number, 0) for at in text.addresses(place)]
            except NoSuchPlace as error:
                self.absent[place] = str(error)
        for function in WAITS:
            for kind, place in ((1, Place(function)), (2, Place(function, "return"))):
                try:
                    found = text.addresses(place)
                except NoSuchPlace:
                    continue
                rows += [(at, len(self._names), kind) for at in found]
            rows += [(at, len(self._names), 3) for at in text.every(WFE, function)]
            self._names.append(function)
        if len(rows) > ADDRESSES:
            raise UserError(f"the places have {len(rows)} addresses; at most {ADDRESSES}")
        return sorted(rows)

    def _head(self) -> bytes:
        """What comes before the places."""
        with self.path.open("rb") as stream:
            return stream.read(_PLACES)

    def _write(self, at: int, data: bytes) -> None:
        try:
            with self.path.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as memory:
                memory[at : at + len(data)] = data
        except (OSError, ValueError) as error:
            raise InfraError(f"the holds in {self.path} cannot be changed: {error}") from error


def records_of(raw: bytes) -> list[HoldRecord]:
    """The records in ``raw``."""
    return [
        HoldRecord(executed, place, cpu, HoldEvent(what), hold, HoldEnd(why))
        for executed, place, hold, cpu, what, why in _RECORD.iter_unpack(raw)
    ]


def extent_of(raw: bytes) -> tuple[int, int]:
    """How many of the records are arrivals, and the instructions from the first record to the last."""
    if not raw:
        return 0, 0
    (first, *_), (last, *_) = _RECORD.unpack_from(raw), _RECORD.unpack_from(raw, len(raw) - _RECORD.size)
    return raw[_WHAT_AT :: _RECORD.size].count(HoldEvent.ARRIVED), last - first


def _begun(order: HoldOrder) -> HoldState:
    return HoldState.ARMED if order.after is None else HoldState.WAITS


def _config(order: HoldOrder) -> bytes:
    points = (order.at, order.after or HoldPoint(ANY), order.until or HoldPoint(ANY))
    words = [word for point in points for word in (point.place, point.cpu)]
    counts = (order.nth, order.times, order.until_nth, order.events)
    return _CONFIG.pack(*words, *counts, order.held, 0, order.deadline_ns)


def _state(state: HoldState) -> bytes:
    return struct.pack("<I", state) + bytes(_STATE.size - 4 + WAITERS * _WAITER.size)


def _found(data: bytes) -> HoldFound:
    state, why, seen, held, *rest = _STATE.unpack_from(data, _CONFIG.size)
    cpu, waiters = rest[14], rest[16]
    at = _CONFIG.size + _STATE.size
    who = [Waiter(*_WAITER.unpack_from(data, at + i * _WAITER.size)) for i in range(min(waiters, WAITERS))]
    reasons = {each: rest[each] for each in HoldEnd if rest[each]}
    return HoldFound(HoldState(state), HoldEnd(why), seen, held, reasons, cpu, tuple(who))


@functools.lru_cache
def _data_symbols(system_map: Path, wanted: frozenset[str]) -> dict[str, int]:
    found = {}
    for line in system_map.read_text(encoding="utf-8").splitlines():
        address, _, name = line.partition(" ")[0], *line.rpartition(" ")[1:]
        if name in wanted:
            found[name] = int(address, 16)
    if missing := wanted - set(found):
        raise InfraError(f"{system_map} has no {' and no '.join(sorted(missing))}")
    return found


def _hertz(config: Path) -> int:
    for line in config.read_text(encoding="utf-8").splitlines():
        if line.startswith("CONFIG_HZ="):
            return int(line.partition("=")[2])
    raise InfraError(f"{config} says nothing of CONFIG_HZ")
