# SPDX-License-Identifier: GPL-2.0-only
"""What the CPUs did when they did not disturb each other, and how a rendezvous of two is made of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from harness.reproduce.races.calm import Others, changes, gate, operates
from harness.reproduce.races.schedule import Preemption, RaceArrival, Schedule
from harness.reproduce.races.sides import (
    LANDMARK,
    LOOK,
    SRCU,
    Side,
    Stretch,
    between,
    marks_of,
    places_of,
    sides,
    sorts_taken,
    stretches,
    window,
)
from harness.scenario.language import Place

EARLY = 8
"""Of so many first arrivals any may be the one; those behind are of a CPU that tries again and again."""


CLOSED = 0.1
"""What it counts that a place is not between two locks: less than that something was tried, or is older."""

LAST = 0.25
"""What the age of a side counts where no later one is of its function."""


class CalmRun:
    """The arrivals of a program's calm run: sides and stretches of each CPU, and where which one waits.

    ``rest``: the number of the first arrival of the first CPU behind its gate; ``next_mark``: that of its
    second landmark.
    """

    def __init__(self, base: Sequence[RaceArrival], others: Others) -> None:
        self._base = base
        inside = window(base, others.users)
        self._inside = frozenset(each.number for each in inside)
        self.sides = [each for each in sides(inside) if each.function not in (LANDMARK, LOOK)]
        self.path: dict[int, frozenset[Place]] = {}
        self.function: dict[int, str] = {}
        for side in self.sides:
            self.function |= dict.fromkeys((each.number for each in side.arrivals), side.function)
            self.path |= dict.fromkeys((each.number for each in side.arrivals), places_of((side,)))
        common = Counter((side.cpu, side.function) for side in self.sides)
        self.weights = [changes(side) / common[side.cpu, side.function] for side in self.sides]
        self.cpus = sorted({each.cpu for each in inside})
        self._of = {cpu: [each for each in base if each.cpu == cpu] for cpu in self.cpus}
        sorts = {cpu: sorts_taken(each for each in inside if each.cpu == cpu) for cpu in self.cpus}
        users = frozenset[str]().union(*(found for cpu, found in sorts.items() if cpu))
        self._wanted = {cpu: sorts.get(0, frozenset()) if cpu else users for cpu in self.cpus}
        self.marks = marks_of(base, others.users)
        self.looks = any(not each.cpu and each.place == Place(LOOK) for each in inside)
        self.groups: dict[int, dict[tuple[Place, Place | None], list[Stretch]]] = {}
        self.came_from: dict[int, Place | None] = {}
        behind: dict[int, Place] = {}
        takes = [side for side in self.sides if not side.cpu and changes(side) > 1]
        taking = {each.number for side in takes for each in side.arrivals}
        for each in stretches(inside):
            # A place may be at several addresses: what comes before it tells them apart.
            key = each.arrivals[0].place, behind.get(each.cpu)
            self.came_from[each.arrivals[0].number] = key[1]
            # Behind a lock that is where the CPU was before it: a function may take the same lock twice.
            if before := each.arrivals[:-1] if each.takes else each.arrivals:
                behind[each.cpu] = before[-1].place
            if taking and not each.cpu and each.arrivals[0].number not in taking:
                continue  # of the first CPU only what takes translations away counts, if anything does
            self.groups.setdefault(each.cpu, {}).setdefault(key, []).append(each)
        matters = [[each for side in takes for each in side.arrivals]]
        matters += [list(side.arrivals) for side in self.sides if side.cpu]
        self._between = {each.number for some in matters for each in between(some)}
        self._gate = gate(base, others) if others.stirs else None
        mine = [each for each in inside if not each.cpu and each.place.function not in (LANDMARK, LOOK)]
        self._mine = mine
        since = self._gate.number if self._gate else -1
        self.rest = min((each.number for each in mine if each.number > since), default=len(base))
        calm = [side for side in self.sides if side.cpu and side.first < self.rest]
        self.operates = any(operates(side) for side in calm)
        """Whether others execute operations while all is calm."""
        self._begins = [side.first for side in calm]
        self.firsts: dict[int, Side] = {}
        for side in calm:
            self.firsts.setdefault(side.cpu, side)
        last = {(side.cpu, side.function): side for side in calm}
        self._last = frozenset(each.number for side in last.values() for each in side.arrivals)
        self._entries = frozenset(each.number for side in self.firsts.values() for each in side.arrivals)
        self.next_mark = next((each.number for each in self.marks[1:]), len(base))

    def path_of(self, stretch: Stretch) -> frozenset[Place]:
        """Of the side that it is in."""
        return self.path.get(stretch.arrivals[0].number, frozenset())

    def age(self, arrival: RaceArrival) -> float:
        """0 for what others did last while all was calm, to 1: the fault for the translation comes last.

        It counts more than to be close to a lock: a window between the reading of something and the lock
        begins where a function returns what it has read. 0 for the very first side, too: it enters L2, for
        which L0 looks for a context. And less where nothing of its sort came later: what maps the page that a
        fault has found comes behind the fault.
        """
        if arrival.number in self._entries:
            return 0.0
        age = sum(begin > arrival.number for begin in self._begins) / max(len(self._begins), 1)
        return LAST * age if arrival.number in self._last else age

    def closed(self, stretch: Stretch) -> float:
        """0 where its CPU has given a lock, takes another one later, and has none: what it read may be old.

        More where it is a reader of SRCU, and more where it has given no lock yet, or takes none any more.
        """
        if not any(each.number in self._between for each in stretch.arrivals):
            return CLOSED
        return CLOSED / 2 if SRCU in stretch.locks else 0.0

    def keeps_out(self, stretch: Stretch) -> bool:
        """Whether it has a lock that the one takes whom it is to meet."""
        return stretch.keeps_out(self._wanted[stretch.cpu])

    def stretch(self, rng: random.Random, cpu: int) -> Stretch | None:
        """Rather one that is rare, and rather the last time before the first CPU goes on."""
        groups = self.groups[cpu]
        places = list(groups)
        group = groups[rng.choices(places, [min(len(groups[each]), EARLY) ** -0.5 for each in places])[0]]
        calm = [each for each in group if each.arrivals[0].number < self.rest] if cpu else []
        if calm and rng.random() < 0.9:
            group = calm
        return group[:EARLY][-1] if rng.random() < 0.5 else rng.choice(group[:EARLY])

    def meets(self, held: RaceArrival, other: Side) -> bool:
        """Whether the two can be brought together, as far as the calm run tells.

        Of another CPU than the first one only what it did while all was calm is there without anything that
        the first one does, and that does not go beyond its next landmark as long as it is held. What the
        other one did later was the consequence of something that the first one had done.
        """
        if held.cpu:
            return held.number < self.rest and not other.cpu and other.last.number < self.next_mark
        if other.first > held.number:
            return True
        return other.first < self.rest and held.number < self.next_mark

    def meet(self, held: RaceArrival, other: Side, middle: RaceArrival | None, whole: bool) -> Schedule:
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
            side = next((s for s in self.sides if s.cpu == held.cpu and s.last.number >= held.number), None)
            last = side.last if side else held
            nth = self._times(last, held) or 1
            found.append(Preemption(middle.cpu, middle.place, middle.nth, last.cpu, last.place, nth))
        if before is None or (self._gate is not None and self._gate in (mark, before)):
            found += self._settled(found)
        return tuple(found)

    def _settled(self, found: Sequence[Preemption]) -> list[Preemption]:
        """Keep the first CPU at its first landmark until others have done what they do while all is calm.

        What follows from what the first CPU does, and what it kicks, is only there when that was before: a
        vCPU that is kicked sooner comes by less often. Not where a hold is there or behind: the first CPU
        waits for something else then.
        """
        mark = self.marks[0] if self.marks else None
        begins = next((each.number for each in self._mine if mark and each.number > mark.number), 0)
        calm = [each for each in self._base if each.cpu and mark and mark.number < each.number < begins]
        if mark is None or not calm:
            return []
        held = {(each.cpu, each.place, each.nth) for each in found}
        inside = {(each.cpu, each.place, each.nth) for each in calm}
        if (mark.cpu, mark.place, mark.nth) in held or held & inside:
            return []
        last = calm[-1]
        return [Preemption(mark.cpu, mark.place, mark.nth, last.cpu, last.place, self._times(last, mark))]

    def _before(self, side: Side) -> RaceArrival | None:
        """Where its CPU came last before it: what it does there may decide how it does it."""
        mine = [each for each in self._of[side.cpu] if each.number < side.first]
        inside = [each for each in mine if each.number in self._inside]
        return inside[-1] if inside else None

    def _wait(self, held: RaceArrival) -> RaceArrival | None:
        """Where its CPU waits before: at its gate, at the last landmark else."""
        if self._gate is not None and not held.cpu and self._gate.number <= held.number:
            return self._gate
        marks = [each for each in self.marks if each.cpu == held.cpu and each.number < held.number]
        return marks[-1] if marks else None

    def _times(self, end: RaceArrival, since: RaceArrival | None) -> int:
        number = since.number if since else -1
        same = [each for each in self._of[end.cpu] if each.place == end.place]
        return max(sum(number < each.number <= end.number for each in same), 1)
