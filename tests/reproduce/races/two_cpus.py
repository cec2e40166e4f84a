# SPDX-License-Identifier: GPL-2.0-only
"""A machine of two CPUs that come to places one after another, and holds that hold them there."""

from __future__ import annotations

from harness.reproduce.races.schedule import Schedule
from harness.reproduce.races.sides import ENTRY, EXIT, LANDMARK
from harness.scenario.language import Place
from harness.trace.executed.hold_file import ANY

FAULT, WALK, INSTALL, TLBI, LOAD = (Place(name) for name in ("fault", "walk", "install", "tlbi", "load"))
MARK, ENTER, LEAVE = Place(LANDMARK), Place(ENTRY), Place(EXIT)

Log = list[tuple[int, Place]]


def end(place: Place) -> Place:
    """The return of the function at whose entry ``place`` is."""
    return Place(place.function, "return")


def whole(cpu: int, place: Place, *inner: Place) -> Log:
    """A function from its entry to its return."""
    return [(cpu, place), *((cpu, each) for each in inner), (cpu, end(place))]


LOG: Log = [
    *whole(0, LOAD),
    *whole(0, MARK),
    *whole(1, ENTER),
    *whole(1, FAULT, WALK, end(WALK), INSTALL, end(INSTALL)),
    *whole(0, LOAD),
    *whole(0, TLBI, Place("tlbi", "call", "_lock"), Place("tlbi", "after", "_unlock")),
    *whole(1, LOAD),
    *whole(0, MARK),
    *whole(1, LEAVE),
]
"""A calm run: CPU 1 faults while CPU 0 waits at its landmark, and rests while that executes its TLBI."""

FIRST: Log = sorted(LOG, key=lambda each: each[0])
"""The same without holds on a machine that lets CPU 0 do all first: what CPU 1 looks for is gone by then."""


def replay(chosen: Schedule, log: Log) -> Log:
    """What a machine does that prefers the order of ``log``, and lets all go when nobody can go on."""
    queues = {cpu: [place for who, place in log if who == cpu] for cpu in (0, 1)}
    order = [who for who, _ in log]
    came: Log = []
    holding: dict[int, tuple[int, int]] = {}
    seen: dict[tuple[int, Place], int] = {}
    done: set[int] = set()

    def over(number: int, since: int) -> bool:
        each, later = chosen[number], came[since:]
        if each.held != ANY:
            return any(index == each.held for index, _ in holding.values())
        if each.until is None:
            return len(later) >= each.events
        return later.count((each.other, each.until)) >= each.until_nth

    while any(queues.values()):
        for cpu in [cpu for cpu, (number, since) in holding.items() if over(number, since)]:
            del holding[cpu]
        free = [cpu for cpu in order if queues[cpu] and cpu not in holding]
        if not free:
            holding.clear()
            continue
        cpu = free[0]
        place = queues[cpu].pop(0)
        order.remove(cpu)
        came.append((cpu, place))
        seen[cpu, place] = seen.get((cpu, place), 0) + 1
        for number, each in enumerate(chosen):
            if number not in done and (each.cpu, each.place, each.nth) == (cpu, place, seen[cpu, place]):
                holding[cpu] = number, len(came)
                done.add(number)
                break
    return came


def met(chosen: Schedule, log: Log, *order: tuple[int, Place]) -> bool:
    """Whether what ``replay`` gives has these in this order."""
    came = replay(chosen, log)
    at = [came.index(each) for each in order]
    return at == sorted(at)
