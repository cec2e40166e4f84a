"""One event type for everything that was observed at any level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.level import Level

Value = int | str


@dataclass(frozen=True, slots=True)
class Event:
    """One observed event.

    ``name``      registered name with its level, for example ``l0.tlbi``
    ``seq``       position in its own level's trace, from 0: order within a level is by ``seq``
    ``time_ns``   time on L0's clock in ns (the level's own time shifted by the measured offset)
    ``error_ns``  half-width of the uncertainty of that shift; 0 at L0
    ``cpu``       CPU of that level; ``task`` is ``comm-pid``
    ``line``      line number in the level's raw trace file, from 1
    """

    name: str
    level: Level
    seq: int
    time_ns: int
    cpu: int
    task: str
    fields: Mapping[str, Value]
    error_ns: int = 0
    line: int = 0


UNKNOWN = "?"
"""Value of a field that the event has but its realisation could not observe.

A condition on it neither holds nor fails. A field that does not apply to an event is absent instead.
"""
