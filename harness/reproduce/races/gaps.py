# SPDX-License-Identifier: GPL-2.0-only
"""Where both CPUs are within a side at once, and neither has a lock: right before one, or right behind one.

What a side does under a lock the other one sees as a whole. So two sides with some gaps each can be told
apart in as many ways as there are pairs of these, and in either order: who is held first lets the other one
come to its gap, and ends its own side then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.reproduce.races.calm_run import CalmRun
from harness.reproduce.races.schedule import RaceArrival
from harness.reproduce.races.sides import Side, Stretch

CROSSED = 16
"""In a ``Pair`` of what was tried: beyond what a sweep counts there."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A CPU is held in ``stretch`` until the other one is in ``other_stretch`` of its side ``other``."""

    stretch: Stretch
    other: Side
    other_stretch: Stretch

    @property
    def middle(self) -> RaceArrival:
        """Where the second of the two waits."""
        return point(self.other_stretch)

    @property
    def held(self) -> RaceArrival:
        """Where the first of the two waits."""
        return point(self.stretch)

    @property
    def user(self) -> RaceArrival:
        """Of the two places the one of another CPU than the first."""
        return self.held if self.held.cpu else self.middle


def point(stretch: Stretch) -> RaceArrival:
    """Right before the lock is taken, or right behind where it was given."""
    return stretch.arrivals[0] if stretch.arrivals[0].place.kind == "after" else stretch.arrivals[-1]


def crossings(calm: CalmRun) -> Iterator[Crossing]:
    """All of what others did while all was calm with what takes translations away."""
    mine = [each for each in _gaps(calm, calm.cpus[0]) if point(each).number < calm.next_mark]
    for cpu in calm.cpus[1:]:
        for theirs in (each for each in _gaps(calm, cpu) if point(each).number < calm.rest):
            for own in mine:
                for stretch, other in ((theirs, own), (own, theirs)):
                    side = _side(calm, point(other))
                    if side is not None and calm.meets(point(stretch), side):
                        yield Crossing(stretch, side, other)


def _gaps(calm: CalmRun, cpu: int) -> Iterator[Stretch]:
    """The last time of each place, for others while all was calm."""
    for group in calm.groups.get(cpu, {}).values():
        some = [each for each in group if not cpu or each.arrivals[0].number < calm.rest]
        if some and not calm.keeps_out(some[-1]) and not some[-1].inner:
            yield some[-1]


def _side(calm: CalmRun, at: RaceArrival) -> Side | None:
    return next(
        (each for each in calm.sides if each.cpu == at.cpu and each.first <= at.number <= each.last.number),
        None,
    )
