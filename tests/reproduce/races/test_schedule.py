# SPDX-License-Identifier: GPL-2.0-only
"""Schedules: counted, short, as steps of a scenario."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from harness.reproduce.races import schedule
from harness.reproduce.races.schedule import Preemption, Schedule, arrivals
from harness.scenario import value_grammar
from harness.scenario.language import Place
from harness.trace.executed.hold_file import ANY, HoldPoint

FAULT, WALK, TLBI, EXIT = (Place(name) for name in ("fault", "walk", "tlbi", "vcpu_put"))
LOG = [(0, EXIT), (1, EXIT), (1, FAULT), (1, WALK), (0, EXIT), (0, TLBI), (1, EXIT), (0, EXIT)]


def test_arrivals_are_counted_by_cpu_and_place() -> None:
    base = arrivals(LOG)
    assert [(each.cpu, each.nth) for each in base if each.place == EXIT] == [
        (0, 1),
        (1, 1),
        (0, 2),
        (1, 2),
        (0, 3),
    ]


def test_preemptions_that_do_not_matter_go() -> None:
    one, two, three = (Preemption(1, place, 1, events=3) for place in (FAULT, WALK, EXIT))
    tried: list[Schedule] = []

    def fails(candidate: Schedule) -> bool:
        tried.append(candidate)
        return two in candidate

    assert schedule.shrink((one, two, three), fails) == (two,)
    assert schedule.shrink((one, three), fails) == (one, three)
    assert all(len(each) < 3 for each in tried)


def test_without_a_preemption_nobody_waits_for_it() -> None:
    """What waits for another one still means that one."""
    first, second = Preemption(1, FAULT, 1, events=3), Preemption(0, TLBI, 1, held=0)
    third = Preemption(0, EXIT, 1, held=1)
    assert list(schedule.shorter((first, second, third))) == [
        (replace(third, held=0),),
        (first,),
        (first, second),
    ]


@pytest.mark.parametrize(
    "each",
    [
        Preemption(1, Place("walk", "return"), 2, 0, Place("tlbi", "after", "unlock"), 3),
        Preemption(0, Place("fault", "call", "lock"), 1, events=7, deadline_us=100_000),
        Preemption(1, Place("fault"), 1, held=3),
    ],
)
def test_step_of_a_scenario_says_the_same(each: Preemption) -> None:
    hold = yaml.safe_load(each.step(48))["hold"]
    until = hold["until"]
    assert (value_grammar.place(hold["at"]), hold["cpu"], hold["nth"]) == (each.place, each.cpu, each.nth)
    assert value_grammar.duration_us(hold["deadline"]) == each.deadline_us
    if each.held != ANY:
        assert until == {"held": f"hold-{each.held}"}
    elif each.until is None:
        assert until == {"events": each.events}
    else:
        assert value_grammar.place(until["at"]) == each.until
        assert (until["cpu"], until["nth"]) == (each.other, each.until_nth)
    order = each.order(lambda place: 5 if place == each.place else 6)
    assert order.at == HoldPoint(5, each.cpu)
    assert order.until == (HoldPoint(6, each.other) if each.until else None)
    assert order.deadline_ns == each.deadline_us * 1000
    assert order.held == each.held
    assert (order.nth, order.events, order.until_nth) == (each.nth, each.events, each.until_nth)
