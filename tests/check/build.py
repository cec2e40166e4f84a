# SPDX-License-Identifier: GPL-2.0-only
"""Small timelines for the tests of checks."""

from __future__ import annotations

from harness.errors import Location
from harness.level import Level
from harness.scenario.language import EventPattern, Scalar, Scope
from harness.trace.clock import ClockRelation
from harness.trace.event import Event, Value
from harness.trace.source import Source
from harness.trace.timeline import Doubt, Loss, Realised, Timeline, TraceMark

HERE = Location("s.yaml", 12, 5)
Item = Event | TraceMark | Loss | Doubt
NAMES = ("l0.tlbi", "l0.shadow_unmap", "l1.tlbi", "l0.kvm.kvm_exit")
ANYWHERE = Scope()
US = 1_000


def event(name: str, seq: int, time_us: int | None = None, error_ns: int = 0, **fields: Value) -> Event:
    """An event at its name's level; without a time, 10 us per ``seq``."""
    time = seq * 10 if time_us is None else time_us
    return Event(name, Level.parse(name[:2]), seq, time * US, 0, "qemu-7", fields, error_ns, seq + 1)


def mark(name: str, seq: int, source: Source = Source.L0) -> TraceMark:
    return TraceMark(name, source, seq, seq * 10 * US)


def pattern(name: str, **fields: Scalar) -> EventPattern:
    return EventPattern(HERE, name, fields)


def timeline(
    *items: Item,
    missing: dict[str, str] | None = None,
    realised: dict[str, Realised] | None = None,
    clock: ClockRelation | None = None,
) -> Timeline:
    known = {name: Realised("series") for name in NAMES if name not in (missing or {})}
    return Timeline(
        events=tuple(
            sorted((i for i in items if isinstance(i, Event)), key=lambda e: (e.time_ns, e.source, e.seq))
        ),
        marks=tuple(i for i in items if isinstance(i, TraceMark)),
        losses=tuple(i for i in items if isinstance(i, Loss)),
        doubts=tuple(i for i in items if isinstance(i, Doubt)),
        realised=known | (realised or {}),
        missing=missing or {},
        clocks={Level.L0: ClockRelation(), Level.L1: clock or ClockRelation(0, 0)},
    )


def loss(after: int, before: int | None, source: Source = Source.L0) -> Loss:
    return Loss(source, after, before, 5, "buffer of cpu 0 overran")
