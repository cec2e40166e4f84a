# SPDX-License-Identifier: GPL-2.0-only
"""Which schedules to try, drawn from what the CPUs did when they did not disturb each other.

The *calm* run of a program holds the first CPU where the other one has begun, until that has come to rest; so
it shows what each does with the translations that the other one leaves alone. Every schedule is a rendezvous:
the order is made, and does not come about by luck.

- sweep: a CPU is held at each place where it came in the calm run, one after another, until the first CPU has
  done all that takes translations away; bounded preemptions (Musuvathi and Qadeer, PLDI 2007), bound 1,
- back: the first CPU is held at each place of what takes translations away, until another one has done a
  side,
- gaps: both are within a side, where neither has a lock (gaps.py); bound 2, one pair after another,
- pair: a CPU is held within a side, until another one, held back until then, has done one of its sides,
- crossed: the other CPU is held within its side, too, until the first one has ended its own; bound 2,
- points: one to three places at random, each until others have come to some places (PCT: Burckhardt, Kothari,
  Musuvathi and Nagarakatte, ASPLOS 2010).

What was tried is not tried again for programs of the same shape, and comes later for others: what is new in
the whole hunt comes first, whatever kind of program it is met in. A hold with a lock that the other CPU wants
is learnt, and the places between the taking and the giving of that lock are left out for that side; so are
those of the first CPU behind which the other one never did what it waited for. All follows from the generator
of random numbers and from what was tried.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from harness.reproduce.races.calm import ONE_USER, Others, Pair, Paths, Tried, operates, taken_by
from harness.reproduce.races.calm_run import EARLY, CalmRun
from harness.reproduce.races.gaps import CROSSED, Crossing, crossings
from harness.reproduce.races.schedule import Preemption, RaceArrival, Schedule
from harness.reproduce.races.sides import (
    LOOK,
    Side,
    Stretch,
    places_of,
)
from harness.scenario.language import Place
from harness.trace.executed.hold_file import HoldEnd, HoldFound

T = TypeVar("T")
POINTS = 3
MOST_POINTS = 8
"""So many schedules of that way for each program: they have no end of their own."""
EVENTS = 40
BACK_US = 2_000
"""Of a hold of the first CPU, after which it goes on: many wait for what does not come while they hold."""
LONGEST_US = 20_000
FOLLOW = 2
"""Sides of another CPU that follow from what the first one did: those behind them wait for these."""
TRIES = 60
"""Pairs drawn before one that was tried is tried again."""
WAYS = ("sweep", "back", "gaps", "pair", "crossed", "points")
WEIGHTS = (42, 26, 24, 2, 3, 3)
BOTH_WEIGHTS = (34, 34, 24, 2, 3, 3)
"""Where others execute operations, too: whatever the first CPU does may be looked at, or undone, by these."""
SECOND = 0.4
"""How often in a pair a CPU other than the first one is held within its side: the sweep has it otherwise."""
ONLY_USES = 0.5
"""What it counts in the sweep back that a side executes no operation, where others do."""
TURN = 0.02
"""What each place of a side counts for the next one of that: so sides take turns in the sweep."""
AGAIN = 0.25
"""What it counts in the sweep that something was tried: as much as a dozen places of its side. The heart of a
side comes again in another way of a kind, where it may show something, before its last places come once."""
OLD = 0.25
"""What it counts in the sweep back that others did something else since: most have a side or two."""
FIRST_SIDE = " first"
"""Behind the name of a side that is a CPU's very first."""


@dataclass
class Drawer:
    """Draws schedules for a program of some ``shape`` whose calm run was ``base``."""

    shape: str
    base: tuple[RaceArrival, ...]
    tried: Tried = field(default_factory=Tried)
    deadline_us: int = 0
    others: Others = ONE_USER

    def __post_init__(self) -> None:
        self._calm = CalmRun(self.base, self.others)
        self._drawn: tuple[Stretch, str] | None = None
        self._points_left = MOST_POINTS
        self._early: dict[str, int] = {}
        self._sweep: list[tuple[Stretch, Pair, Paths]] | None = None
        self._back: list[tuple[Stretch, Side, Pair, Paths]] | None = None
        self._gaps: list[tuple[Crossing, Pair, Paths]] | None = None

    def draw(self, rng: random.Random) -> Schedule:
        """One schedule; empty when nothing new is left, or one CPU alone came by anywhere."""
        self._drawn = None
        if len(self._calm.cpus) < 2:
            return ()
        way = rng.choices(WAYS, BOTH_WEIGHTS if self._calm.operates else WEIGHTS)[0]
        found: Schedule = ()
        if way == "points":
            found = self._points(rng)
        elif way == "sweep":
            found = self._next(rng) or self._next_back(rng)
        elif way == "back":
            found = self._next_back(rng) or self._next(rng)
        elif way == "gaps":
            found = self._next_gaps(rng) or self._next(rng)
        else:
            found = self._pair(rng, crossed=way == "crossed")
        if not found:
            found = self._pair(rng, crossed=False) or self._points(rng)
        if not self.deadline_us:
            return found
        return tuple(replace(each, deadline_us=self.deadline_us) for each in found)

    def begin_turn(self) -> None:
        """What was new when the last turn began other programs may have tried since."""
        self._sweep = self._back = self._gaps = None

    def learn(self, ends: Sequence[HoldFound]) -> None:
        """What became of the holds of the schedule drawn last."""
        if not self._drawn or not ends:
            return
        stretch, other = self._drawn
        if HoldEnd.BLOCKED in ends[0].reasons and stretch.lock is not None:
            self.tried.blocked.add((stretch.cpu, stretch.lock, other))
        if HoldEnd.DEADLINE in ends[0].reasons and not stretch.cpu:
            self._early[other] = max(self._early.get(other, 0), stretch.arrivals[-1].number)

    def _next(self, rng: random.Random) -> Schedule:
        """The next one of the sweep; empty at its end, and where the first CPU takes nothing away."""
        takes = [
            each for each in self._calm.sides if not each.cpu and each.last.number < self._calm.next_mark
        ]
        if not takes:
            return ()
        all_of_it = taken_by(takes)
        if self._sweep is None:
            self._sweep = self._order(rng, all_of_it, places_of(takes))
        while self._sweep:
            stretch, pair, paths = self._sweep.pop()
            blocked = stretch.lock and (stretch.cpu, stretch.lock, all_of_it)
            if blocked in self.tried.blocked or not self.tried.take(self.shape, pair, paths):
                continue
            self._drawn = (stretch, all_of_it)
            found = self._calm.meet(rng.choice(stretch.arrivals), takes[-1], None, whole=True)
            # Whatever it does until it looks: with the other one held it may be something else.
            if self._calm.looks:
                found = (replace(found[0], until=Place(LOOK), until_nth=1), *found[1:])
            taking = (takes[-1].last.at - takes[0].arrivals[0].at) // 500  # twice as long, in microseconds
            longer = min(max(taking, found[0].deadline_us), LONGEST_US)
            return tuple(replace(each, deadline_us=longer) for each in found)
        return ()

    def _order(
        self, rng: random.Random, other: str, others: frozenset[Place]
    ) -> list[tuple[Stretch, Pair, Paths]]:
        """Backwards: what is new comes sooner, of each place its last time while all was calm.

        What came last while all was calm comes first: that is about the translation. Where a lock is held
        comes later: what takes translations away takes most of these, too, and waits. Right before a lock and
        right behind one comes a little sooner: all that was read without it, or is made public without it.
        Sides take turns: one with many places does not keep back the others.
        """
        order = []
        for cpu in self._calm.cpus[1:]:
            for (place, behind), group in self._calm.groups[cpu].items():
                calm = [each for each in group if each.arrivals[0].number < self._calm.rest]
                calm = calm if len(calm) <= EARLY else [*calm[:2], calm[-1]]
                for later, each in enumerate(reversed(calm)):
                    pair = (cpu, place, behind, later, other)
                    age = self._calm.age(each.arrivals[-1])
                    paths = self._calm.path_of(each), others
                    late = self._calm.keeps_out(each) + (later > 0)
                    worth = age + each.inner + self._calm.closed(each)
                    often = AGAIN * self.tried.often(pair, paths)
                    order.append((late, worth, rng.random(), often, each.arrivals[0], (each, pair, paths)))
        return self._in_turns(order)

    def _in_turns(self, order: Sequence[tuple[int, float, float, float, RaceArrival, T]]) -> list[T]:
        """Backwards: by what it counts and by chance, the sides of each arrival one after another.

        What it counts that it was tried comes to that at last.
        """
        had: Counter[tuple[int, int, str]] = Counter()
        found = []
        for late, worth, chance, often, at, row in sorted(order, key=lambda each: each[:3]):
            side = at.cpu, late, self._calm.function.get(at.number, "")
            found.append((-late - worth - TURN * had[side] - often, chance, row))
            had[side] += 1
        return [row for *_, row in sorted(found, key=lambda each: each[:2])]

    def _next_back(self, rng: random.Random) -> Schedule:
        """The next one of the sweep over what the first CPU does; empty at its end."""
        if self._back is None:
            self._back = self._back_order(rng)
        while self._back:
            stretch, other, pair, paths = self._back.pop()
            blocked = stretch.lock and (stretch.cpu, stretch.lock, other.function)
            if blocked in self.tried.blocked or stretch.arrivals[0].number <= self._early.get(
                other.function, -1
            ):
                continue
            if not self.tried.take(self.shape, pair, paths):
                continue
            self._drawn = (stretch, other.function)
            found = self._calm.meet(rng.choice(stretch.arrivals), other, None, whole=False)
            return (replace(found[0], deadline_us=BACK_US), *found[1:])
        return ()

    def _back_order(self, rng: random.Random) -> list[tuple[Stretch, Side, Pair, Paths]]:
        """Backwards: each place of the first CPU, the first and the last time, with each side of the others.

        Of sides of one function the last one while all was calm; and the first that followed, before the
        first CPU had looked: what comes later comes because the other one is told to stop. Of all sides of
        a CPU the very first, too: it enters L2, for which L0 may have no context yet.
        """
        calm: dict[tuple[int, str], Side] = {}
        behind: dict[tuple[int, str], Side] = {}
        for side in self._calm.sides:
            if side.cpu and side.first < self._calm.rest:
                calm[side.cpu, side.function] = side
            elif side.cpu and side.first < self._calm.next_mark and len(behind) < FOLLOW:
                behind.setdefault((side.cpu, side.function), side)
        first = {cpu: side for cpu, side in self._calm.firsts.items() if side != calm[cpu, side.function]}
        order = []
        for (place, before), group in self._calm.groups.get(self._calm.cpus[0], {}).items():
            for later, each in enumerate(dict.fromkeys((group[-1], group[0]))):
                for other in (*calm.values(), *behind.values(), *first.values()):
                    if not self._calm.meets(each.arrivals[0], other):
                        continue
                    follows = other.first >= self._calm.rest
                    entry = FIRST_SIDE if other is first.get(other.cpu) else ""
                    side_word = f"{other.cpu} {other.function}{entry}"
                    pair = (each.cpu, place, before, 2 * later + follows, side_word)
                    age = 0.0 if follows or entry else OLD * self._calm.age(other.last)
                    paths = self._calm.path_of(each), self._calm.path[other.first]
                    new = self.tried.often(pair, paths) + self._calm.keeps_out(each) + (later > 0)
                    worth = new + age + each.inner
                    worth += ONLY_USES * (self._calm.operates and not operates(other))
                    worth += self._calm.closed(each)
                    order.append((-worth, rng.random(), each, other, pair, paths))
        return [row[2:] for row in sorted(order, key=lambda row: row[:2])]

    def _next_gaps(self, rng: random.Random) -> Schedule:
        """The next two gaps; empty when all were tried. The last fault's come first, and what is new."""
        if self._gaps is None:
            self._gaps = self._gaps_order(rng)
        while self._gaps:
            each, pair, paths = self._gaps.pop()
            if not self.tried.take(self.shape, pair, paths):
                continue
            self._drawn = (each.stretch, each.other.function)
            return self._calm.meet(each.held, each.other, each.middle, whole=bool(each.held.cpu))
        return ()

    def _gaps_order(self, rng: random.Random) -> list[tuple[Crossing, Pair, Paths]]:
        """Backwards."""
        order = []
        for each in crossings(self._calm):
            behind = self._calm.came_from.get(each.stretch.arrivals[0].number)
            word = f"{each.middle.cpu} {each.other.function} in {each.middle.place}"
            pair = (each.held.cpu, each.held.place, behind, CROSSED, word)
            paths = self._calm.path_of(each.stretch), self._calm.path[each.other.first]
            often = float(self.tried.often(pair, paths))
            worth = self._calm.age(each.user)
            worth += self._calm.closed(each.stretch) + self._calm.closed(each.other_stretch)
            order.append((0, worth, rng.random(), often, each.user, (each, pair, paths)))
        return self._in_turns(order)

    def _pair(self, rng: random.Random, crossed: bool) -> Schedule:
        """Empty when no two sides of different CPUs are left."""
        for _ in range(TRIES):
            cpu = rng.choice(self._calm.cpus[1:]) if rng.random() < SECOND else self._calm.cpus[0]
            stretch = self._calm.stretch(rng, cpu)
            others = [i for i, side in enumerate(self._calm.sides) if side.cpu != cpu]
            if stretch is None or not others:
                continue
            other = self._calm.sides[rng.choices(others, [self._calm.weights[i] for i in others])[0]]
            place = stretch.arrivals[0].place
            came = self._calm.came_from.get(stretch.arrivals[0].number)
            pair = (cpu, place, came, -min(stretch.arrivals[0].nth, EARLY), f"{other.cpu} {other.function}")
            paths = self._calm.path_of(stretch), self._calm.path[other.first]
            blocked = stretch.lock and (cpu, stretch.lock, other.function)
            known = (self.shape, pair, paths) in self.tried.shapes
            if blocked in self.tried.blocked or (not crossed and known):
                continue
            if not self._calm.meets(stretch.arrivals[0], other):
                continue
            if not cpu and stretch.arrivals[0].number <= self._early.get(other.function, -1):
                continue
            if not crossed:
                self.tried.take(self.shape, pair, paths)
            self._drawn = (stretch, other.function)
            middle = rng.choice(other.arrivals) if crossed else None
            return self._calm.meet(rng.choice(stretch.arrivals), other, middle, whole=rng.random() < 0.5)
        return ()

    def _points(self, rng: random.Random) -> Schedule:
        """Where the first CPU waits at a landmark it is one of them, half the time. Empty after some."""
        self._points_left -= 1
        if self._points_left < 0:
            return ()
        found = {}
        if self._calm.marks and rng.random() < 0.5:
            at = self._calm.marks[0]
            found[at.cpu, at.place, at.nth] = Preemption(
                at.cpu, at.place, at.nth, events=rng.randint(1, 10 * EVENTS)
            )
        for _ in range(rng.randint(1, POINTS)):
            stretch = self._calm.stretch(rng, rng.choice(self._calm.cpus))
            assert stretch is not None
            at = rng.choice(stretch.arrivals)
            found[at.cpu, at.place, at.nth] = Preemption(
                at.cpu, at.place, at.nth, events=rng.randint(1, EVENTS)
            )
        return tuple(found.values())
