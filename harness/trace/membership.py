# SPDX-License-Identifier: GPL-2.0-only
"""Which group of events, for example which span, an event is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.trace.event import Event
from harness.trace.source import Source


class Membership:
    """Finds the number of the group that an event belongs to; of several, the last."""

    def __init__(self, groups: Iterable[Sequence[Event]]) -> None:
        self._known: dict[tuple[Source, int], int] = {
            (event.source, event.seq): number for number, events in enumerate(groups) for event in events
        }

    def find(self, event: Event) -> int | None:
        """The group of ``event``, or None."""
        return self._known.get((event.source, event.seq))
