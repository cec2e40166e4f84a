# SPDX-License-Identifier: GPL-2.0-only
"""Schedules: drawn from what a program did, replayable, short."""

from __future__ import annotations

import random

import pytest
import yaml

from harness.reproduce.races import schedule
from harness.reproduce.races.schedule import MOST, Preemption, Schedule, arrivals
from harness.scenario import value_grammar
from harness.scenario.language import Place
from harness.trace.executed.hold_file import HoldPoint

FAULT, WALK, TLBI, EXIT = (Place(name) for name in ("fault", "walk", "tlbi", "vcpu_put"))
LOG = [(0, EXIT), (1, EXIT), (1, FAULT), (1, WALK), (0, EXIT), (0, TLBI), (1, EXIT), (0, EXIT)]


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


def test_arrivals_are_counted_by_cpu_and_place() -> None:
    base = arrivals(LOG)
    assert [(each.cpu, each.nth) for each in base if each.place == EXIT] == [
        (0, 1),
        (1, 1),
        (0, 2),
        (1, 2),
        (0, 3),
    ]


def test_everything_follows_from_the_seed() -> None:
    base = arrivals(LOG)
    drawn = [schedule.draw(random.Random(seed), base) for seed in range(300)]
    assert drawn == [schedule.draw(random.Random(seed), base) for seed in range(300)]
    assert all(1 <= len(each) <= MOST for each in drawn)
    assert len(set(drawn)) > 40


def test_pairs_can_come_true() -> None:
    """A CPU is held where it was, until the other one comes where it came later, as often as it did."""
    base = arrivals(LOG)
    for seed in range(300):
        for each in schedule.draw(random.Random(seed), base):
            assert (each.cpu, each.place, each.nth) in {(e.cpu, e.place, e.nth) for e in base}
            if each.until is None:
                assert 1 <= each.events <= schedule.EVENTS
                continue
            held = next(e for e in base if (e.cpu, e.place, e.nth) == (each.cpu, each.place, each.nth))
            later = [
                e for e in base if e.number > held.number and (e.cpu, e.place) == (each.other, each.until)
            ]
            assert each.other != each.cpu
            assert 1 <= each.until_nth <= len(later)


def test_the_window_is_met() -> None:
    """The operation between the walk and what comes after it, which the base order never has."""
    base = arrivals(LOG)

    def meets(chosen: Schedule) -> bool:
        came = replay(chosen, [*LOG[:4], (1, Place("install")), *LOG[4:]])
        return came.index((1, WALK)) < came.index((0, TLBI)) < came.index((1, Place("install")))

    assert not meets(())
    assert sum(meets(schedule.draw(random.Random(seed), base)) for seed in range(100)) >= 5


def test_one_cpu_has_no_races() -> None:
    assert schedule.draw(random.Random(1), arrivals([(0, FAULT), (0, WALK)])) == ()
    assert schedule.draw(random.Random(1), ()) == ()


def test_preemptions_that_do_not_matter_go() -> None:
    one, two, three = (Preemption(1, place, 1, events=3) for place in (FAULT, WALK, EXIT))
    tried: list[Schedule] = []

    def fails(candidate: Schedule) -> bool:
        tried.append(candidate)
        return two in candidate

    assert schedule.shrink((one, two, three), fails) == (two,)
    assert schedule.shrink((one, three), fails) == (one, three)
    assert all(len(each) < 3 for each in tried)


@pytest.mark.parametrize(
    "each",
    [
        Preemption(1, Place("walk", "return"), 2, 0, Place("tlbi", "after", "unlock"), 3),
        Preemption(0, Place("fault", "call", "lock"), 1, events=7),
    ],
)
def test_step_of_a_scenario_says_the_same(each: Preemption) -> None:
    hold = yaml.safe_load(each.step())["hold"]
    until = hold["until"]
    assert (value_grammar.place(hold["at"]), hold["cpu"], hold["nth"]) == (each.place, each.cpu, each.nth)
    assert value_grammar.duration_us(hold["deadline"]) == schedule.PATIENCE_US
    if each.until is None:
        assert until == {"events": each.events}
    else:
        assert value_grammar.place(until["at"]) == each.until
        assert (until["cpu"], until["nth"]) == (each.other, each.until_nth)
    order = each.order(lambda place: 5 if place == each.place else 6)
    assert order.at == HoldPoint(5, each.cpu)
    assert order.until == (HoldPoint(6, each.other) if each.until else None)
    assert (order.nth, order.events, order.until_nth) == (each.nth, each.events, each.until_nth)
