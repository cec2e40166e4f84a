# SPDX-License-Identifier: GPL-2.0-only
"""Which events of a long timeline a page shows: all where assertions failed, a fair share elsewhere."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.trace.event import Event
from harness.trace.export.view import View, key_of

LIMIT = 100_000
"""Events in one page: some 10 MB, which browsers open in about a second."""
AROUND = 50
"""One part in this many of the limit stands on either side of a trigger and is never left out."""


@dataclass(frozen=True, slots=True)
class Thinned:
    """The events shown, and by name how many of how many, where not all are."""

    events: tuple[Event, ...]
    left_out: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def thin(view: View, limit: int = LIMIT) -> Thinned:
    """At most ``limit`` events (or those around triggers, if these are more), in the timeline's order.

    Kept are those around the triggers and in the assertions' contexts; then, of each name, as many as an
    equal share of the rest allows, evenly spaced: rare events stay, the most frequent ones are thinned.
    """
    events = view.timeline.events
    if len(events) <= limit:
        return Thinned(tuple(events))
    around = limit // AROUND
    keys = {key_of(event): place for place, event in enumerate(events)}
    kept: set[int] = set()
    for each in view.highlights:
        kept.update(keys[key] for e in each.context if (key := key_of(e)) in keys)
        if each.trigger is not None:
            place = keys.get(key_of(each.trigger))
            if place is not None:
                kept.update(range(max(0, place - around), min(len(events), place + around + 1)))
    counts = Counter(event.name for place, event in enumerate(events) if place not in kept)
    shares = _shares(counts, max(0, limit - len(kept)))
    met: Counter[str] = Counter()
    for place, event in enumerate(events):
        if place in kept:
            continue
        share, count, number = shares[event.name], counts[event.name], met[event.name]
        met[event.name] += 1
        if (number + 1) * share // count > number * share // count:
            kept.add(place)
    shown = tuple(events[place] for place in sorted(kept))
    there, here = Counter(e.name for e in events), Counter(e.name for e in shown)
    left = {name: (here[name], count) for name, count in there.most_common() if here[name] < count}
    return Thinned(shown, left)


def _shares(counts: Mapping[str, int], room: int) -> dict[str, int]:
    """How many events of each name fit: rare names whole, what is left split evenly among the others."""
    shares = {}
    left = room
    for rank, (name, count) in enumerate(sorted(counts.items(), key=lambda item: item[1])):
        share = min(count, math.floor(left / (len(counts) - rank)))
        shares[name] = share
        left -= share
    return shares
