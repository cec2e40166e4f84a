# SPDX-License-Identifier: GPL-2.0-only
"""Which schedules to try, drawn from what the CPUs did when they did not disturb each other.

The *calm* run of a program holds the first CPU where the other one has begun, until that has come to rest; so
it shows what each does with the translations that the other one leaves alone. Every schedule is a rendezvous:
the order is made, and does not come about by luck.

- sweep: a CPU is held at each place where it came in the calm run, one after another, until the first CPU has
  done all that takes translations away; bounded preemptions (Musuvathi and Qadeer, PLDI 2007), bound 1,
- pair: a CPU is held within a side, until another one, held back until then, has done one of its sides,
- crossed: the other CPU is held within its side, too, until the first one has ended its own; bound 2,
- points: one to three places at random, each until others have come to some places (PCT: Burckhardt, Kothari,
  Musuvathi and Nagarakatte, ASPLOS 2010).

What was tried is not tried again for programs of the same shape. A hold with a lock that the other CPU wants
is learnt, and the places between the taking and the giving of that lock are left out for that side; so are
those of the first CPU behind which the other one never did what it waited for. All follows from the generator
of random numbers and from what was tried.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.reproduce.races.schedule import Preemption, RaceArrival, Schedule
from harness.reproduce.races.sides import LANDMARK, Side, Stretch, sides, stretches, window
from harness.scenario.language import Place
from harness.trace.executed.hold_file import HoldEnd, HoldFound

POINTS = 3
MOST_POINTS = 8
"""So many schedules of that way for each program: they have no end of their own."""
EVENTS = 40
REST_EVENTS = 3000
"""Arrivals of the other CPU in the calm run: one that faults again and again does not come to rest."""
TRIES = 60
"""Pairs drawn before one that was tried is tried again."""
WAYS = ("sweep", "pair", "crossed", "points")
WEIGHTS = (70, 18, 6, 6)
SECOND = 0.4
"""How often in a pair a CPU other than the first one is held within its side: the sweep has it otherwise."""
ALL = "all"
"""In place of the other's function, where it does all that it does."""
CHANGES = re.compile(r"tlbi|ipas2|vmalls12|alle1|invalidate|memslot|memory_region|unmap|flush|dirty|destroy")
"""In the names of what takes translations away."""
EARLY = 8
"""Of so many first arrivals any may be the one; those behind are of a CPU that tries again and again."""

Pair = tuple[str, int, Place, int, str]
"""Shape of the program, CPU that is held, its place, which of its arrivals there, the other's function."""
Blocked = tuple[str, int, Place, str]
"""Shape of the program, CPU that was held, where it had taken the lock, the other's function."""


def calm(base: Sequence[RaceArrival]) -> Schedule:
    """The schedule of the calm run for a program that did ``base`` by itself; empty without a landmark."""
    mark = next((each for each in base if not each.cpu and each.place == Place(LANDMARK)), None)
    if mark is None:
        return ()
    return (Preemption(mark.cpu, mark.place, mark.nth, events=REST_EVENTS),)


@dataclass
class Tried:
    """What was tried and learnt in all programs so far."""

    pairs: set[Pair] = field(default_factory=set)
    blocked: set[Blocked] = field(default_factory=set)


@dataclass
class Drawer:
    """Draws schedules for a program of some ``shape`` whose calm run was ``base``."""

    shape: str
    base: tuple[RaceArrival, ...]
    tried: Tried = field(default_factory=Tried)
    deadline_us: int = 0

    def __post_init__(self) -> None:
        self._drawn: tuple[Stretch, str] | None = None
        inside = window(self.base)
        self._inside = frozenset(each.number for each in inside)
        self._sides = [each for each in sides(inside) if each.function != LANDMARK]
        common = Counter((side.cpu, side.function) for side in self._sides)
        self._weights = [_changes(side) / common[side.cpu, side.function] for side in self._sides]
        self._cpus = sorted({each.cpu for each in inside})
        self._of = {cpu: [each for each in self.base if each.cpu == cpu] for cpu in self._cpus}
        self._marks = [each for each in inside if not each.cpu and each.place == Place(LANDMARK)]
        self._groups: dict[int, dict[tuple[Place, Place | None], list[Stretch]]] = {}
        behind: dict[int, Place] = {}
        takes = [side for side in self._sides if not side.cpu and _changes(side) > 1]
        taking = {each.number for side in takes for each in side.arrivals}
        for each in stretches(inside):
            # A place may be at several addresses: what comes before it tells them apart.
            key = each.arrivals[0].place, behind.get(each.cpu)
            behind[each.cpu] = each.arrivals[-1].place
            if taking and not each.cpu and each.arrivals[0].number not in taking:
                continue  # of the first CPU only what takes translations away counts, if anything does
            self._groups.setdefault(each.cpu, {}).setdefault(key, []).append(each)
        first = [each.number for each in inside if not each.cpu and each.place.function != LANDMARK]
        self._rest = min(first, default=len(self.base))
        self._next_mark = next((each.number for each in self._marks[1:]), len(self.base))
        self._points_left = MOST_POINTS
        self._early: dict[str, int] = {}
        self._sweep: list[Stretch] | None = None

    def draw(self, rng: random.Random) -> Schedule:
        """One schedule; empty when nothing new is left, or one CPU alone came by anywhere."""
        self._drawn = None
        if len(self._cpus) < 2:
            return ()
        way = rng.choices(WAYS, WEIGHTS)[0]
        found: Schedule = ()
        if way == "points":
            found = self._points(rng)
        elif way == "sweep":
            found = self._next(rng)
        else:
            found = self._pair(rng, crossed=way == "crossed")
        if not found:
            found = self._pair(rng, crossed=False) or self._points(rng)
        if not self.deadline_us:
            return found
        return tuple(replace(each, deadline_us=self.deadline_us) for each in found)

    def learn(self, ends: Sequence[HoldFound]) -> None:
        """What became of the holds of the schedule drawn last."""
        if not self._drawn or not ends:
            return
        stretch, other = self._drawn
        if HoldEnd.BLOCKED in ends[0].reasons and stretch.lock is not None:
            self.tried.blocked.add((self.shape, stretch.cpu, stretch.lock, other))
        if HoldEnd.DEADLINE in ends[0].reasons and not stretch.cpu:
            self._early[other] = max(self._early.get(other, 0), stretch.arrivals[-1].number)

    def _next(self, rng: random.Random) -> Schedule:
        """The next one of the sweep; empty at its end, and where the first CPU takes nothing away."""
        if self._sweep is None:
            self._sweep = self._order(rng)
        takes = [each for each in self._sides if not each.cpu and each.last.number < self._next_mark]
        while self._sweep and takes:
            stretch = self._sweep.pop()
            first = stretch.arrivals[0]
            pair = (self.shape, first.cpu, first.place, min(first.nth, EARLY), ALL)
            blocked = stretch.lock and (self.shape, first.cpu, stretch.lock, ALL)
            if pair in self.tried.pairs or blocked in self.tried.blocked:
                continue
            self.tried.pairs.add(pair)
            self._drawn = (stretch, ALL)
            return self._meet(rng.choice(stretch.arrivals), takes[-1], None, whole=True)
        return ()

    def _order(self, rng: random.Random) -> list[Stretch]:
        """Backwards: of each place its last time while all was calm, then its first times.

        One that comes again and again is as good the first times. Where a lock is held comes later: what
        takes translations away takes most of these, too, and waits.
        """
        rounds: dict[tuple[bool, bool], list[Stretch]] = {}
        for cpu in self._cpus[1:]:
            for group in self._groups[cpu].values():
                calm = [each for each in group if each.arrivals[0].number < self._rest]
                calm = calm if len(calm) <= EARLY else calm[:2]
                for each in calm:
                    rounds.setdefault((each.locked, each is not calm[-1]), []).append(each)
        order = []
        for key in sorted(rounds, reverse=True):
            rng.shuffle(rounds[key])
            order += rounds[key]
        return order

    def _pair(self, rng: random.Random, crossed: bool) -> Schedule:
        """Empty when no two sides of different CPUs are left."""
        for _ in range(TRIES):
            cpu = rng.choice(self._cpus[1:]) if rng.random() < SECOND else self._cpus[0]
            stretch = self._stretch(rng, cpu)
            others = [i for i, side in enumerate(self._sides) if side.cpu != cpu]
            if stretch is None or not others:
                continue
            other = self._sides[rng.choices(others, [self._weights[i] for i in others])[0]]
            place = stretch.arrivals[0].place
            pair = (self.shape, cpu, place, min(stretch.arrivals[0].nth, EARLY), other.function)
            blocked = stretch.lock and (self.shape, cpu, stretch.lock, other.function)
            if blocked in self.tried.blocked or (not crossed and pair in self.tried.pairs):
                continue
            if not self._meets(stretch.arrivals[0], other):
                continue
            if not cpu and stretch.arrivals[0].number <= self._early.get(other.function, -1):
                continue
            if not crossed:
                self.tried.pairs.add(pair)
            self._drawn = (stretch, other.function)
            middle = rng.choice(other.arrivals) if crossed else None
            return self._meet(rng.choice(stretch.arrivals), other, middle, whole=rng.random() < 0.5)
        return ()

    def _stretch(self, rng: random.Random, cpu: int) -> Stretch | None:
        """Rather one that is rare, and rather the last time before the first CPU goes on."""
        groups = self._groups[cpu]
        places = list(groups)
        group = groups[rng.choices(places, [min(len(groups[each]), EARLY) ** -0.5 for each in places])[0]]
        calm = [each for each in group if each.arrivals[0].number < self._rest] if cpu else []
        if calm and rng.random() < 0.9:
            group = calm
        return group[:EARLY][-1] if rng.random() < 0.5 else rng.choice(group[:EARLY])

    def _meet(self, held: RaceArrival, other: Side, middle: RaceArrival | None, whole: bool) -> Schedule:
        """Hold 0 waits for ``other``, or for its ``middle``; hold 1 keeps that back until hold 0 holds.

        With ``whole`` all that the first CPU does before ``other`` is kept back, too. Where that is the one
        that is held at ``held``, it waits at its landmark until hold 1 holds.
        """
        end = middle or other.last
        before = (self._landmark(other.arrivals[0]) if whole else None) or self._before(other)
        if not held.cpu and other.first > held.number:
            before = None
        first = Preemption(held.cpu, held.place, held.nth, end.cpu, end.place, self._times(end, before))
        found = [first]
        if before is not None:
            found.append(Preemption(before.cpu, before.place, before.nth, held=0))
        mark = self._landmark(held)
        if before is not None and mark is not None and mark != held:
            found.append(Preemption(mark.cpu, mark.place, mark.nth, held=1))
        if middle is not None and middle != before:
            side = next((s for s in self._sides if s.cpu == held.cpu and s.last.number >= held.number), None)
            last = side.last if side else held
            nth = self._times(last, held) or 1
            found.append(Preemption(middle.cpu, middle.place, middle.nth, last.cpu, last.place, nth))
        return tuple(found)

    def _meets(self, held: RaceArrival, other: Side) -> bool:
        """Whether the two can be brought together, as far as the calm run tells.

        Of another CPU than the first one only what it did while all was calm is there without anything that
        the first one does, and that does not go beyond its next landmark as long as it is held. What the
        other one did later was the consequence of something that the first one had done.
        """
        if held.cpu:
            return held.number < self._rest and not other.cpu and other.last.number < self._next_mark
        if other.first > held.number:
            return True
        return other.first < self._rest and held.number < self._next_mark

    def _before(self, side: Side) -> RaceArrival | None:
        """Where its CPU came last before it: what it does there may decide how it does it."""
        mine = [each for each in self._of[side.cpu] if each.number < side.first]
        inside = [each for each in mine if each.number in self._inside]
        return inside[-1] if inside else None

    def _landmark(self, held: RaceArrival) -> RaceArrival | None:
        """The last landmark of its CPU before."""
        marks = [each for each in self._marks if each.cpu == held.cpu and each.number < held.number]
        return marks[-1] if marks else None

    def _times(self, end: RaceArrival, since: RaceArrival | None) -> int:
        number = since.number if since else -1
        same = [each for each in self._of[end.cpu] if each.place == end.place]
        return max(sum(number < each.number <= end.number for each in same), 1)

    def _points(self, rng: random.Random) -> Schedule:
        """Where the first CPU waits at a landmark it is one of them, half the time. Empty after some."""
        self._points_left -= 1
        if self._points_left < 0:
            return ()
        found = {}
        if self._marks and rng.random() < 0.5:
            at = self._marks[0]
            found[at.cpu, at.place, at.nth] = Preemption(
                at.cpu, at.place, at.nth, events=rng.randint(1, 10 * EVENTS)
            )
        for _ in range(rng.randint(1, POINTS)):
            stretch = self._stretch(rng, rng.choice(self._cpus))
            assert stretch is not None
            at = rng.choice(stretch.arrivals)
            found[at.cpu, at.place, at.nth] = Preemption(
                at.cpu, at.place, at.nth, events=rng.randint(1, EVENTS)
            )
        return tuple(found.values())


def _changes(side: Side) -> int:
    """One, and two for each function in it that takes translations away."""
    functions = {each.place.function for each in side.arrivals if not each.place.kind}
    return 1 + 2 * sum(bool(CHANGES.search(function)) for function in functions)
