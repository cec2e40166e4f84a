# SPDX-License-Identifier: GPL-2.0-only
"""What CPUs did, cut: sides, stretches between which next to nothing happens, the window that counts."""

from __future__ import annotations

from harness.reproduce.races import sides
from harness.reproduce.races.schedule import arrivals
from harness.scenario.language import Place
from tests.reproduce.races.two_cpus import FAULT, INSTALL, LOAD, LOG, MARK, TLBI, WALK, end, whole

LOCK, UNLOCK = Place("fault", "call", "_raw_read_lock"), Place("fault", "after", "_raw_read_unlock")


def test_sides_are_what_happens_between_entry_and_return() -> None:
    base = [*whole(0, LOAD), *whole(1, FAULT, WALK, end(WALK), INSTALL, end(INSTALL)), *whole(0, TLBI)]
    found = sides.sides(arrivals(base))
    assert [(side.cpu, side.function) for side in found] == [(0, "load"), (1, "fault"), (0, "tlbi")]
    assert [each.place for each in found[1].arrivals] == [
        FAULT,
        WALK,
        end(WALK),
        INSTALL,
        end(INSTALL),
        end(FAULT),
    ]
    assert found[1].last.place == end(FAULT)
    assert sum(len(side.arrivals) for side in found) == len(base)


def test_a_side_without_a_return_ends_at_the_next_entry_of_its_function() -> None:
    base = arrivals([(0, TLBI), (0, WALK), (0, end(WALK)), *whole(0, TLBI)])
    assert [len(side.arrivals) for side in sides.sides(base)] == [5]


def test_places_that_are_close_are_one_stretch() -> None:
    close = sides.NEXT_TO_NOTHING
    base = arrivals([(1, FAULT), (1, WALK), (0, TLBI), (1, INSTALL)], [0, close, close + 1, 2 * close + 1])
    assert [[each.place for each in found.arrivals] for found in sides.stretches(base)] == [
        [TLBI],
        [FAULT, WALK],
        [INSTALL],
    ]


def test_a_lock_ends_a_stretch_and_is_reported() -> None:
    """However close: before it is taken is not behind it. What is given back only by a jump stays."""
    other = Place("fault", "after", "_raw_write_unlock")
    log = [(1, FAULT), (1, LOCK), (1, INSTALL), (1, other), (1, UNLOCK), (1, end(FAULT))]
    found = sides.stretches(arrivals(log, list(range(len(log)))))
    assert [([each.place for each in one.arrivals], one.lock) for one in found] == [
        ([FAULT, LOCK], None),
        ([INSTALL], LOCK),
        ([other], LOCK),
        ([UNLOCK, end(FAULT)], None),
    ]


def test_a_test_begins_a_stretch_and_comes_after_those_with_calls() -> None:
    """However close: what it tests was read behind the place before."""
    look = Place("fault", "test", "3")
    log = [(1, FAULT), (1, WALK), (1, look), (1, INSTALL)]
    plain, tested = sides.stretches(arrivals(log, list(range(len(log)))))
    assert [each.place for each in tested.arrivals] == [look, INSTALL]
    assert tested.inner > plain.inner + 0.5


def test_a_lock_that_is_about_to_be_given_up_counts_as_none() -> None:
    """Who goes through a whole stage 2 lets others in between two steps: a CPU can be held there."""
    step = Place("fault", "call", sides.BREAK + "_write")
    log = [(1, LOCK), (1, INSTALL), (1, step), (1, INSTALL), (1, UNLOCK)]
    found = sides.stretches(arrivals(log, [100 * i for i in range(len(log))]))
    assert [one.lock for one in found if one.arrivals[-1].place == step] == [None]
    assert [one.lock for one in found if one.arrivals[0].place == INSTALL] == [LOCK, LOCK]


def test_what_a_user_does_before_it_is_seen_to_begin_counts_where_nobody_enters_l2() -> None:
    """vEL2 faults for its page as soon as it has said that it begins, in the same turn."""
    early = [*whole(1, LOAD), *whole(1, LOAD), *whole(1, FAULT, WALK), *whole(1, WALK), *whole(1, INSTALL)]
    log = [*whole(0, LOAD), *early, *whole(0, MARK), *whole(0, TLBI), *whole(0, MARK), *whole(1, LOAD)]
    found = sides.window(arrivals(log))
    assert [each.place for each in found if each.cpu] == [
        place for _, place in (*whole(1, FAULT, WALK), *whole(1, WALK), *whole(1, INSTALL))
    ]
    assert [each.place for each in found if not each.cpu][:3] == [MARK, end(MARK), TLBI]


def test_what_counts_is_between_landmarks_and_around_l2() -> None:
    entry, leave = Place(sides.ENTRY), Place(sides.EXIT)
    outside = [*whole(1, LOAD), *whole(0, TLBI)]
    first, last = whole(0, MARK), [(0, MARK)]
    inside = [*first, *whole(1, entry), *LOG, *last]
    log = [*outside, *inside, (0, TLBI), *whole(1, leave), *outside]
    kept = sides.window(arrivals(log))
    assert [(each.cpu, each.place) for each in kept] == [*inside, *whole(1, leave)]
    assert sides.window(arrivals(outside)) == arrivals(outside)


def test_between_two_locks_is_from_the_first_one_given_to_the_last_one_taken() -> None:
    places = FAULT, LOCK, UNLOCK, WALK, LOCK, INSTALL, UNLOCK, end(FAULT)
    log = [(1, place) for place in places]
    assert [each.number for each in sides.between(arrivals(log))] == [2, 3, 4]
    assert [each.number for each in sides.between(arrivals([*log, *log]))] == list(range(2, 13))
    assert sides.between(arrivals(log[:4])) == (), "none is taken behind it"
    assert sides.between(arrivals(log[3:6])) == (), "none is given before it"
    reader = [(1, FAULT), (1, Place("fault", "call", sides.READ)), *log[3:6]]
    assert [each.number for each in sides.between(arrivals(reader))] == [2, 3], "who reads without a lock"


def test_a_lock_keeps_those_out_who_take_one_of_its_sort() -> None:
    """Who changes memslots has a mutex all the while: no fault waits for that, but for what else it takes."""
    mutex, given = Place("fault", "call", "mutex_lock"), Place("fault", "after", "mutex_unlock")
    reader, left = Place("fault", "call", sides.READ), Place("fault", "after", "__srcu_read_unlock")
    places = FAULT, mutex, WALK, LOCK, INSTALL, UNLOCK, LOAD, given, reader, TLBI, left, end(FAULT)
    log = arrivals([(1, place) for place in places])
    held = {each.place: one for one in sides.stretches(log) for each in one.arrivals}
    assert held[WALK].locks == {"mutex"}
    assert held[INSTALL].locks == {"mutex", "rw"}
    assert sides.sorts_taken(log) == {"mutex", "rw", "srcu"}
    both = {place: held[place].keeps_out(frozenset({"rw", "srcu"})) for place in places}
    assert [place for place, keeps in both.items() if keeps] == [INSTALL]
    assert held[LOAD].keeps_out(frozenset({"mutex"}))
    assert not held[end(FAULT)].keeps_out(frozenset({"rw", "srcu", "mutex"}))
