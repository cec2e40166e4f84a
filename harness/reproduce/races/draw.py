# SPDX-License-Identifier: GPL-2.0-only
"""Which schedules to try, drawn from what the CPUs did without one.

A *side* is what one CPU does from the entry of a function to its return, with all places in between: a fault,
a TLBI, a notifier, the loading of a vCPU. A race needs two sides of different CPUs that overlap. Three ways:

- pairs: one side is held at one of its places until a side of another CPU has passed; bounded preemptions
  (Musuvathi and Qadeer, PLDI 2007) with a bound of 1,
- crossed: as a pair, but the other CPU is held at a place within its side until the first one has ended its
  own; a bound of 2,
- points: one to three places at random, each until others have come to some places (PCT: Burckhardt, Kothari,
  Musuvathi and Nagarakatte, ASPLOS 2010).

A pair is tried once for each kind of program, as long as there are others. What a program does one after
another, because one CPU waits for the other, is learnt: a CPU that was held at a place and kept the other one
from coming where it should would do so from any earlier place, and for any later one. All follows from the
generator of random numbers and from what was tried.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.reproduce.races.schedule import Preemption, RaceArrival, Schedule
from harness.scenario.language import Place
from harness.trace.executed.hold_file import HoldEnd, HoldFound

POINTS = 3
EVENTS = 40
TRIES = 60
"""Pairs drawn before one that was tried is tried again."""
WAYS = ("pair", "crossed", "points")
WEIGHTS = (70, 15, 15)
DISTANCE = 6
CHANGES = re.compile(r"tlbi|ipas2|vmalls12|alle1|invalidate|memslot|memory_region|unmap|flush|dirty|destroy")
"""In the names of what takes translations away."""
WHICH = ("last", "last", "first", "any")
EARLY = 8
"""``any``: one of so many first arrivals; those behind are of a CPU that tries again and again."""
ENTRY, EXIT = "kvm_emulate_nested_eret", "kvm_inject_nested"
"""Where L1 enters L2 and is entered from it. Before and behind other CPUs than the first one have nothing to
do with translations."""


@dataclass(frozen=True, slots=True)
class Side:
    """What ``cpu`` did between entry and return of ``function``: the arrivals, which are not empty."""

    cpu: int
    function: str
    arrivals: tuple[RaceArrival, ...]

    @property
    def first(self) -> int:
        """Number of the first arrival."""
        return self.arrivals[0].number

    @property
    def last(self) -> RaceArrival:
        """The last arrival: the return, where the function has one."""
        return self.arrivals[-1]


def sides(base: Sequence[RaceArrival]) -> tuple[Side, ...]:
    """The outermost functions of each CPU, in the order in which they were entered."""
    found: list[Side] = []
    for cpu in sorted({each.cpu for each in base}):
        stack: list[str] = []
        some: list[RaceArrival] = []
        for each in (arrival for arrival in base if arrival.cpu == cpu):
            place = each.place
            some.append(each)
            if not place.kind:
                if place.function in stack:  # it left by a way that has no place
                    del stack[stack.index(place.function) :]
                stack.append(place.function)
            elif place.kind == "return" and place.function in stack:
                del stack[stack.index(place.function) :]
            if not stack:
                found.append(Side(cpu, some[0].place.function, tuple(some)))
                some = []
        if some:
            found.append(Side(cpu, some[0].place.function, tuple(some)))
    return tuple(sorted(found, key=lambda side: side.first))


def window(base: Sequence[RaceArrival]) -> tuple[RaceArrival, ...]:
    """From where another CPU than the first enters L2 to where it leaves it last; all where none does."""
    entries = [each.number for each in base if each.cpu and each.place == Place(ENTRY)]
    if not entries:
        return tuple(base)
    last = max(each.number for each in base if each.cpu and each.place.function in (ENTRY, EXIT))
    return tuple(each for each in base if entries[0] <= each.number <= last)


Pair = tuple[str, int, Place, str, str]
"""Kind of program, CPU that is held, its place, which of its arrivals there, the other's function."""


@dataclass
class Drawer:
    """Draws schedules for a program of ``kind`` that did ``base``; ``tried`` is of all programs so far."""

    kind: str
    base: tuple[RaceArrival, ...]
    tried: set[Pair] = field(default_factory=set)
    deadline_us: int = 0

    def __post_init__(self) -> None:
        self._all = self.base
        self.base = window(self.base)
        self._late: list[tuple[int, int, int]] = []
        self._drawn: tuple[RaceArrival, Side] | None = None
        self._sides = sides(self.base)
        self._common = Counter((side.cpu, side.function) for side in self._sides)
        self._weights = [_changes(side) / self._common[side.cpu, side.function] for side in self._sides]
        self._at = Counter((each.cpu, each.place) for each in self.base)
        self._cpus = sorted({each.cpu for each in self.base})

    def draw(self, rng: random.Random) -> Schedule:
        """One schedule; empty when there is nothing to hold, since one CPU alone came by anywhere."""
        if len(self._cpus) < 2:
            return ()
        self._drawn = None
        way = rng.choices(WAYS, WEIGHTS)[0]
        found: Schedule = ()
        if way != "points":
            found = self._pair(rng, crossed=way == "crossed")
        found = found or self._points(rng)
        if not self.deadline_us:
            return found
        return tuple(replace(each, deadline_us=self.deadline_us) for each in found)

    def learn(self, ends: Sequence[HoldFound], before: Sequence[RaceArrival]) -> None:
        """What became of the holds of the schedule drawn last; ``before``: what came before the first held.

        What it was to wait for may have come by then, in another order than without: that says nothing.
        """
        if not self._drawn or not ends or not ends[0].held or HoldEnd.UNTIL in ends[0].reasons:
            return
        held, other = self._drawn
        until = (other.cpu, other.last.place)
        came = sum((each.cpu, each.place) == until for each in before)
        if came <= self._came(until, held.number):
            self._late.append((held.cpu, held.number, other.last.number))

    def _came(self, until: tuple[int, Place], number: int) -> int:
        return sum((each.cpu, each.place) == until for each in self._all if each.number < number)

    def _in_vain(self, held: RaceArrival, other: Side) -> bool:
        return any(
            cpu == held.cpu and held.number <= at and other.last.number >= until
            for cpu, at, until in self._late
        )

    def _pair(self, rng: random.Random, crossed: bool) -> Schedule:
        """Empty when no two sides of different CPUs follow each other."""
        found: Schedule = ()
        for _ in range(TRIES):
            other = self._side(rng)
            before = self._before(other, rng.randrange(DISTANCE))
            if not before:
                continue
            held, which = self._held(rng, before)
            if self._in_vain(held, other):
                continue
            pair = (self.kind, held.cpu, held.place, which, other.function)
            found = (self._until(held, other.last),)
            if crossed:
                middle = rng.choice(other.arrivals)
                end = next(
                    (
                        side.last
                        for side in self._sides
                        if side.cpu == held.cpu and side.last.number >= held.number
                    ),
                    held,
                )
                found = (
                    self._until(held, middle),
                    Preemption(middle.cpu, middle.place, middle.nth, end.cpu, end.place, 1),
                )
            elif pair in self.tried:
                continue
            else:
                self.tried.add(pair)
            self._drawn = (held, other)
            break
        return found

    def _side(self, rng: random.Random) -> Side:
        """Of any CPU, rather what takes translations away, rather what it does rarely.

        The common sides are those of every exit.
        """
        return rng.choices(self._sides, self._weights)[0]

    def _before(self, other: Side, distance: int) -> list[RaceArrival]:
        """What other CPUs did before ``other``, with at most so many sides of its CPU in between.

        Where there are more the CPUs are likely to wait for each other there.
        """
        earlier = [side for side in self._sides if side.cpu == other.cpu and side.first < other.first]
        since = earlier[-distance - 1].last.number if len(earlier) > distance else -1
        return [e for e in self.base if since < e.number < other.first and e.cpu != other.cpu]

    def _held(self, rng: random.Random, before: Sequence[RaceArrival]) -> tuple[RaceArrival, str]:
        """A place, the rare ones rather than the common ones, and one of the arrivals there."""
        of: dict[tuple[int, Place], list[RaceArrival]] = {}
        for each in before:
            of.setdefault((each.cpu, each.place), []).append(each)
        keys = list(of)
        some = of[rng.choices(keys, [min(self._at[key], EARLY) ** -0.5 for key in keys])[0]]
        which = rng.choice(WHICH)
        return {"last": some[-1], "first": some[0], "any": rng.choice(some[:EARLY])}[which], which

    def _until(self, held: RaceArrival, until: RaceArrival) -> Preemption:
        nth = sum(
            (each.cpu, each.place) == (until.cpu, until.place)
            for each in self.base
            if held.number < each.number <= until.number
        )
        return Preemption(held.cpu, held.place, held.nth, until.cpu, until.place, nth)

    def _points(self, rng: random.Random) -> Schedule:
        found = {}
        for _ in range(rng.randint(1, POINTS)):
            at, _which = self._held(rng, self.base)
            found[at.cpu, at.place, at.nth] = Preemption(
                at.cpu, at.place, at.nth, events=rng.randint(1, EVENTS)
            )
        return tuple(found.values())


def _changes(side: Side) -> int:
    """One, and two for each function in it that takes translations away."""
    functions = {each.place.function for each in side.arrivals if not each.place.kind}
    return 1 + 2 * sum(bool(CHANGES.search(function)) for function in functions)
