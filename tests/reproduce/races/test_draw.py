# SPDX-License-Identifier: GPL-2.0-only
"""Schedules drawn from what a program did: every window is met, whatever the machine does by itself."""

from __future__ import annotations

import functools
import random
from collections import Counter

import pytest

from harness.reproduce.races import calm as calm_run
from harness.reproduce.races.calm import Others, Tried, calm, taken_by
from harness.reproduce.races.draw import Drawer
from harness.reproduce.races.schedule import Preemption, Schedule, arrivals
from harness.reproduce.races.sides import LOOK, places_of
from harness.scenario.language import Place
from harness.trace.executed.hold_file import ANY, HoldEnd, HoldFound, HoldState
from tests.reproduce.races.two_cpus import (
    ENTER,
    FAULT,
    FIRST,
    INSTALL,
    LEAVE,
    LOAD,
    LOG,
    MARK,
    TLBI,
    WALK,
    Log,
    end,
    met,
    whole,
)


def drawn(count: int) -> list[Schedule]:
    """The first schedule of each of some programs."""
    return [Drawer("k", arrivals(LOG)).draw(random.Random(seed)) for seed in range(count)]


@functools.cache
def many() -> Counter[Schedule]:
    """How often each is drawn, of the first ones for a program."""
    found: Counter[Schedule] = Counter()
    for seed in range(300):
        drawer, rng = Drawer("k", arrivals(LOG)), random.Random(seed)
        found.update(drawer.draw(rng) for _ in range(12))
    return found


def test_calm_is_where_the_first_cpu_waits_at_its_landmark() -> None:
    (hold,) = calm(arrivals(FIRST))
    assert (hold.cpu, hold.place, hold.nth, hold.events) == (0, MARK, 1, calm_run.REST_EVENTS)
    assert met((hold,), FIRST, (0, MARK), (1, end(FAULT)), (0, TLBI))
    assert not met((), FIRST, (1, end(FAULT)), (0, TLBI))
    assert calm(arrivals(whole(0, TLBI))) == ()


def test_everything_follows_from_the_seed() -> None:
    assert drawn(300) == drawn(300)
    assert len(set(drawn(300))) > 30


WINDOWS = (
    [(1, end(WALK)), (0, TLBI), (0, end(TLBI)), (1, INSTALL)],
    [(1, FAULT), (0, TLBI), (0, end(TLBI)), (1, WALK)],
    [(1, end(INSTALL)), (0, TLBI), (0, end(TLBI)), (1, end(FAULT))],
    [(0, TLBI), (1, FAULT), (1, end(FAULT)), (0, end(TLBI))],
    [(0, Place("tlbi", "after", "_unlock")), (1, FAULT), (1, end(FAULT)), (0, end(TLBI))],
    [(1, WALK), (0, TLBI), (1, end(FAULT)), (0, end(TLBI))],
)


@pytest.mark.parametrize("log", [LOG, FIRST], ids=["calm-order", "first-cpu-first"])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_is_met_whatever_the_order_is_without(window: Log, log: Log) -> None:
    """An operation within a fault, a fault within an operation, one that overlaps the other."""
    assert not met((), log, *window)
    assert sum(count for each, count in many().items() if met(each, log, *window)) >= 4


def test_a_sweep_holds_at_each_place_until_all_is_taken_away() -> None:
    drawer = Drawer("k", arrivals(LOG))
    found = [drawer._next(random.Random(1)) for _ in range(40)]
    swept = [each for each in found if each]
    assert [bool(each) for each in found] == [True] * len(swept) + [False] * (40 - len(swept))
    places = {each[0].place for each in swept}
    assert {FAULT, WALK, end(WALK), INSTALL, end(INSTALL)} <= places
    assert len(swept) == len({(each[0].place, each[0].nth) for each in swept})
    for each in swept:
        assert each[0].cpu == 1
        assert (each[0].other, each[0].until) == (0, end(TLBI))
        assert (each[1].cpu, each[1].place, each[1].held) == (0, MARK, 0)
        assert met(each, FIRST, (1, each[0].place), (0, TLBI), (0, end(TLBI)))


def test_what_was_tried_is_not_tried_for_another_program_of_the_shape() -> None:
    tried = Tried()
    one, other = Drawer("k", arrivals(LOG), tried), Drawer("k", arrivals(LOG), tried)
    first = [one._next(random.Random(1)) for _ in range(5)]
    rest = [other._next(random.Random(2)) for _ in range(40)]
    assert not set(first) & {each for each in rest if each}
    swept = [each for each in (*first, *rest) if each]
    another = Drawer("another", arrivals(LOG), tried)
    again = [each for _ in range(40) if (each := another._next(random.Random(1)))]
    assert len(again) == len(swept), "another shape is another chance"


def test_what_is_new_in_the_whole_hunt_comes_first() -> None:
    """Two programs of different shapes try all that either can before anything twice."""
    tried = Tried()
    one = Drawer("k", arrivals(LOG), tried)
    count = sum(bool(one._next(random.Random(1))) for _ in range(40))
    tried = Tried()
    one, other = Drawer("k", arrivals(LOG), tried), Drawer("another", arrivals(LOG), tried)
    for _ in range(count // 2):
        one._next(random.Random(2))
    for _ in range(count - count // 2):
        other._next(random.Random(3))
    first_times = [pair for pair in tried.pairs if pair[3] == 0]
    assert all(tried.pairs[pair] == 1 for pair in first_times)
    assert {place for _, place, *_ in first_times} >= {FAULT, WALK, end(WALK), INSTALL, end(INSTALL)}


def test_workers_that_do_not_hear_of_each_other_begin_with_different_pairs() -> None:
    """Each comes to the other one's share in the end."""

    def swept(share: tuple[int, int]) -> list[tuple[Place, int]]:
        drawer = Drawer("k", arrivals(LOG), Tried(share))
        found = [chosen for seed in range(40) if (chosen := drawer._next(random.Random(seed)))]
        return [(each[0].place, each[0].nth) for each in found]

    alone, one, other = swept((0, 1)), swept((0, 2)), swept((1, 2))
    assert set(one) == set(other) == set(alone)
    half = len(alone) // 3
    assert not set(one[:half]) & set(other[:half])


def dressed(log: Log) -> Log:
    """The same with a vCPU that CPU 0 loads once more before its operation."""
    at = log.index((0, TLBI))
    return [*log[:at], *whole(0, Place("vcpu_put")), *log[at:]]


def test_what_takes_away_is_the_same_whatever_is_beside_it() -> None:
    """Where one program has held CPU 1, another one of its kind holds it last."""
    tried = Tried()
    one, other = Drawer("k", arrivals(LOG), tried), Drawer("another", arrivals(dressed(LOG)), tried)
    first = [one._next(random.Random(1))[0].place for _ in range(3)]
    rest = [chosen[0].place for _ in range(40) if (chosen := other._next(random.Random(2)))]
    assert set(rest[-3:]) == set(first)
    assert taken_by([each for each in one._calm.sides if not each.cpu]) == TLBI.function


def test_what_others_tried_since_is_new_no_more_in_the_next_turn() -> None:
    tried = Tried()
    one, other = Drawer("k", arrivals(LOG), tried), Drawer("another", arrivals(LOG), tried)
    one._next(random.Random(1))
    places = [other._next(random.Random(seed))[0].place for seed in range(3)]
    one.begin_turn()
    rest = [chosen[0].place for _ in range(40) if (chosen := one._next(random.Random(1)))]
    old = [each for each in rest if each in places]
    assert rest[-len(old) :] == old


def test_a_place_counts_half_where_the_cpu_takes_another_way() -> None:
    """A fault that has something to take away first: what comes before is the same, in another state."""
    tried = Tried()
    first = Drawer("k", arrivals(LOG), tried)
    while first._next(random.Random(1)):
        pass
    wipe = Place("wipe")
    other = [
        each for one in LOG for each in ([one, (1, wipe), (1, end(wipe))] if one == (1, FAULT) else [one])
    ]
    for log, often in ((LOG, 2), (other, 1)):
        drawer = Drawer("another", arrivals(log), tried)
        takes = [each for each in drawer._calm.sides if not each.cpu]
        word = taken_by(takes)
        rows = drawer._order(random.Random(1), word, places_of(takes))
        mine = {stretch.arrivals[0].place: (pair, paths) for stretch, pair, paths in rows if not pair[3]}
        assert tried.often(*mine[FAULT]) == often
        assert tried.often(*mine[ENTER]) == 2, "that side is the same"
        if log is other:
            assert tried.often(*mine[wipe]) == 0
            assert not tried.take("k", *mine[ENTER]), "a program of that shape has tried it"
            assert tried.take("k", *mine[FAULT])


def test_a_sweep_back_holds_the_first_cpu_until_a_side_is_over() -> None:
    drawer = Drawer("k", arrivals(LOG))
    found = [each for _ in range(100) if (each := drawer._next_back(random.Random(1)))]
    inside = [TLBI, Place("tlbi", "call", "_lock"), Place("tlbi", "after", "_unlock"), end(TLBI)]
    assert len(found) < 100
    faults = [each for each in found if each[0].until == end(FAULT)]
    assert {each[0].place for each in faults} == set(inside)
    for each in faults:
        assert each[0].cpu == 0
        assert met(each, FIRST, (0, each[0].place), (1, FAULT), (1, end(FAULT)))


def test_a_kicked_vcpu_has_come_to_rest_before_anything_is_taken_away() -> None:
    """CPU 0 waits at its landmark, and again at its operation: between the two it kicks."""
    put = Place("put")
    kicked: Log = []
    for each in LOG:
        kicked += [*whole(0, Place("vcpu_load")), *whole(1, put)] if each == (0, TLBI) else []
        kicked += [each]
    rest = calm(arrivals(kicked), Others(1, 1))
    assert [(each.cpu, each.place, each.nth) for each in rest] == [
        (0, MARK, 1),
        (0, Place("vcpu_load", "return"), 1),
    ]
    drawer = Drawer("k", arrivals(kicked), others=Others(1, 1))
    swept = [chosen for _ in range(40) if (chosen := drawer._next(random.Random(1)))]
    held = [chosen for chosen in swept if chosen[0].place == put]
    assert held
    for chosen in held:
        assert (chosen[1].place, chosen[1].held) == (Place("vcpu_load", "return"), 0)
        assert met(chosen, kicked, (0, Place("vcpu_load")), (1, put), (0, end(TLBI)), (1, end(put)))
        settled = chosen[2]
        assert (settled.place, settled.other, settled.until) == (MARK, 1, end(FAULT)), "and before the kick"
    assert not [
        chosen
        for chosen in Drawer("k", arrivals(kicked))._order(random.Random(1), "x", frozenset())
        if chosen[1][1] == put
    ]


def test_what_is_taken_away_comes_behind_the_beginning_of_the_last_user() -> None:
    """With two users the first one's landmark is none for the second: until then nothing was taken away."""
    log: Log = [*whole(0, LOAD), *whole(0, MARK), *LOG]
    (rest,) = calm(arrivals(log), Others(2))
    assert (rest.place, rest.nth) == (MARK, 2)
    for users, swept in ((1, 0), (2, 1)):
        drawer = Drawer("k", arrivals(log), others=Others(users))
        places = {chosen[0].place for _ in range(40) if (chosen := drawer._next(random.Random(1)))}
        assert (WALK in places) == swept
    assert calm(arrivals(log), Others(4)) == (), "the fourth never began"


def test_who_executes_operations_too_is_met_by_them_first() -> None:
    """CPU 0 is held for what executes operations on CPU 1 before it is for what only uses something."""
    both = Place("handle_tlbi_el2")
    log: Log = []
    for each in LOG:
        log += whole(1, both) if each == (1, FAULT) else []
        log += [each]
    for base, first, many in ((log, both, True), (LOG, FAULT, False)):
        drawer = Drawer("k", arrivals(base))
        assert drawer._calm.operates == many
        order = drawer._back_order(random.Random(1))
        assert order[-1][1].function == first.function
    backs = [0, 0]
    for i, base in enumerate((log, LOG)):
        for seed in range(300):
            chosen = Drawer("k", arrivals(base)).draw(random.Random(seed))
            backs[i] += bool(chosen) and chosen[0].cpu == 0
    assert backs[0] > backs[1]


def test_a_lock_that_blocked_is_not_held_again() -> None:
    lock = Place("fault", "call", "_raw_read_lock")
    log: Log = []
    for cpu, place in LOG:
        log += [(1, lock)] * (place == INSTALL) + [(cpu, place)]
        log += [(1, Place("fault", "after", "_raw_read_unlock"))] * (place == end(INSTALL))
    blocked = HoldFound(HoldState.DONE, HoldEnd.NONE, 1, 1, {HoldEnd.BLOCKED: 1}, 1, ())
    good = HoldFound(HoldState.DONE, HoldEnd.NONE, 1, 1, {HoldEnd.UNTIL: 1}, 1, ())
    held = []
    for end_of_it in (good, blocked):
        drawer = Drawer("k", arrivals(log))
        places = []
        while chosen := drawer._next(random.Random(3)):
            places.append(chosen[0].place)
            drawer.learn([end_of_it if chosen[0].place in (INSTALL, end(INSTALL)) else good])
        held.append({INSTALL, end(INSTALL)} & set(places))
        assert lock in places
    assert held[0] == {INSTALL, end(INSTALL)}
    assert len(held[1]) == 1


def test_nobody_is_held_for_what_comes_behind_a_look_at_it() -> None:
    """CPU 0 looks at CPU 1 before its operation: CPU 1 has to go on for it to come there."""
    log = [*LOG[: LOG.index((0, TLBI))], *whole(0, MARK), *LOG[LOG.index((0, TLBI)) :]]
    drawer = Drawer("k", arrivals(log))
    rng = random.Random(1)
    found = [chosen for _ in range(100) if (chosen := drawer.draw(rng))]
    waited = {each[0].until for each in found if each[0].cpu and each[0].until}
    assert end(LOAD) in waited
    assert waited <= {LOAD, end(LOAD)}
    assert len(found) < 100


def test_the_first_entry_is_kept_back_too() -> None:
    """What CPU 1 does when it enters L2 overlaps with what CPU 0 does, though nothing before it counts."""
    drawer = Drawer("k", arrivals(LOG))
    found = [each for _ in range(100) if (each := drawer._next_back(random.Random(1)))]
    entries = [each for each in found if each[0].until == end(ENTER) and each[0].place == TLBI]
    assert entries
    for each in entries:
        assert (each[1].cpu, each[1].place, each[1].held) == (1, ENTER, 0)
        assert met(each, FIRST, (0, TLBI), (1, end(ENTER)), (0, end(TLBI)))


def test_the_first_entry_comes_in_the_middle_of_what_takes_away_though_others_follow() -> None:
    """L0 has no context for what is entered first: its later entries find one, and look no further."""
    inside = Place("tlbi", "call", "_lock")
    log = [
        *whole(0, LOAD),
        *whole(0, MARK),
        *whole(1, ENTER),
        *whole(1, FAULT, WALK),
        *whole(1, ENTER),
        *whole(0, TLBI, inside),
        *whole(0, MARK),
        *whole(1, LEAVE),
    ]
    order = ((1, ENTER), (0, inside), (1, end(ENTER)), (0, end(TLBI)))
    for seed in range(8):
        drawer, rng = Drawer("k", arrivals(log)), random.Random(seed)
        assert any(met(drawer.draw(rng), log, *order) for _ in range(24))


def test_a_consequence_is_waited_for_and_not_kept_back() -> None:
    """CPU 1 loads once more because of what CPU 0 did: it cannot be held before that."""
    drawer = Drawer("k", arrivals(LOG))
    rng = random.Random(1)
    late = [
        each for _ in range(200) for each in [drawer._pair(rng, crossed=False)] if each and not each[0].cpu
    ]
    loads = [each for each in late if each[0].until == end(LOAD)]
    assert loads
    for each in loads:
        (settled,) = each[1:]
        assert (settled.cpu, settled.place, settled.other, settled.until) == (0, MARK, 1, end(FAULT))
        assert met(each, FIRST, (1, end(FAULT)), (0, TLBI)), "there is no consequence of what came too early"
    assert any(len(each) == 3 for each in late)


def test_a_deadline_of_its_own() -> None:
    drawer = Drawer("k", arrivals(LOG), deadline_us=7)
    assert all(each.deadline_us == 7 for seed in range(20) for each in drawer.draw(random.Random(seed)))


def test_one_cpu_has_no_races() -> None:
    assert Drawer("k", arrivals([(0, FAULT), (0, WALK)])).draw(random.Random(1)) == ()
    assert Drawer("k", ()).draw(random.Random(1)) == ()


def test_points_wait_for_events() -> None:
    points = [each for each in drawn(400) if all(hold.events for hold in each)]
    assert points
    assert all(isinstance(hold, Preemption) and hold.held == ANY for each in points for hold in each)


def test_the_first_cpu_has_done_all_when_it_comes_to_its_look() -> None:
    """What it does is another thing when the other one is held: the look is there in any case."""
    look = Place(LOOK)
    log: Log = []
    for each in LOG:
        log += [*(whole(0, look) if each == (0, MARK) and (0, TLBI) in log else []), each]
    swept = [
        chosen for _ in range(40) if (chosen := Drawer("k", arrivals(log), Tried())._next(random.Random(_)))
    ]
    assert swept
    assert {chosen[0].until for chosen in swept} == {look}
    other = [chosen for chosen in log if chosen[1].function != "tlbi"]
    for chosen in swept:
        assert met(chosen, other, (1, chosen[0].place), (0, look))
