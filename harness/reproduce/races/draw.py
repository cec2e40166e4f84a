# SPDX-License-Identifier: GPL-2.0-only
"""Which schedules to try, drawn from what the CPUs did when they did not disturb each other.

The *calm* run of a program holds the first CPU where the other one has begun, until that has come to rest; so
it shows what each does with the translations that the other one leaves alone. Every schedule is a rendezvous:
the order is made, and does not come about by luck.

- sweep: a CPU is held at each place where it came in the calm run, one after another, until the first CPU has
  done all that takes translations away; bounded preemptions (Musuvathi and Qadeer, PLDI 2007), bound 1,
- back: the first CPU is held at each place of what takes translations away, until another one has done a
  side,
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

from harness.reproduce.races.calm import Pair, Paths, Tried, changes, gate
from harness.reproduce.races.schedule import Preemption, RaceArrival, Schedule
from harness.reproduce.races.sides import (
    LANDMARK,
    LOOK,
    Side,
    Stretch,
    places_of,
    sides,
    stretches,
    window,
)
from harness.scenario.language import Place
from harness.trace.executed.hold_file import HoldEnd, HoldFound

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
WAYS = ("sweep", "back", "pair", "crossed", "points")
WEIGHTS = (60, 28, 4, 4, 4)
SECOND = 0.4
"""How often in a pair a CPU other than the first one is held within its side: the sweep has it otherwise."""
OLD = 0.25
"""What it counts in the sweep back that others did something else since: most have a side or two."""
FIRST_SIDE = " first"
"""Behind the name of a side that is a CPU's very first."""
EARLY = 8
"""Of so many first arrivals any may be the one; those behind are of a CPU that tries again and again."""


@dataclass
class Drawer:
    """Draws schedules for a program of some ``shape`` whose calm run was ``base``."""

    shape: str
    base: tuple[RaceArrival, ...]
    tried: Tried = field(default_factory=Tried)
    deadline_us: int = 0
    kicked: bool = False

    def __post_init__(self) -> None:
        self._drawn: tuple[Stretch, str] | None = None
        inside = window(self.base)
        self._inside = frozenset(each.number for each in inside)
        self._sides = [each for each in sides(inside) if each.function not in (LANDMARK, LOOK)]
        self._path: dict[int, frozenset[Place]] = {}
        for side in self._sides:
            self._path |= dict.fromkeys((each.number for each in side.arrivals), places_of((side,)))
        common = Counter((side.cpu, side.function) for side in self._sides)
        self._weights = [changes(side) / common[side.cpu, side.function] for side in self._sides]
        self._cpus = sorted({each.cpu for each in inside})
        self._of = {cpu: [each for each in self.base if each.cpu == cpu] for cpu in self._cpus}
        self._marks = [each for each in inside if not each.cpu and each.place == Place(LANDMARK)]
        self._looks = any(not each.cpu and each.place == Place(LOOK) for each in inside)
        self._groups: dict[int, dict[tuple[Place, Place | None], list[Stretch]]] = {}
        self._came_from: dict[int, Place | None] = {}
        behind: dict[int, Place] = {}
        takes = [side for side in self._sides if not side.cpu and changes(side) > 1]
        taking = {each.number for side in takes for each in side.arrivals}
        for each in stretches(inside):
            # A place may be at several addresses: what comes before it tells them apart.
            key = each.arrivals[0].place, behind.get(each.cpu)
            self._came_from[each.arrivals[0].number] = key[1]
            behind[each.cpu] = each.arrivals[-1].place
            if taking and not each.cpu and each.arrivals[0].number not in taking:
                continue  # of the first CPU only what takes translations away counts, if anything does
            self._groups.setdefault(each.cpu, {}).setdefault(key, []).append(each)
        self._gate = gate(self.base, self.kicked) if self.kicked else None
        mine = [each for each in inside if not each.cpu and each.place.function not in (LANDMARK, LOOK)]
        self._mine = mine
        since = self._gate.number if self._gate else -1
        self._rest = min((each.number for each in mine if each.number > since), default=len(self.base))
        calm = [side for side in self._sides if side.cpu and side.first < self._rest]
        self._begins = [side.first for side in calm]
        self._firsts: dict[int, Side] = {}
        for side in calm:
            self._firsts.setdefault(side.cpu, side)
        self._entries = frozenset(each.number for side in self._firsts.values() for each in side.arrivals)
        self._next_mark = next((each.number for each in self._marks[1:]), len(self.base))
        self._points_left = MOST_POINTS
        self._early: dict[str, int] = {}
        self._sweep: list[tuple[Stretch, Pair, Paths]] | None = None
        self._back: list[tuple[Stretch, Side, Pair, Paths]] | None = None

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
            found = self._next(rng) or self._next_back(rng)
        elif way == "back":
            found = self._next_back(rng) or self._next(rng)
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
            self.tried.blocked.add((stretch.cpu, stretch.lock, other))
        if HoldEnd.DEADLINE in ends[0].reasons and not stretch.cpu:
            self._early[other] = max(self._early.get(other, 0), stretch.arrivals[-1].number)

    def _next(self, rng: random.Random) -> Schedule:
        """The next one of the sweep; empty at its end, and where the first CPU takes nothing away."""
        takes = [each for each in self._sides if not each.cpu and each.last.number < self._next_mark]
        if not takes:
            return ()
        all_of_it = " ".join(dict.fromkeys(each.function for each in takes))
        if self._sweep is None:
            self._sweep = self._order(rng, all_of_it, places_of(takes))
        while self._sweep:
            stretch, pair, paths = self._sweep.pop()
            blocked = stretch.lock and (stretch.cpu, stretch.lock, all_of_it)
            if blocked in self.tried.blocked or not self.tried.take(self.shape, pair, paths):
                continue
            self._drawn = (stretch, all_of_it)
            found = self._meet(rng.choice(stretch.arrivals), takes[-1], None, whole=True)
            if (
                self._looks
            ):  # whatever it does until it looks: with the other one held it may be something else
                found = (replace(found[0], until=Place(LOOK), until_nth=1), *found[1:])
            taking = (takes[-1].last.at - takes[0].arrivals[0].at) // 500  # twice as long, in microseconds
            longer = min(max(taking, found[0].deadline_us), LONGEST_US)
            return tuple(replace(each, deadline_us=longer) for each in found)
        return ()

    def _order(
        self, rng: random.Random, other: str, others: frozenset[Place]
    ) -> list[tuple[Stretch, Pair, Paths]]:
        """Backwards: what is new comes first, of each place its last time while all was calm.

        What came last while all was calm comes first: that is about the translation. Where a lock is held
        comes later: what takes translations away takes most of these, too, and waits. Right before a lock and
        right behind one comes a little sooner: all that was read without it, or is made public without it.
        """
        order = []
        for cpu in self._cpus[1:]:
            for (place, behind), group in self._groups[cpu].items():
                calm = [each for each in group if each.arrivals[0].number < self._rest]
                calm = calm if len(calm) <= EARLY else [*calm[:2], calm[-1]]
                for later, each in enumerate(reversed(calm)):
                    pair = (cpu, place, behind, later, other)
                    age = self._age(each.arrivals[-1])
                    paths = self._path_of(each), others
                    worth = self.tried.often(pair, paths) + each.locked + (later > 0) + age + each.inner
                    order.append((-worth, rng.random(), each, pair, paths))
        return [row[2:] for row in sorted(order, key=lambda row: row[:2])]

    def _path_of(self, stretch: Stretch) -> frozenset[Place]:
        """Of the side that it is in."""
        return self._path.get(stretch.arrivals[0].number, frozenset())

    def _age(self, arrival: RaceArrival) -> float:
        """0 for what others did last while all was calm, to 1: the fault for the translation comes last.

        It counts more than to be close to a lock: a window between the reading of something and the lock
        begins where a function returns what it has read. 0 for the very first side, too: it enters L2, for
        which L0 looks for a context.
        """
        if arrival.number in self._entries:
            return 0.0
        return sum(begin > arrival.number for begin in self._begins) / max(len(self._begins), 1)

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
            found = self._meet(rng.choice(stretch.arrivals), other, None, whole=False)
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
        for side in self._sides:
            if side.cpu and side.first < self._rest:
                calm[side.cpu, side.function] = side
            elif side.cpu and side.first < self._next_mark and len(behind) < FOLLOW:
                behind.setdefault((side.cpu, side.function), side)
        first = {cpu: side for cpu, side in self._firsts.items() if side != calm[cpu, side.function]}
        order = []
        for (place, before), group in self._groups.get(self._cpus[0], {}).items():
            for later, each in enumerate(dict.fromkeys((group[-1], group[0]))):
                for other in (*calm.values(), *behind.values(), *first.values()):
                    if not self._meets(each.arrivals[0], other):
                        continue
                    follows = other.first >= self._rest
                    entry = FIRST_SIDE if other is first.get(other.cpu) else ""
                    side_word = f"{other.cpu} {other.function}{entry}"
                    pair = (each.cpu, place, before, 2 * later + follows, side_word)
                    age = 0.0 if follows or entry else OLD * self._age(other.last)
                    paths = self._path_of(each), self._path[other.first]
                    worth = self.tried.often(pair, paths) + each.locked + (later > 0) + age + each.inner
                    order.append((-worth, rng.random(), each, other, pair, paths))
        return [row[2:] for row in sorted(order, key=lambda row: row[:2])]

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
            came = self._came_from.get(stretch.arrivals[0].number)
            pair = (cpu, place, came, -min(stretch.arrivals[0].nth, EARLY), f"{other.cpu} {other.function}")
            paths = self._path_of(stretch), self._path[other.first]
            blocked = stretch.lock and (cpu, stretch.lock, other.function)
            known = (self.shape, pair, paths) in self.tried.shapes
            if blocked in self.tried.blocked or (not crossed and known):
                continue
            if not self._meets(stretch.arrivals[0], other):
                continue
            if not cpu and stretch.arrivals[0].number <= self._early.get(other.function, -1):
                continue
            if not crossed:
                self.tried.take(self.shape, pair, paths)
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
        before = (self._wait(other.arrivals[0]) if whole else None) or self._before(other)
        if not held.cpu and other.first > held.number:
            before = None
        elif before is None:
            before = other.arrivals[0]  # the first that counts: where L1 enters L2
        first = Preemption(held.cpu, held.place, held.nth, end.cpu, end.place, self._times(end, before))
        found = [first]
        if before is not None:
            found.append(Preemption(before.cpu, before.place, before.nth, held=0))
        mark = self._wait(held)
        if before is not None and mark is not None and mark != held:
            found.append(Preemption(mark.cpu, mark.place, mark.nth, held=1))
        if middle is not None and middle != before:
            side = next((s for s in self._sides if s.cpu == held.cpu and s.last.number >= held.number), None)
            last = side.last if side else held
            nth = self._times(last, held) or 1
            found.append(Preemption(middle.cpu, middle.place, middle.nth, last.cpu, last.place, nth))
        if before is None or (mark is not None and mark == self._gate):
            found += self._settled(found)
        return tuple(found)

    def _settled(self, found: Sequence[Preemption]) -> list[Preemption]:
        """Keep the first CPU at its first landmark until others have done what they do while all is calm.

        What follows from what the first CPU does, and what it kicks, is only there when that was before. Not
        where a hold is there or behind: the first CPU waits for something else then.
        """
        mark = self._marks[0] if self._marks else None
        begins = next((each.number for each in self._mine if mark and each.number > mark.number), 0)
        calm = [each for each in self.base if each.cpu and mark and mark.number < each.number < begins]
        if mark is None or not calm:
            return []
        held = {(each.cpu, each.place, each.nth) for each in found}
        inside = {(each.cpu, each.place, each.nth) for each in calm}
        if (mark.cpu, mark.place, mark.nth) in held or held & inside:
            return []
        last = calm[-1]
        return [Preemption(mark.cpu, mark.place, mark.nth, last.cpu, last.place, self._times(last, mark))]

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

    def _wait(self, held: RaceArrival) -> RaceArrival | None:
        """Where its CPU waits before: at its gate, at the last landmark else."""
        if self._gate is not None and not held.cpu and self._gate.number <= held.number:
            return self._gate
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
