# SPDX-License-Identifier: GPL-2.0-only
"""One event type for everything that was observed, by any source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.level import Level
from harness.trace.source import Source, source_of

Value = int | str


@dataclass(slots=True)
class Event:
    """One observed event. Nothing changes it; a frozen one takes five times as long to make.

    ``name``      registered name with its source, for example ``l0.tlbi`` or ``model.tlbi``
    ``level``     level at which the code ran: that of the source, or what the model's registers say
    ``seq``       position in its own source, from 0: order within a source is by ``seq``
    ``time_ns``   time on L0's clock in ns (the level's own time shifted by the measured offset)
    ``error_ns``  half-width of the uncertainty of that; 0 at L0
    ``cpu``       CPU of that level, or vCPU of the model; ``task`` is ``comm-pid``, empty for the model
    ``line``      line number in the level's raw trace file, from 1; for the model the record, from 0
    ``seen_by``   who observed it, where that is not the source that the name begins with
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
    seen_by: Source | None = None

    def field(self, name: str) -> Value | None:
        """The value of a field; of an event of the model also where it happened. None for none."""
        value = self.fields.get(name)
        if value is None and name in ("level", "cpu") and self.name.startswith("model."):
            return str(self.level) if name == "level" else self.cpu
        return value

    @property
    def source(self) -> Source:
        """Who observed it: in its order ``seq`` is."""
        return self.seen_by or source_of(self.name)


UNKNOWN = "?"
"""Value of a field that the event has but its realisation could not observe.

A condition on it neither holds nor fails. A field that does not apply to an event is absent instead.
"""
