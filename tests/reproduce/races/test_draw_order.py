# SPDX-License-Identifier: GPL-2.0-only
"""Which places of a side come first when schedules are drawn: last faults, entries and locks."""

from __future__ import annotations

import random

from harness.reproduce.races.calm import ONE_USER, Tried
from harness.reproduce.races.calm_run import CLOSED, CalmRun
from harness.reproduce.races.draw import Drawer
from harness.reproduce.races.gaps import crossings
from harness.reproduce.races.schedule import arrivals
from harness.scenario.language import Place
from tests.reproduce.races.two_cpus import (
    ENTER,
    FAULT,
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


def test_the_last_fault_is_swept_first() -> None:
    """Faults for code and counters come before the one for what is taken away."""
    first, again = Place("first"), Place("again")
    log: Log = []
    for each in LOG:
        log += [*(whole(1, first) if each == (1, FAULT) else []), each]
        log += whole(1, again) if each == (1, end(FAULT)) else []
    drawer = Drawer("k", arrivals(log))
    swept = [chosen[0].place for _ in range(40) if (chosen := drawer._next(random.Random(1)))]
    functions = list(dict.fromkeys(place.function for place in swept if place.function in ("first", "again")))
    assert functions == ["again", "first"]


def test_the_last_fault_does_not_wait_for_what_is_older_beside_a_lock() -> None:
    """Something is read, and the lock taken later: that window begins at no lock."""
    taken, given = Place("first", "call", "_raw_read_lock"), Place("first", "after", "_raw_read_unlock")
    inside = (FAULT, WALK, end(WALK), INSTALL, end(INSTALL), end(FAULT))
    log: Log = []
    for each in LOG:
        log += [*(whole(1, Place("first"), taken, given) if each == (1, FAULT) else []), each]
    for seed in range(5):
        drawer = Drawer("k", arrivals(log))
        swept = [chosen[0].place for _ in range(40) if (chosen := drawer._next(random.Random(seed)))]
        before = [sum(each in inside for each in swept[: swept.index(older)]) for older in (taken, given)]
        assert min(before) >= 2
        assert max(before) >= 3


def test_where_a_lock_was_given_and_another_one_is_taken_comes_first() -> None:
    """What was read under the one is relied on under the other."""
    lock, unlock = Place("fault", "call", "_raw_read_lock"), Place("fault", "after", "_raw_read_unlock")
    readers = Place("fault", "call", "__srcu_read_lock"), Place("fault", "after", "__srcu_read_unlock")
    log: Log = []
    for each in LOG:
        log += [(1, place) for place in {WALK: (lock, unlock), INSTALL: (lock,)}.get(each[1], ())]
        log += [each, *([(1, unlock)] if each == (1, end(INSTALL)) else [])]
    drawer = Drawer("k", arrivals(log))
    swept = [chosen[0].place for _ in range(40) if (chosen := drawer._next(random.Random(1)))]
    last = max(swept.index(place) for place in (unlock, WALK, end(WALK)))
    assert last < min(swept.index(place) for place in (FAULT, end(FAULT)))
    at, behind = log.index((1, FAULT)) + 1, log.index((1, end(FAULT)))
    inside = [*log[:at], (1, readers[0]), *log[at:behind], (1, readers[1]), *log[behind:]]
    for base, worth in ((log, 0.0), (inside, CLOSED / 2)):
        run = CalmRun(arrivals(base), ONE_USER)
        found = {place: run.closed(some[-1]) for (place, _), some in run.groups[1].items()}
        assert (found[WALK], found[FAULT], found[ENTER]) == (worth, CLOSED, CLOSED)


def test_a_mutex_that_no_fault_takes_keeps_none_out() -> None:
    """So what changes memslots is swept from within, unless the other one wants the mutex, too."""
    mutex, given = (Place("tlbi", *words) for words in (("call", "mutex_lock"), ("after", "mutex_unlock")))
    inside = Place("inside")
    log: Log = []
    for each in LOG:
        log += [(0, given)] if each == (0, end(TLBI)) else []
        log += [each, *([(0, mutex), (0, inside), (0, end(inside))] if each == (0, TLBI) else [])]
    theirs = Place("fault", "call", "mutex_lock")
    other = [each for one in log for each in ([one, (1, theirs)] if one == (1, end(INSTALL)) else [one])]
    for base, keeps in ((log, False), (other, True)):
        run = CalmRun(arrivals(base), ONE_USER)
        found = {place: run.keeps_out(some[-1]) for (place, _), some in run.groups[0].items()}
        assert (found[inside], found[TLBI]) == (keeps, False)


def test_a_side_with_many_places_does_not_keep_back_another_one() -> None:
    many = [Place(f"part{number}") for number in range(30)]
    log: Log = []
    for each in LOG:
        log += [each, *([(1, place) for place in many] if each == (1, WALK) else [])]
    drawer = Drawer("k", arrivals(log))
    swept = [chosen[0].place for _ in range(60) if (chosen := drawer._next(random.Random(1)))]
    assert swept.index(ENTER) < 4
    assert swept.index(end(ENTER)) < 8
    assert set(many) <= set(swept)


def test_the_heart_of_a_side_comes_again_before_its_last_places_come_once() -> None:
    """What another program tried in vain may show in this one's way; what nobody tried comes sooner."""
    many = [Place(f"part{number}") for number in range(40)]
    lock, unlock = Place("fault", "call", "_raw_read_lock"), Place("fault", "after", "_raw_read_unlock")
    log: Log = []
    for each in LOG:
        log += [each, *([(1, place) for place in (lock, unlock, lock, *many)] if each == (1, WALK) else [])]
    tried = Tried()
    first = Drawer("k", arrivals(log), tried)
    heart = next(
        chosen[0].place for _ in range(9) if (chosen := first._next(random.Random(1)))[0].place == unlock
    )
    again = Drawer("another", arrivals(log), tried)
    swept = [chosen[0].place for _ in range(90) if (chosen := again._next(random.Random(1)))]
    assert 3 < swept.index(heart) < len(swept) // 2


def test_the_first_entry_is_swept_with_the_last_fault_before_what_is_between() -> None:
    """L0 looks for a context when L2 is entered first, and has one from then on."""
    lookup, between = Place("lookup"), Place("between")
    log: Log = []
    for each in LOG:
        log += [each, *(whole(1, lookup) if each == (1, ENTER) else [])]
        log += whole(1, between) if each == (1, end(ENTER)) else []
    drawer = Drawer("k", arrivals(log))
    swept = [chosen[0].place for _ in range(40) if (chosen := drawer._next(random.Random(1)))]
    assert max(swept.index(each) for each in (lookup, ENTER, FAULT, WALK, INSTALL)) < swept.index(between)


def test_a_place_at_two_addresses_is_swept_at_both_first() -> None:
    """The same call in two places of a function: what comes before tells them apart."""
    log = [
        each for each in LOG for each in ([each, (1, LOAD)] if each in ((1, WALK), (1, INSTALL)) else [each])
    ]
    drawer = Drawer("k", arrivals(log))
    order = [each for each, *_ in drawer._order(random.Random(1), "tlbi", frozenset())]
    count = len({each.arrivals[0].place for each in order}) + 1
    first = {(each.arrivals[0].place, each.arrivals[0].nth) for each in order[-count:]}
    assert {(LOAD, 1), (LOAD, 2)} <= first


def test_a_lock_that_a_function_takes_twice_has_two_places_behind_it() -> None:
    """Between the two others may see what is not ready yet: as new as what is behind the second one."""
    takes, gives = Place("tlbi", "call", "_lock"), Place("tlbi", "after", "_unlock")
    log = [*LOG[: LOG.index((0, TLBI))], *whole(0, TLBI, takes, gives, takes, gives), *whole(0, MARK)]
    run = CalmRun(arrivals(log), ONE_USER)
    (group, other) = (some for (place, _), some in run.groups[0].items() if place == gives)
    assert [each.arrivals[0].nth for each in (*group, *other)] == [1, 2]


def test_two_gaps_meet_in_either_order() -> None:
    """CPU 1 has walked and waits before its lock; CPU 0 has given its own and bumps a counter behind it.

    The fault is over before the counter is bumped: no schedule with one preemption has that order.
    """
    lock, unlock = Place("tlbi", "call", "_lock"), Place("tlbi", "after", "_unlock")
    take = Place("fault", "call", "_lock")
    log: Log = [
        *whole(0, MARK),
        *whole(1, ENTER),
        *whole(1, FAULT, WALK, end(WALK), take, INSTALL, end(INSTALL)),
        *whole(0, TLBI, lock, unlock),
        *whole(0, MARK),
        *whole(1, LEAVE),
    ]
    found = set()
    drawer = Drawer("k", arrivals(log))
    for seed in range(400):
        chosen = drawer.draw(random.Random(seed))
        if not chosen:
            break
        order = [(1, take), (0, lock), (0, unlock), (1, end(FAULT)), (0, end(TLBI))]
        found.add(met(chosen, log, *order))
    assert True in found
    gaps = {(each.held.place, each.middle.place) for each in crossings(CalmRun(arrivals(log), ONE_USER))}
    assert (take, unlock) in gaps
    assert (unlock, take) in gaps
    assert not any(INSTALL in pair for pair in gaps)
