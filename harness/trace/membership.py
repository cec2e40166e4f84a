"""Which group of events, for example which span, an event is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harness.trace.event import Event
from harness.trace.packed import Packed
from harness.trace.source import Source


class Membership:
    """Finds the number of the group that an event belongs to; of several, the last.

    Groups of packed events cost some 12 bytes an event, others a hundred.
    """

    def __init__(self, groups: Iterable[Sequence[Event]]) -> None:
        self._known: dict[tuple[Source, int], int] = {}
        seqs, owners = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        for number, events in enumerate(groups):
            if isinstance(events, Packed):
                seqs.append(events.seqs)
                owners.append(np.full(len(events), number, dtype=np.int32))
            else:
                self._known |= {(event.source, event.seq): number for event in events}
        every, owner = np.concatenate(seqs), np.concatenate(owners)
        order = np.argsort(every, kind="stable")
        self._seqs, self._owners = every[order], owner[order]

    def find(self, event: Event) -> int | None:
        """The group of ``event``, or None."""
        source = event.source
        number = self._known.get((source, event.seq))
        if number is None and len(self._seqs) and source is Source.MODEL:
            at = int(np.searchsorted(self._seqs, event.seq, side="right")) - 1
            if at >= 0 and self._seqs[at] == event.seq:
                return int(self._owners[at])
        return number
