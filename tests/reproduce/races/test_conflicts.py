# SPDX-License-Identifier: GPL-2.0-only
"""Programs of two CPUs: legal, with something to see, and what is known of Linux kept apart."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from harness.program.addresses import PHYSICAL_BITS
from harness.program.allowed import allowed_of, illegal
from harness.program.program import (
    TURNS,
    Access,
    Host,
    Map,
    Sample,
    Spin,
    Stop,
)
from harness.program.render import render
from harness.reproduce.hunt.program_findings import judge
from harness.reproduce.hunt.shrink import sensible
from harness.reproduce.races import (
    conflict_programs,
    conflicts,
    end_programs,
    neighbour_programs,
    turn_programs,
)
from harness.reproduce.races.conflict_programs import WAYS
from tests.reproduce.races.conflicting import LAYOUT, made, tokens


def test_programs_are_legal_and_look() -> None:
    kinds = set()
    for seed in range(200):
        kind = list(conflicts.CONFLICTS)[seed % len(conflicts.CONFLICTS)]
        found = conflicts.program(random.Random(seed), kind, *conflicts.dealt("s", kind, seed))
        program = found.program
        kinds.add(found.kind)
        sizes = {context.s2_bits for context in program.world.contexts}
        assert sizes == ({conflicts.NARROW} if found.pa_bits == conflicts.NARROW else {None})
        assert all(
            each.at < 1 << conflicts.NARROW
            for each in program.actions
            if isinstance(each, Map) and each.stage == "s2"
        )
        assert not illegal(program)
        spins = [action.cpu for action in program.actions if isinstance(action, Spin)]
        assert spins == [1, 2][: program.world.cpus - 1]
        assert any(isinstance(action, Spin) for action in program.actions)
        assert any(
            may is not None and len(may) == 1
            for action, may in zip(program.actions, allowed_of(program), strict=True)
            if isinstance(action, Sample)
        )
    assert kinds == set(conflicts.CONFLICTS)


def test_each_worker_begins_with_other_kinds() -> None:
    first, second = (conflicts.kinds_of("s", worker) for worker in (0, 1))
    assert sorted(first) == sorted(second) == sorted(conflicts.CONFLICTS)
    assert not set(first[:4]) & set(second[:4])
    assert len({conflicts.kinds_of(seed, 0) for seed in "abcdef"}) > 2


def test_ways_are_dealt_and_all_come_soon() -> None:
    """The first programs of a kind begin in all its ways; between them something else goes on beside each."""
    for kind, conflict in conflicts.CONFLICTS.items():
        ways, beside = conflict.ways, conflict.beside
        every = {(way, each) for way in ways for each in ("", *beside)}
        found = [conflicts.dealt("s", kind, turn) for turn in range(len(every))]
        assert found[0] == ("after" if "after" in ways else found[0][0], ""), "one fault for the translation"
        assert found[1][1], "and then something beside"
        soon = found[: conflicts.first_round(kind)]
        assert sorted(way for way, each in soon if not each) == sorted(ways)
        assert sorted(each for _, each in soon if each) == sorted(beside)
        assert set(found) == every, "none twice before all came"


def test_a_third_cpu_uses_the_same_and_is_looked_at_too() -> None:
    for kind in (name for name, each in conflicts.CONFLICTS.items() if conflicts.THIRD in each.beside):
        way = conflicts.CONFLICTS[kind].ways[0]
        plain = conflicts.program(random.Random(1), kind, way).program
        third = conflicts.program(random.Random(1), kind, way, conflicts.THIRD).program
        mine = [each for each in third.actions if getattr(each, "cpu", 0) == 2]
        assert mine == [
            replace(each, cpu=2) for each in plain.actions if isinstance(each, Spin | Sample | Stop)
        ]
        assert [each for each in third.actions if each not in mine] == list(plain.actions)
        assert third.world.cpus == 3


@pytest.mark.parametrize("beside", [each for each in conflicts.BESIDE if each != conflicts.THIRD])
def test_what_goes_on_beside_begins_before_something_is_taken_away_or_after(beside: str) -> None:
    for kind, conflict in conflicts.CONFLICTS.items():
        if beside not in conflict.beside:
            continue
        places = set()
        for seed in range(20):
            actions = conflicts.program(random.Random(seed), kind, conflict.ways[0], beside).program.actions
            at = actions.index(Host(beside, 0))
            assert isinstance(actions[at - 1], Spin) != isinstance(actions[at + 1], Sample)
            places.add(isinstance(actions[at - 1], Spin))
        assert places == {True, False}


@pytest.mark.parametrize(
    ("kind", "way", "beside", "users", "stirs"),
    [
        ("event", "after", "", 1, 0),
        ("event", "kicked", "", 1, 1),
        ("event", "after", conflicts.THIRD, 2, 0),
        ("vncr", "kicked", conflicts.THIRD, 2, 1),
        ("neighbours", "event", "", 2, 1),
        ("recycle-into", "kicked", "", 1, 1),
    ],
)
def test_who_has_begun_and_was_disturbed_is_known(
    kind: str, way: str, beside: str, users: int, stirs: int
) -> None:
    for seed in range(10):
        others = conflicts.program(random.Random(seed), kind, way, beside).others
        assert (others.users, others.stirs) == (users, stirs)


@pytest.mark.parametrize("beside", ["preempt", "hop"])
def test_others_come_to_rest_again_where_they_are_disturbed_before_anything_is_taken_away(
    beside: str,
) -> None:
    """Not where that comes behind: then it is what they are looked at through."""
    seen = set()
    for seed in range(20):
        found = conflicts.program(random.Random(seed), "turns", "event", beside)
        at = found.program.actions.index(Host(beside, 0))
        behind = isinstance(found.program.actions[at + 1], Sample)
        assert found.others.stirs == (0 if behind else 1)
        seen.add(behind)
    assert seen == {True, False}


@pytest.mark.parametrize(("way", "action"), conflict_programs.STIRRED.items())
def test_a_user_that_has_begun_is_disturbed_in_its_way(way: str, action: str) -> None:
    for kind, conflict in conflicts.CONFLICTS.items():
        if way not in conflict.ways:
            continue
        found = conflicts.program(random.Random(1), kind, way)
        actions = found.program.actions
        at = next(i for i, each in enumerate(actions) if isinstance(each, Spin))
        assert actions[at + 1] == Host(action, 0)
        assert found.others.stirs == 1


def test_who_has_used_it_on_the_first_cpu_looks_again() -> None:
    """What is stale there is a finding, whatever the other CPU finds."""
    kinds = set()
    for kind, conflict in conflicts.CONFLICTS.items():
        if conflict_programs.USED not in conflict.ways:
            continue
        program = conflicts.program(random.Random(2), kind, conflict_programs.USED).program
        first = next(i for i, each in enumerate(program.actions) if isinstance(each, Sample))
        again = program.actions[first + 1]
        if not isinstance(again, Access):
            continue
        kinds.add(kind)
        begins = next(i for i, each in enumerate(program.actions) if isinstance(each, Spin))
        assert program.actions[begins - 1] == again
        seen = [None if may is None else min(may) for may in allowed_of(program)]
        assert judge(program, seen, conflicts.KNOWN) is None
        seen[first + 1] = "v=0x1234"
        finding = judge(program, seen, conflicts.KNOWN)
        assert finding is not None
        assert not finding.known
    assert {
        "event",
        "memslot",
        "vncr",
        "vncr-event",
        "vncr-memslot",
        "event-of-l1",
        "stage1",
        "recycle",
    } <= kinds
    assert not kinds & {"dirty", "vncr-dirty", "vncr-write", "recycle-into"}


def test_a_user_that_halts_is_looked_at_as_one_that_does_not() -> None:
    """It halts where its translation is there, and what it may find is the same."""
    seen = set()
    for conflict in conflicts.CONFLICTS.values():
        if conflict_programs.HALTED not in conflict.ways:
            continue
        halts, plain = (
            conflict.make(random.Random(1), LAYOUT, None, way) for way in (conflict_programs.HALTED, "after")
        )
        (spin,) = (each for each in halts.actions if isinstance(each, Spin))
        assert spin.where == f"{spin.seen}-halts"
        assert Spin(spin.cpu, spin.ctx, spin.at, spin.seen) in plain.actions
        heads = [render(each, "race").partition("\n")[0].split() for each in (halts, plain)]
        assert ["halts" in head for head in heads] == [True, False], (
            "nvh-litmus makes the VM at its first line"
        )
        if len(halts.actions) == len(plain.actions):
            assert allowed_of(halts) == allowed_of(plain)
        seen.add(spin.seen)
    assert seen == {"l2", "l2w", "vncr", "vncrw"}


def test_translations_of_another_vmid_are_told_apart() -> None:
    """Whatever shadow is recycled: the page that another VMID has there is not the one that is looked for."""
    for kind in ("recycle", "recycle-into"):
        for seed in range(20):
            program = made(kind, seed)
            (spin,) = (each for each in program.actions if isinstance(each, Spin))
            pages = {
                each.ctx: each.to
                for each in program.actions
                if isinstance(each, Map) and each.stage == "s2" and each.at == spin.at
            }
            assert len(pages) > conflict_programs.SHADOWS
            assert list(pages.values()).count(pages[spin.ctx]) == 1


@pytest.mark.parametrize("kind", ["dirty", "vncr-dirty"])
def test_a_write_that_no_log_has_is_a_finding(kind: str) -> None:
    """The log is read once more after the writer was seen to write: the page has to be in it."""
    for seed in range(20):
        program = made(kind, seed)
        may = allowed_of(program)
        reads = [
            i
            for i, each in enumerate(program.actions)
            if isinstance(each, Host) and each.action == "dirty-read"
        ]
        assert [may[i] for i in reads[1:]] == [frozenset({"v=0x2"})] * 2
        seen = [None if each is None else min(each) for each in may]
        assert judge(program, seen, conflicts.KNOWN) is None
        for lost in reads[1:]:
            finding = judge(program, [*seen[:lost], "v=0x1", *seen[lost + 1 :]], conflicts.KNOWN)
            assert finding is not None
            assert not finding.known


def test_programs_of_one_shape_do_the_same() -> None:
    shapes: dict[str, set[tuple[str, ...]]] = {}
    for seed in range(100):
        found = conflicts.program(random.Random(seed), "event")
        shapes.setdefault(found.shape, set()).add(
            tuple(getattr(each, "action", type(each).__name__) for each in found.program.actions)
        )
    assert len(shapes) > 6
    assert all(len(each) == 1 for each in shapes.values())


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, conflict in conflicts.CONFLICTS.items()
        if set(WAYS) <= set(conflict.ways) and name != "dirty"
    ],
)
def test_the_user_begins_before_or_after_its_translation_is_there(name: str) -> None:
    """Before: it faults again and again, and its vCPU is loaded and put many times."""
    orders = set()
    for seed in range(60):
        actions = made(name, seed).actions
        spin = next(i for i, each in enumerate(actions) if isinstance(each, Spin))
        at = actions[spin]
        assert isinstance(at, Spin)
        maps = next(
            i
            for i, each in enumerate(actions)
            if isinstance(each, Map) and each.to is not None and (each.ctx, each.at) == (at.ctx, at.at)
        )
        orders.add((maps < spin, actions[spin + 1] == Host("kick", 0)))
    assert orders == {(True, False), (False, False), (True, True)}


@pytest.mark.parametrize("kind", ["vncr", "vncr-event", "vncr-memslot"])
def test_a_vncr_page_takes_the_place_of_another_one(kind: str) -> None:
    """CPU 1 has the other page's translation when it begins, and CPU 0 has not touched that."""
    for seed in range(20):
        program = conflicts.program(random.Random(seed), kind, conflict_programs.REPLACES).program
        spin = next(i for i, each in enumerate(program.actions) if isinstance(each, Spin))
        used = [each for each in program.actions[:spin] if isinstance(each, Access)]
        assert [(each.kind, each.ctx) for each in used] == [("vncr", 2)]
        assert program.world.contexts[2].vncr != program.world.contexts[0].vncr


@pytest.mark.parametrize("kind", ["turns", "operations", "vncr-turns", "own", "vncr-own"])
def test_each_side_of_one_cpu_meets_each_of_the_other(kind: str) -> None:
    """CPU 1 goes through contexts, or executes operations, while CPU 0 does what the way says."""
    does = {
        "event": Host("dontneed", 0),
        "dirty": Host("dirty-on", 0),
        "online": Host("online", 0),
        "stage1": Map("s1", 0, 0, 3),
        "stage2": Map("s2", 0, 0, 3),
        "own": Map("e2", 0, 0, 3),
        "enter": Access("read", 1),
    }
    for way in conflicts.CONFLICTS[kind].ways:
        for seed in range(8):
            program = conflicts.program(random.Random(seed), kind, way).program
            at = next(i for i, each in enumerate(program.actions) if isinstance(each, Spin))
            spin, first = program.actions[at], program.actions[at + 1]
            assert isinstance(spin, Spin)
            assert spin.where in TURNS
            if way == "memslot":
                assert isinstance(first, Host)
                assert first.action in ("move", "delete")
                continue
            wanted = does[way]
            assert type(first) is type(wanted)
            if isinstance(wanted, Host | Access):
                word = "action" if isinstance(wanted, Host) else "kind"
                assert getattr(first, word) == getattr(wanted, word)
            if isinstance(first, Map) and isinstance(wanted, Map):
                assert (first.stage, first.to) == (wanted.stage, None)


def test_turns_are_through_more_vmids_than_there_are_shadows() -> None:
    """Also where two of these are not there before a vCPU comes online."""
    for seed in range(30):
        for way in turn_programs.TAKES:
            world = turn_programs.turns(random.Random(seed), LAYOUT, None, way).world
            late = turn_programs.LATE_SHADOWS if way == "online" else 0
            assert len({context.vmid for context in world.contexts}) > conflict_programs.SHADOWS - late


def test_operations_are_of_another_vmid_than_what_is_looked_at() -> None:
    """They would take a translation away that somebody else has left there."""
    for seed in range(30):
        contexts = turn_programs.operations(random.Random(seed), LAYOUT).world.contexts
        assert contexts[0].vmid != contexts[-1].vmid


def test_words_of_vncr_pages_are_poked_whatever_is_left_of_the_program() -> None:
    """A shorter program reads the same word, though nothing but the CPU that takes turns says which."""
    for seed in range(20):
        program = turn_programs.vncr_turns(random.Random(seed), LAYOUT, None, "own")
        leaves = [each for each in program.actions if isinstance(each, Map) and each.to is not None]
        assert program.memory is not None
        assert {pa for pa, _ in program.memory.words} == {(each.to or 0) + 0x90 for each in leaves}


def test_neighbours_with_one_vmid_and_asid_have_tables_of_their_own() -> None:
    """Each finds its own page and nothing else, whatever the other one left on the CPU."""
    for seed in range(10):
        program = conflicts.program(random.Random(seed), "neighbours", "private").program
        first, second, third = program.world.contexts
        assert (first.pe, second.pe, third.pe) == (1, 2, 0), "the first CPU executes under one of its own"
        assert len({(each.vmid, each.asid, each.s2_of or 0) for each in program.world.contexts}) == 1
        may = allowed_of(program)
        pages = [f"v={0x6E76_6800_0000_0000 + LAYOUT.frame(n):#x}" for n in range(2)]
        looks = [i for i, each in enumerate(program.actions) if isinstance(each, Sample)]
        assert [may[i] for i in looks[:2]] == [frozenset({page}) for page in pages]
        seen = [None if each is None else min(each) for each in may]
        assert judge(program, seen, conflicts.KNOWN) is None
        finding = judge(program, [*seen[: looks[1]], pages[0], *seen[looks[1] + 1 :]], conflicts.KNOWN)
        assert finding is not None
        assert not finding.known


@pytest.mark.parametrize("way", [each for each in neighbour_programs.TAKES if each != "private"])
def test_neighbours_are_on_one_cpu_and_use_what_is_not_the_same(way: str) -> None:
    """Both are looked at; what one of them finds is never what the other one may find, before or after."""
    for seed in range(10):
        program = neighbour_programs.neighbours(random.Random(seed), LAYOUT, None, way)
        spins = [each for each in program.actions if isinstance(each, Spin)]
        assert [each.cpu for each in spins] == [1, 2]
        share = program.actions.index(Host("share", 0))
        assert all(program.actions.index(each) < share for each in spins)
        assert program.world.contexts[spins[0].ctx].vmid != program.world.contexts[spins[1].ctx].vmid
        may = allowed_of(program)
        mine, others = (
            may[i]
            for i, each in enumerate(program.actions)
            if isinstance(each, Sample) and each.cpu in (1, 2)
        )
        assert mine is not None
        assert others is not None
        assert not mine & others
        assert len(others) == 1


def test_a_neighbours_translation_is_a_finding() -> None:
    """The vCPU that nobody takes anything from reads the other one's page."""
    for way in ("vncr-own", "stage1", "stage2"):
        program = conflicts.program(random.Random(1), "neighbours", way).program
        stale = 0x6E76_6800_0000_0000 + LAYOUT.frame(0)
        finding = judge(program, tokens(program, f"v={stale:#x}"), conflicts.KNOWN)
        assert finding is not None
        assert not finding.known


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("vncr-memslot", "after"),
        ("vncr-turns", "memslot"),
        ("vncr-own", "memslot"),
        ("neighbours", "vncr-memslot"),
    ],
)
def test_a_vncr_page_whose_memory_goes_away(kind: str, way: str) -> None:
    """KVM has nothing to map then; whoever still reads what was there has a translation that L0 took away."""
    deleted = 0
    for seed in range(60):
        program = conflicts.CONFLICTS[kind].make(random.Random(seed), LAYOUT, None, way)
        if not any(isinstance(each, Host) and each.action == "delete" for each in program.actions):
            continue
        deleted += 1
        may = allowed_of(program)
        look = next(i for i, each in enumerate(program.actions) if isinstance(each, Sample))
        assert may[look] == frozenset({"vncr-external"})
        right = [None if each is None else min(each) for each in may]
        finding = judge(program, [*right[:look], "v=0x1234", *right[look + 1 :]], conflicts.KNOWN)
        assert finding is not None
        assert not finding.known
    assert deleted > 4


def test_a_vncr_page_that_may_no_longer_be_written() -> None:
    """L1 takes the permission or the page, and its TLBI is over: a write that still lands is a finding."""
    seen = set()
    for seed in range(40):
        program = made("vncr-write", seed)
        may = allowed_of(program)
        looks = [i for i, each in enumerate(program.actions) if isinstance(each, Sample)]
        seen |= {frozenset(may[i] or ()) for i in looks}
        right = [None if each is None else min(each) for each in may]
        assert judge(program, right, conflicts.KNOWN) is None
        late = [*right[: looks[0]], "v=0x0", *right[looks[0] + 1 :]]
        finding = judge(program, late, conflicts.KNOWN)
        assert finding is not None
        assert not finding.known
    assert seen >= {frozenset({"vncr-permission"}), frozenset({"vncr-translation"}), frozenset({"v=0x0"})}


def test_recycling_needs_more_contexts_than_there_are_shadows() -> None:
    assert all(len(made("recycle", seed).world.contexts) > conflict_programs.SHADOWS for seed in range(20))


def test_a_shadow_is_taken_for_a_vmid_that_both_enter_last() -> None:
    """By then as many others as there are shadows have been entered, with something else at the address."""
    for seed in range(20):
        actions = made("recycle-into", seed).actions
        at = next(i for i, each in enumerate(actions) if isinstance(each, Spin))
        spin, first = actions[at], actions[at + 1]
        assert isinstance(spin, Spin)
        before = {each.ctx for each in actions[:at] if isinstance(each, Access)}
        assert len(before) >= conflict_programs.SHADOWS
        assert spin.ctx not in before
        assert isinstance(first, Access)
        assert first.ctx == spin.ctx


@pytest.mark.parametrize("way", end_programs.WAYS)
def test_another_vm_ends_while_a_cpu_drops_its_memory(way: str) -> None:
    """It is there when CPU 1 begins, or it comes then. With the PA size that a second VM may have."""
    for seed in range(10):
        found = conflicts.program(random.Random(seed), conflicts.ENDS, way)
        actions = found.program.actions
        begins, ends = (actions.index(Host(f"other-vm-{word}", 0)) for word in ("begins", "ends"))
        spin = next(i for i, each in enumerate(actions) if isinstance(each, Spin))
        assert begins < ends
        assert (begins < spin) == (way == "ends")
        assert spin < ends
        assert found.pa_bits == PHYSICAL_BITS
        assert sensible(found.program)
        for left_out in (begins, ends):
            shorter = found.program.with_actions((*actions[:left_out], *actions[left_out + 1 :]))
            assert sensible(shorter) == (left_out == ends)


def test_wide_shadows_only_where_no_side_walks_all_of_one() -> None:
    rng = random.Random(1)
    seen = {(kind, conflicts.pa_bits(rng, kind)) for kind in conflicts.CONFLICTS for _ in range(400)}
    assert {bits for kind, bits in seen if kind == "vncr"} == {36, 40, 48}
    assert {bits for kind, bits in seen if kind == "event"} == {36, 40}
    assert ("event", 48) not in seen
