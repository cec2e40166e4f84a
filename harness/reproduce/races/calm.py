# SPDX-License-Identifier: GPL-2.0-only
"""The calm run of a program, from which its schedules are drawn, and what a hunt has tried and learnt."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.reproduce.races.schedule import Preemption, RaceArrival, Schedule
from harness.reproduce.races.sides import Side, marks_of, sides, window
from harness.scenario.language import Place

LOAD = "vcpu_load"
"""What KVM_RUN begins with."""
REST_EVENTS = 3000
"""Arrivals of the other CPU in the calm run: one that faults again and again does not come to rest."""
HALTING_EVENTS = 300
"""The same of one that halts again and again: guest time passes meanwhile, up to a hold's deadline."""
CHANGES = re.compile(
    r"tlbi|ipas2|vmalls12|alle1|invalidate|set_memslot|active_memslots|memory_region|unmap|(?<!cpu_)flush"
    r"|dirty_log|dirty_pt|destroy|vcpu_init|allocate_vncr|nested_eret"
)
"""In the names of what takes translations away, not of what only looks a memslot up or marks a page. A vCPU
that comes online counts, and an entry into L2: it claims a shadow, maybe one that was another VMID's."""
OPERATES = re.compile(r"handle_tlbi|ipas2|vmalls12|alle1|s1e[12]_tlbi|kvm_at_s1")
"""In the names of what emulates an operation of L1's: TLBI, or AT."""
Pair = tuple[int, Place, Place | None, int, str]
"""CPU that is held, its place, where it came from, how often it came later, what the other one does."""
Paths = tuple[frozenset[Place], frozenset[Place]]
"""Where the CPU that is held comes by in that side, and the other one in what it does: their ways."""
Blocked = tuple[int, Place, str]
"""CPU that was held, where it had taken the lock, what the other one wanted to do."""


@dataclass(frozen=True, slots=True)
class Others:
    """What the first CPU has to do with others before it takes anything away.

    ``users``: how many it lets begin, each with a landmark; ``stirs``: how often it has L0's VMM disturb
    them then, each a KVM_RUN of its own; ``halts``: whether they halt again and again.
    """

    users: int = 1
    stirs: int = 0
    halts: bool = False


ONE_USER = Others()


def gate(base: Sequence[RaceArrival], others: Others = ONE_USER) -> RaceArrival | None:
    """Where the first CPU waits until the others have come to rest; None without a landmark.

    Its landmark when the last one has begun; where it disturbs them, when its own vCPU has come back.
    """
    mark = next(iter(marks_of(base, others.users)), None)
    if mark is None or not others.stirs:
        return mark
    loads = [
        side.last
        for side in sides(window(base, others.users))
        if not side.cpu and side.function == LOAD and side.first > mark.number
    ]
    return loads[min(others.stirs, len(loads)) - 1] if loads else mark


def calm(base: Sequence[RaceArrival], others: Others = ONE_USER) -> Schedule:
    """The schedule of the calm run for a program that did ``base`` by itself; empty without a landmark."""
    mark, last = gate(base, replace(others, stirs=0)), gate(base, others)
    if mark is None or last is None:
        return ()
    places = [mark] if mark == last else [mark, last]
    events = HALTING_EVENTS if others.halts else REST_EVENTS
    return tuple(Preemption(each.cpu, each.place, each.nth, events=events) for each in places)


@dataclass
class Tried:
    """What was tried and learnt in all programs so far: how often, and in which shapes.

    ``share``: this worker's number, and how many there are. Each takes first what falls to it by the name of
    the pair, for workers do not hear of each other: else all would try the same things first.
    """

    share: tuple[int, int] = (0, 1)
    pairs: Counter[Pair] = field(default_factory=Counter)
    ways: Counter[tuple[Pair, Paths]] = field(default_factory=Counter)
    shapes: set[tuple[str, Pair, Paths]] = field(default_factory=set)
    blocked: set[Blocked] = field(default_factory=set)

    def take(self, shape: str, pair: Pair, paths: Paths) -> bool:
        """Whether it is new for programs of that shape; it is tried now."""
        if (shape, pair, paths) in self.shapes:
            return False
        self.shapes.add((shape, pair, paths))
        self.pairs[pair] += 1
        self.ways[pair, paths] += 1
        return True

    def often(self, pair: Pair, paths: Paths) -> int:
        """How much it was tried: half of that counts for programs whose CPUs took another path through it.

        A place before which nothing differs may be one for which it matters what the CPU finds there. What
        falls to another worker counts as tried by that one.
        """
        number, count = self.share
        others = count > 1 and zlib.crc32(repr(pair).encode()) % count != number
        return self.pairs[pair] + self.ways[pair, paths] + others


def operates(side: Side) -> bool:
    """Whether it emulates an operation."""
    return any(OPERATES.search(each.place.function) for each in side.arrivals)


def changes(side: Side) -> int:
    """One, and two for each function in it that takes translations away."""
    functions = {each.place.function for each in side.arrivals if not each.place.kind}
    return 1 + 2 * sum(bool(CHANGES.search(function)) for function in functions)


def taken_by(sides_of_it: Sequence[Side]) -> str:
    """What of these takes translations away, in a word: the same for programs in which more is beside it.

    A notifier is one wherever the user is, and however that began, and whether a vCPU is loaded on the way.
    """
    takes = {each.function for each in sides_of_it if changes(each) > 1}
    return " ".join(sorted(takes or {each.function for each in sides_of_it}))
