# SPDX-License-Identifier: GPL-2.0-only
"""Schedules: a few preemptions, each a CPU that is held at a place until another one has come somewhere.

Two ways to make one from what a program did without any: pairs, a place of one CPU and a later arrival of
another (bounded preemptions: Musuvathi and Qadeer, PLDI 2007), and points at random, each until others have
come to some places (PCT: Burckhardt, Kothari, Musuvathi and Nagarakatte, ASPLOS 2010). All follows from the
generator of random numbers.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.scenario.language import Place
from harness.trace.executed.hold_file import HoldOrder, HoldPoint

PATIENCE_US = 4_000
"""Guest time after which a CPU goes on, if what it was held for does not come."""
MOST = 3
EVENTS = 40


@dataclass(frozen=True, slots=True)
class RaceArrival:
    """CPU ``cpu`` came to ``place`` for the ``nth`` time; ``number`` counts the arrivals of all CPUs."""

    number: int
    cpu: int
    place: Place
    nth: int


@dataclass(frozen=True, slots=True)
class Preemption:
    """Hold ``cpu`` when it comes to ``place`` for the ``nth`` time.

    Until CPU ``other`` comes to ``until`` for the ``until_nth`` time from then on; without ``until``, until
    others have come to ``events`` places.
    """

    cpu: int
    place: Place
    nth: int
    other: int = 0
    until: Place | None = None
    until_nth: int = 1
    events: int = 0

    def order(self, index: Callable[[Place], int]) -> HoldOrder:
        """The hold, with places by number."""
        until = None if self.until is None else HoldPoint(index(self.until), self.other)
        return HoldOrder(
            at=HoldPoint(index(self.place), self.cpu),
            nth=self.nth,
            until=until,
            until_nth=self.until_nth,
            events=self.events,
            deadline_ns=PATIENCE_US * 1000,
        )

    def step(self) -> str:
        """The step of a scenario."""
        if self.until is None:
            until = f"{{events: {self.events}}}"
        else:
            until = f"{{at: {self.until}, cpu: {self.other}, nth: {self.until_nth}}}"
        where = f"at: {self.place}, cpu: {self.cpu}, nth: {self.nth}"
        return f"hold: {{{where}, until: {until}, deadline: {PATIENCE_US}us}}"

    def __str__(self) -> str:
        until = (
            f"cpu{self.other} at {self.until} x{self.until_nth}" if self.until else f"{self.events} events"
        )
        return f"cpu{self.cpu} at {self.place} x{self.nth} until {until}"


Schedule = tuple[Preemption, ...]


def arrivals(log: Sequence[tuple[int, Place]]) -> tuple[RaceArrival, ...]:
    """From CPU and place of each arrival, in order."""
    seen: Counter[tuple[int, Place]] = Counter()
    found = []
    for number, (cpu, place) in enumerate(log):
        seen[cpu, place] += 1
        found.append(RaceArrival(number, cpu, place, seen[cpu, place]))
    return tuple(found)


def draw(rng: random.Random, base: Sequence[RaceArrival]) -> Schedule:
    """One schedule at random; empty when one CPU alone comes by anywhere."""
    if len({each.cpu for each in base}) < 2:
        return ()
    way = rng.random()
    if way < 0.6:
        return _pair(rng, base)
    if way < 0.8:
        return tuple(dict.fromkeys(_pair(rng, base)[0] for _ in range(2)))
    return _points(rng, base, rng.choice((1, 2, 2, MOST)))


def _pair(rng: random.Random, base: Sequence[RaceArrival]) -> Schedule:
    """Hold one CPU where it was at some time, until another one has come where it came later."""
    for _ in range(50):
        held = _rare(rng, base)
        later = [each for each in base[held.number + 1 :] if each.cpu != held.cpu]
        if later:
            until = _rare(rng, later)
            nth = sum((e.cpu, e.place) == (until.cpu, until.place) for e in later if e.number <= until.number)
            return (Preemption(held.cpu, held.place, held.nth, until.cpu, until.place, nth),)
    return (_point(rng, base),)


def _points(rng: random.Random, base: Sequence[RaceArrival], depth: int) -> Schedule:
    return tuple(dict.fromkeys(_point(rng, base) for _ in range(depth)))


def _point(rng: random.Random, base: Sequence[RaceArrival]) -> Preemption:
    at = _rare(rng, base)
    return Preemption(at.cpu, at.place, at.nth, events=rng.randint(1, EVENTS))


def _rare(rng: random.Random, base: Sequence[RaceArrival]) -> RaceArrival:
    """An arrival, each place of each CPU as likely as any other; of several the last ones rather than not.

    What is rare is what the program is about: the common places are those of every exit.
    """
    of: dict[tuple[int, Place], list[RaceArrival]] = {}
    for each in base:
        of.setdefault((each.cpu, each.place), []).append(each)
    some = of[rng.choice(list(of))]
    return rng.choice(some[-3:] if rng.random() < 0.6 else some)


def shorter(schedule: Schedule) -> Iterator[Schedule]:
    """The schedules with one preemption less."""
    for i in range(len(schedule)):
        yield schedule[:i] + schedule[i + 1 :]


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
