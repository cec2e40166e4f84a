# SPDX-License-Identifier: GPL-2.0-only
"""Schedules drawn from what a program did: sides of a conflict, pairs once each, the window met."""

from __future__ import annotations

import random
from collections import Counter

from harness.reproduce.races import draw
from harness.reproduce.races.draw import Drawer, Pair, sides
from harness.reproduce.races.schedule import Preemption, Schedule, arrivals
from harness.scenario.language import Place
from harness.trace.executed.hold_file import HoldEnd, HoldFound, HoldState

FAULT, WALK, INSTALL, TLBI, LOAD = (Place(name) for name in ("fault", "walk", "install", "tlbi", "load"))


def end(place: Place) -> Place:
    return Place(place.function, "return")


def whole(cpu: int, place: Place, *inner: Place) -> list[tuple[int, Place]]:
    """A function from its entry to its return."""
    return [(cpu, place), *((cpu, each) for each in inner), (cpu, end(place))]


LOG = [
    *whole(0, LOAD),
    *whole(1, LOAD),
    *whole(1, FAULT, WALK, end(WALK), INSTALL, end(INSTALL)),
    *whole(0, LOAD),
    *whole(0, TLBI, Place("tlbi", "call", "lock")),
    *whole(1, LOAD),
    *whole(0, LOAD),
]


def replay(chosen: Schedule, log: list[tuple[int, Place]]) -> list[tuple[int, Place]]:
    """What a machine would do that has no other order than each CPU's own."""
    queues = {cpu: [place for who, place in log if who == cpu] for cpu in (0, 1)}
    came: list[tuple[int, Place]] = []
    held: dict[int, tuple[Preemption, int]] = {}
    seen: dict[tuple[int, Place], int] = {}
    waiting = list(chosen)
    order = [who for who, _ in log]
    while any(queues.values()):
        for cpu, (each, since) in list(held.items()):
            later = came[since:]
            count = sum((who, place) == (each.other, each.until) for who, place in later)
            if (each.until and count >= each.until_nth) or (not each.until and len(later) >= each.events):
                del held[cpu]
        free = [cpu for cpu in order if queues[cpu] and cpu not in held]
        if not free:
            held.clear()
            continue
        cpu = free[0]
        place = queues[cpu].pop(0)
        came.append((cpu, place))
        order.remove(cpu)
        seen[cpu, place] = seen.get((cpu, place), 0) + 1
        for each in waiting:
            if (each.cpu, each.place, each.nth) == (cpu, place, seen[cpu, place]):
                held[cpu] = each, len(came)
                waiting.remove(each)
                break
    return came


def drawn(count: int, tried: set[Pair] | None = None) -> list[Schedule]:
    """Schedules one after another; ``tried`` None: each as if it were the first."""
    return [
        Drawer("k", arrivals(LOG), set() if tried is None else tried).draw(random.Random(seed))
        for seed in range(count)
    ]


def test_sides_are_what_happens_between_entry_and_return() -> None:
    found = sides(arrivals(LOG))
    assert [(side.cpu, side.function) for side in found] == [
        (0, "load"),
        (1, "load"),
        (1, "fault"),
        (0, "load"),
        (0, "tlbi"),
        (1, "load"),
        (0, "load"),
    ]
    assert [each.place for each in found[2].arrivals] == [
        FAULT,
        WALK,
        end(WALK),
        INSTALL,
        end(INSTALL),
        end(FAULT),
    ]
    assert sum(len(side.arrivals) for side in found) == len(LOG)


def test_a_side_without_a_return_ends_at_the_next_entry_of_its_function() -> None:
    base = arrivals([(0, TLBI), (0, WALK), (0, end(WALK)), *whole(0, TLBI)])
    assert [len(side.arrivals) for side in sides(base)] == [5]


def test_everything_follows_from_the_seed() -> None:
    assert drawn(300) == drawn(300)
    assert all(1 <= len(each) <= draw.POINTS for each in drawn(300))
    assert len(set(drawn(300))) > 40


def test_holds_can_come_true() -> None:
    """The first CPU is held where it was, until the other one has come where it came later, as often."""
    base = arrivals(LOG)
    places = {(e.cpu, e.place, e.nth) for e in base}
    for chosen in drawn(300):
        for number, each in enumerate(chosen):
            assert (each.cpu, each.place, each.nth) in places
            if each.until is None:
                assert 1 <= each.events <= draw.EVENTS
                continue
            assert each.other != each.cpu
            if number:
                continue
            held = next(e for e in base if (e.cpu, e.place, e.nth) == (each.cpu, each.place, each.nth))
            later = [
                e for e in base if e.number > held.number and (e.cpu, e.place) == (each.other, each.until)
            ]
            assert 1 <= each.until_nth <= len(later)


def test_a_crossed_schedule_holds_the_other_one_within_its_side() -> None:
    crossed = [each for each in drawn(600) if len(each) == 2 and all(hold.until is not None for hold in each)]
    assert crossed
    for first, second in crossed:
        assert (first.other, first.until) == (second.cpu, second.place)
        assert second.other == first.cpu


def test_the_windows_are_met() -> None:
    """The operation between the walk and the installation, which the base order never has, and before."""

    def meets(chosen: Schedule, *order: tuple[int, Place]) -> bool:
        came = replay(chosen, LOG)
        at = [came.index(each) for each in order]
        return at == sorted(at)

    middle = ((1, end(WALK)), (0, end(TLBI)), (1, INSTALL))
    before = ((1, FAULT), (0, end(TLBI)), (1, WALK))
    for window in (middle, before):
        assert not meets((), *window)
        assert sum(meets(each, *window) for each in drawn(400)) >= 8


def test_a_pair_is_tried_again_only_when_all_were() -> None:
    tried: set[Pair] = set()
    counts = Counter(each for each in drawn(60, tried) if len(each) == 1 and each[0].until)
    assert counts
    fresh = Counter(each for each in drawn(60) if len(each) == 1 and each[0].until)
    assert max(counts.values()) < max(fresh.values())
    assert {kind for kind, *_ in tried} == {"k"}


def test_a_deadline_of_its_own() -> None:
    drawer = Drawer("k", arrivals(LOG), deadline_us=7)
    assert all(each.deadline_us == 7 for seed in range(20) for each in drawer.draw(random.Random(seed)))


def test_what_counts_is_between_entering_l2_and_leaving_it() -> None:
    entry, leave = Place(draw.ENTRY), Place(draw.EXIT)
    log = [*whole(1, LOAD), *whole(0, TLBI), *whole(1, entry), *LOG, *whole(1, leave), *whole(1, LOAD)]
    kept = draw.window(arrivals(log))
    assert [(each.cpu, each.place) for each in kept] == [*whole(1, entry), *LOG, *whole(1, leave)]
    assert draw.window(arrivals(LOG)) == arrivals(LOG)


def test_what_held_in_vain_is_not_held_earlier_nor_for_later() -> None:
    """Here the installation never lets the other CPU come to its operation, as if that waited for it."""
    vain = HoldFound(HoldState.DONE, HoldEnd.NONE, 1, 1, {HoldEnd.DEADLINE: 1}, 1, ())
    drawer = Drawer("k", arrivals(LOG))
    told = None
    for seed in range(400):
        (first, *_rest) = drawer.draw(random.Random(seed))
        if (first.cpu, first.until) == (1, end(TLBI)):
            held = next(e for e in arrivals(LOG) if (e.cpu, e.place, e.nth) == (1, first.place, first.nth))
            if told is None and first.place == INSTALL:
                drawer.learn(
                    [vain], [*arrivals(LOG), *arrivals(LOG)]
                )  # it had come before: nothing is learnt
                assert not drawer._late
                drawer.learn([vain], [])
                told = held.number
            elif told is not None:
                assert held.number > told
    assert told is not None


def test_one_cpu_has_no_races() -> None:
    assert Drawer("k", arrivals([(0, FAULT), (0, WALK)])).draw(random.Random(1)) == ()
    assert Drawer("k", ()).draw(random.Random(1)) == ()
