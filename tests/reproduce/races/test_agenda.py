# SPDX-License-Identifier: GPL-2.0-only
"""In which order a hunt goes through its programs."""

from __future__ import annotations

from collections import Counter

from harness.reproduce.races import agenda, conflicts, told
from harness.reproduce.races.agenda import ProgramUnderWay, RaceAgenda
from harness.reproduce.races.campaign import RaceTotals
from harness.reproduce.races.told import Done


def shared(turns: int, first: int = 0, stride: int = 1, cost: int = 1) -> list[ProgramUnderWay]:
    """The programs that have had ``turns`` turns, each of which costs the same."""
    found = []
    made = RaceAgenda("s", first, stride)
    for _ in range(turns):
        program = made.next()
        program.slices += 1
        made.spent[program.kind] += cost
        found.append(program)
    return found


def test_each_way_of_each_kind_comes_before_any_comes_again() -> None:
    kinds = len(conflicts.CONFLICTS)
    first = shared(kinds)
    assert sorted(each.kind for each in first) == sorted(conflicts.CONFLICTS)
    found = shared(3 * 8 * kinds)
    for kind, conflict in conflicts.CONFLICTS.items():
        mine = [each for each in found if each.kind == kind]
        count = conflicts.first_round(kind)
        assert count == len(conflict.ways) + len(conflict.beside)
        assert len({each.number for each in mine[:count]}) == count
        sizes = [each.trial.pa_bits for each in mine[:count]]
        others = count if kind == conflicts.ENDS else 1
        assert sizes.count(conflicts.NARROW) == count - others, "but where there is another VM"
        again = [each.number for each in mine[count:]]
        assert set(again) & {each.number for each in mine[:count]}, "then they go on, beside new ones"
        assert set(again) - {each.number for each in mine[:count]}
        assert max(each.slices for each in mine) - min(each.slices for each in mine) <= 2


def test_later_programs_have_larger_shadows_too() -> None:
    made = RaceAgenda("s", 0, 1)
    sizes = {made.begin(kind).trial.pa_bits for kind in conflicts.CONFLICTS for _ in range(40)}
    assert {conflicts.NARROW, 40} <= sizes <= {conflicts.NARROW, 40, 48}


def test_two_workers_have_other_programs_and_together_all_ways() -> None:
    turns = 4 * len(conflicts.CONFLICTS)
    one, other = (shared(turns, worker, 2) for worker in (0, 1))
    assert not {each.number for each in one} & {each.number for each in other}
    for kind, conflict in conflicts.CONFLICTS.items():
        shapes = [{each.made.shape for each in some if each.kind == kind} for some in (one, other)]
        assert all(shapes)
        assert len({each.number for each in (*one, *other) if each.kind == kind}) >= len(conflict.ways)
    assert [each.number for each in shared(turns)] == [each.number for each in shared(turns)]


def test_who_costs_more_comes_less_often() -> None:
    made = RaceAgenda("s", 0, 1)
    turns = []
    for _ in range(100):
        program = made.next()
        made.spent[program.kind] += 10 if program.kind == "recycle" else 1
        turns.append(program.kind)
    assert turns.count("recycle") * 4 < turns.count("vncr")


def test_a_program_is_over_when_nobody_meets_or_all_was_tried() -> None:
    program = RaceAgenda("s", 0, 1).begin("vncr")
    assert not program.over
    program.draws = program.vain = agenda.VAIN
    assert program.over
    program.draws = 4 * agenda.VAIN
    assert not program.over
    program.draws = agenda.DRAWS
    assert program.over
    made = RaceAgenda("s", 0, 1)
    first = made.next()
    first.ended = True
    made.spent[first.kind] -= 1
    second = made.next()
    assert second.kind == first.kind
    assert second is not first


def test_a_dear_program_has_fewer_schedules_in_a_turn() -> None:
    program = RaceAgenda("s", 0, 1).begin("vncr")
    assert not program.turn_is_over(agenda.SLICE - 1, agenda.SLICE_COST)
    assert program.turn_is_over(agenda.SLICE, 0)
    assert program.turn_is_over(agenda.LEAST, agenda.SLICE_COST + 1)
    assert not program.turn_is_over(agenda.LEAST - 1, agenda.SLICE_COST + 1)


def test_a_turn_in_which_nobody_meets_is_short() -> None:
    program = RaceAgenda("s", 0, 1).begin("vncr")
    assert program.turn_is_over(agenda.LEAST, 0, agenda.LEAST)
    assert not program.turn_is_over(agenda.LEAST - 1, 0, agenda.LEAST - 1)
    assert not program.turn_is_over(9, 0, 6)
    assert program.turn_is_over(9, 0, 7)


def test_a_program_counts_once_and_costs_what_it_makes_the_machine_do() -> None:
    totals = RaceTotals()
    first, second = Done("vncr", begins=True, runs=16, instructions=9), Done("vncr", runs=14, arrivals=7)
    for each in (first, second):
        totals.take(each)
    assert (totals.programs, totals.runs) == (1, 30)
    assert (totals.kinds["vncr"].programs, totals.kinds["vncr"].runs) == (1, 30)
    assert first.cost == 16 * told.RUN_COST + 9
    assert second.cost == 14 * told.RUN_COST + 7 * told.ARRIVAL_COST


RUNS = 6000
"""Of a hunt of ten minutes with two machines on two quiet cores."""
CHEAP, DEAR = 58_000_000, 87_000_000
"""What a run costs in the kinds whose runs cost least and most, as measured on 30 November 2026."""


def test_ten_minutes_are_enough_for_each_way_of_each_kind() -> None:
    made, runs = RaceAgenda("s", 0, 1), 0
    costs = {kind: (CHEAP, DEAR)[number % 2] for number, kind in enumerate(conflicts.CONFLICTS)}
    had: Counter[str] = Counter()
    while runs < RUNS:
        program = made.next()
        had[program.kind] += not program.slices
        draws = 0
        while not program.turn_is_over(draws, draws * costs[program.kind]):
            draws += 1
        program.slices += 1
        program.draws += draws
        took = draws if program.slices > 1 else draws + 2
        made.spent[program.kind] += took * costs[program.kind]
        runs += took
    for kind in conflicts.CONFLICTS:
        assert had[kind] >= conflicts.first_round(kind), kind


def test_some_kinds_alone() -> None:
    made = RaceAgenda("s", 0, 1, ["vncr", "own"])
    kinds = []
    for _ in range(6):
        program = made.next()
        made.spent[program.kind] += 1
        kinds.append(program.kind)
    assert sorted(kinds) == ["own"] * 3 + ["vncr"] * 3


def test_the_dearest_program_of_a_kind_comes_last_of_its_first_round() -> None:
    for kind, conflict in conflicts.CONFLICTS.items():
        if conflicts.OTHER_VM not in conflict.beside:
            continue
        besides = [conflicts.dealt("s", kind, turn)[1] for turn in range(conflicts.first_round(kind))]
        with_something = [each for each in besides if each]
        assert with_something[-1] == conflicts.OTHER_VM
        assert with_something.count(conflicts.OTHER_VM) == 1
