# SPDX-License-Identifier: GPL-2.0-only
"""What CPUs did, cut into what a schedule is made of: a window, the sides in it, the stretches of a side.

A *side* is what one CPU does from the entry of a function to its return, with all places in between: a
fault, a TLBI, a notifier, the loading of a vCPU. A race needs two sides of different CPUs that overlap. A
*stretch* is a run of places between which the CPU does next to nothing: to be held at one of them is to be
held at any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.reproduce.races.schedule import RaceArrival
from harness.scenario.language import Place

ENTRY, EXIT = "kvm_emulate_nested_eret", "kvm_inject_nested"
"""Where L1 enters L2 and is entered from it. Before and behind other CPUs than the first one have nothing to
do with translations."""
LANDMARK = "access_ccsidr"
"""What emulates the exit by which the first CPU says that another one has begun, or was looked at
(images/payloads/litmus/guest/step.c)."""
LOOK = "access_clidr"
"""The same, before it looks at the other one: it has done all that it had to do until then."""
BREAK = "__cond_resched_rwlock"
"""By which a CPU that goes through a whole stage 2 gives mmu_lock up to those who wait."""
READ = "__srcu_read_lock"
SRCU = "srcu"
SORTS = (SRCU, "mutex", "spin")
"""Of locks, by a word in the names of what takes them; ``OTHER`` ones have readers or a writer."""
OTHER = "rw"
BEFORE = 3
"""Sides that others may have done when they had said that they begin."""
INNER, TEST = 0.05, 1.0
NEXT_TO_NOTHING = 10
"""Instructions from one place to the next of a stretch: a call and the entry of what is called are closer."""


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


@dataclass(frozen=True, slots=True)
class Stretch:
    """Arrivals of one CPU with next to nothing in between.

    ``lock``: the call that took the lock that the CPU has, if any; ``locks``: of all that it has, the sorts.
    """

    arrivals: tuple[RaceArrival, ...]
    lock: Place | None = None
    locks: frozenset[str] = frozenset()

    @property
    def cpu(self) -> int:
        """Whose it is."""
        return self.arrivals[0].cpu

    def keeps_out(self, wanted: frozenset[str]) -> bool:
        """Whether it has a lock for which others wait who take such sorts: for a reader of SRCU not at once.

        Who changes memslots has a mutex all the while, which no fault takes.
        """
        return bool((self.locks & wanted) - {SRCU})

    @property
    def takes(self) -> bool:
        """Whether it ends where a lock is taken."""
        return _takes(self.arrivals[-1].place)

    @property
    def inner(self) -> float:
        """0 right before a lock is taken and right behind where one was given, and a little in between.

        More where something is tested: most windows have a call in them.
        """
        first = self.arrivals[0].place
        return INNER * (first.kind != "after" and not self.takes) + TEST * (first.kind == "test")


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


def places_of(some: Iterable[Side]) -> frozenset[Place]:
    """Where the CPU came by in these sides: by that two sides of one function are told apart."""
    return frozenset(each.place for side in some for each in side.arrivals)


def stretches(base: Sequence[RaceArrival]) -> tuple[Stretch, ...]:
    """All of each CPU, in its order. A lock that is taken or given ends one.

    Where the CPU is about to give its lock up for a moment to those who wait, it counts as having none.
    """
    found: list[Stretch] = []
    for cpu in sorted({each.cpu for each in base}):
        locks: list[Place] = []
        some: list[RaceArrival] = []
        for each in (arrival for arrival in base if arrival.cpu == cpu):
            gives = each.place.kind == "after"
            tests = each.place.kind == "test"  # what it tests was read since the place before
            if some and (gives or tests or each.at - some[-1].at > NEXT_TO_NOTHING):
                found.append(_stretch(some, locks))
                some = []
            if gives and locks and _given(each.place) == locks[-1]:
                locks.pop()
            some.append(each)
            if each.place.callee.startswith(BREAK):
                found.append(_stretch(some, [each for each in locks if sort_of(each) != OTHER]))
                some = []
            if _takes(each.place):
                found.append(_stretch(some, locks))
                some = []
                locks.append(each.place)
        if some:
            found.append(_stretch(some, locks))
    return tuple(found)


def _stretch(some: Sequence[RaceArrival], locks: Sequence[Place]) -> Stretch:
    return Stretch(tuple(some), locks[-1] if locks else None, frozenset(map(sort_of, locks)))


def sort_of(taken: Place) -> str:
    """Of the lock that is taken by a call."""
    return next((sort for sort in SORTS if sort in taken.callee), OTHER)


def sorts_taken(some: Iterable[RaceArrival]) -> frozenset[str]:
    """Of the locks that a CPU takes in these."""
    return frozenset(sort_of(each.place) for each in some if _takes(each.place))


def between(some: Sequence[RaceArrival]) -> tuple[RaceArrival, ...]:
    """Of what a CPU does: all from where it gives its first lock to where it takes its last one.

    What it has read, or made public, under the one it may rely on under the other. Who becomes a reader of
    SRCU reads without a lock, too.
    """
    takes = [i for i, each in enumerate(some) if _takes(each.place)]
    begins = [
        i + (each.place.kind == "call")
        for i, each in enumerate(some)
        if each.place.callee == READ or (each.place.kind == "after" and "unlock" in each.place.callee)
    ]
    return tuple(some[begins[0] : takes[-1] + 1]) if begins and takes else ()


def _takes(place: Place) -> bool:
    return place.kind == "call" and place.callee.endswith("_lock")


def _given(place: Place) -> Place:
    """Where what was given back was taken, in the same function. A jump may lead to the address, too."""
    return Place(place.function, "call", place.callee.replace("unlock", "lock"))


def marks_of(base: Sequence[RaceArrival], users: int) -> list[RaceArrival]:
    """The landmarks of the first CPU from the one on at which the last of ``users`` has begun."""
    found = [each for each in base if not each.cpu and each.place == Place(LANDMARK)]
    return found[users - 1 :]


def window(base: Sequence[RaceArrival], users: int = 1) -> tuple[RaceArrival, ...]:
    """What counts: of the first CPU all between its first and last landmark, of others all in and around L2.

    Its first landmark is the one at which the last of ``users`` has begun. Where nobody enters L2 it begins
    with the last sides of the others before that: they say that they begin before they do. Without a landmark
    all counts.
    """
    marks = [each.number for each in marks_of(base, users)]
    entries = [each.number for each in base if each.cpu and each.place == Place(ENTRY)]
    ends = [each.number for each in base if each.cpu and each.place.function in (ENTRY, EXIT)]
    first = (marks[0], marks[-1] if len(marks) > 1 else len(base)) if marks else (0, len(base))
    before = [side.first for side in sides(base) if side.cpu and side.first < first[0]] if marks else []
    other = (min(before[-BEFORE:], default=first[0]), first[1])
    if entries:
        other = entries[0], ends[-1]
    return tuple(
        each
        for each in base
        if (other if each.cpu else first)[0] <= each.number <= (other if each.cpu else first)[1]
    )
