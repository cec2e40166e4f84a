# SPDX-License-Identifier: GPL-2.0-only
"""Schedules: a few preemptions, each a CPU that is held at a place until another one has come somewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.scenario.language import Place
from harness.trace.executed.hold_file import ANY, HoldOrder, HoldPoint

PATIENCE_US = 4_000
"""Guest time after which a CPU goes on, if what it was held for does not come: four million instructions.
Where CPUs meet they do so within one; and one that waits for the held one looks at it all that while."""
MOST_BITS = 48
"""Of a shadow: KVM's PA size on the shipped models."""
APART = 100
"""Instructions between two arrivals of which nothing else is known."""


@dataclass(frozen=True, slots=True)
class RaceArrival:
    """CPU ``cpu`` came to ``place`` for the ``nth`` time; ``number`` counts the arrivals of all CPUs.

    ``at``: how many instructions all CPUs had executed.
    """

    number: int
    cpu: int
    place: Place
    nth: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Preemption:
    """Hold ``cpu`` when it comes to ``place`` for the ``nth`` time.

    Until CPU ``other`` comes to ``until`` for the ``until_nth`` time from then on; or until the schedule's
    preemption number ``held`` holds its CPU; else until others have come to ``events`` places.
    """

    cpu: int
    place: Place
    nth: int
    other: int = 0
    until: Place | None = None
    until_nth: int = 1
    events: int = 0
    deadline_us: int = PATIENCE_US
    held: int = ANY

    def order(self, index: Callable[[Place], int]) -> HoldOrder:
        """The hold, with places by number."""
        until = None if self.until is None else HoldPoint(index(self.until), self.other)
        return HoldOrder(
            at=HoldPoint(index(self.place), self.cpu),
            nth=self.nth,
            until=until,
            until_nth=self.until_nth,
            held=self.held,
            events=self.events,
            deadline_ns=self.deadline_us * 1000,
        )

    def step(self, shadow_bits: int) -> str:
        """The step of a scenario, with shadows of so many bits; ``MOST_BITS`` are the machine's own."""
        if self.held != ANY:
            until = f"{{held: hold-{self.held}}}"
        elif self.until is None:
            until = f"{{events: {self.events}}}"
        else:
            until = f"{{at: {self.until}, cpu: {self.other}, nth: {self.until_nth}}}"
        where = f"at: {self.place}, cpu: {self.cpu}, nth: {self.nth}"
        bits = f", shadow-bits: {shadow_bits}" if shadow_bits != MOST_BITS else ""
        return f"hold: {{{where}, until: {until}, deadline: {self.deadline_us}us{bits}}}"

    def __str__(self) -> str:
        if self.held != ANY:
            until = f"hold {self.held} holds"
        elif self.until:
            until = f"cpu{self.other} at {self.until} x{self.until_nth}"
        else:
            until = f"{self.events} events"
        return f"cpu{self.cpu} at {self.place} x{self.nth} until {until}"


Schedule = tuple[Preemption, ...]


def arrivals(log: Sequence[tuple[int, Place]], at: Sequence[int] = ()) -> tuple[RaceArrival, ...]:
    """From CPU and place of each arrival, in order, and from the instructions executed by then."""
    seen: Counter[tuple[int, Place]] = Counter()
    found = []
    for number, (cpu, place) in enumerate(log):
        seen[cpu, place] += 1
        when = at[number] if at else number * APART
        found.append(RaceArrival(number, cpu, place, seen[cpu, place], when))
    return tuple(found)


def shorter(schedule: Schedule) -> Iterator[Schedule]:
    """The schedules with one preemption less, and without those that wait for it to hold."""
    for i in range(len(schedule)):
        yield tuple(
            replace(each, held=each.held - (each.held > i))
            for j, each in enumerate(schedule)
            if i not in (j, each.held)
        )


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """The smallest schedule that ``fails`` still, found greedily: preemptions that do not matter go."""
    again = True
    while again:
        again = False
        for candidate in shorter(schedule):
            if fails(candidate):
                schedule, again = candidate, True
                break
    return schedule
