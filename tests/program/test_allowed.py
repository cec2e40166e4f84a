# SPDX-License-Identifier: GPL-2.0-only
"""The reference model against simulated machines: right ones are accepted whatever they retain, wrong ones
not."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.arch.table import by_name
from harness.program.addresses import Layout, value_at
from harness.program.allowed import ReferenceModel, allowed_of, illegal
from harness.program.generate import generate
from harness.program.kernel_defects import DEFECTS
from harness.program.kinds import KINDS
from harness.program.program import Access, Context, Map, Program, Tlbi, World, make_operand
from harness.reproduce.hunt.program_findings import Sharpness, judge, sharpness
from harness.reproduce.hunt.shrink import sensible
from tests.program import simulate
from tests.program.programs import sample

LAYOUT = Layout(12, 0)
IPA, PA, OTHER = LAYOUT.ipa(0), LAYOUT.frame(0), LAYOUT.frame(1)
OLD, NEW = f"v={value_at(PA):#x}", f"v={value_at(OTHER):#x}"
FAULT = f"s2-translation@{IPA:#x}"


def ipas2(at: int = IPA, name: str = "ipas2e1is", ctx: int = 0, ttl: int = 0) -> Tlbi:
    return Tlbi(ctx, name, make_operand(by_name(name), at=at, shift=12, ttl_level=ttl))


def after(*actions: Map | Tlbi | Access, world: World | None = None) -> set[str]:
    """What may be read at IPA after the page was used and ``actions`` were done."""
    world = world or World(12, (Context(),))
    first = (Map("s2", 0, IPA, 3, PA, "rwx"), Access("read", 0, IPA))
    return last(Program(world, (*first, *actions, Access("read", 0, IPA))))


def last(program: Program) -> set[str]:
    return set(allowed_of(program)[-1] or ())


UNMAP = Map("s2", 0, IPA, 3)
VMALLE1 = Tlbi(0, "vmalle1is")


def test_a_page_that_is_mapped_reads_its_value_alone() -> None:
    assert after() == {OLD}


def test_without_an_operation_the_old_value_stays_possible() -> None:
    assert after(UNMAP) == {OLD, FAULT}


def test_ipas2_and_vmalle1_take_it() -> None:
    assert after(UNMAP, ipas2(), VMALLE1) == {FAULT}


def test_ipas2_alone_leaves_combined_entries() -> None:
    assert after(UNMAP, ipas2()) == {OLD, FAULT}


def test_vmalle1_before_ipas2_is_the_wrong_order() -> None:
    """The combined entry can be made anew from the stage-2 entry."""
    assert after(UNMAP, VMALLE1, ipas2()) == {OLD, FAULT}


def test_vmalls12e1_takes_both_stages_at_once() -> None:
    assert after(UNMAP, Tlbi(0, "vmalls12e1is")) == {FAULT}


@pytest.mark.parametrize(("ttl", "expected"), [(3, {FAULT}), (2, {OLD, FAULT})])
def test_a_hint_for_another_level_obliges_nothing(ttl: int, expected: set[str]) -> None:
    assert after(UNMAP, ipas2(ttl=ttl), VMALLE1) == expected


def test_an_operation_for_another_vmid_obliges_nothing() -> None:
    world = World(12, (Context(1), Context(2)))
    assert after(UNMAP, ipas2(ctx=1), Tlbi(1, "vmalle1is"), world=world) == {OLD, FAULT}


def test_new_memory_needs_break_before_make() -> None:
    world = World(12, (Context(),))
    remap = Map("s2", 0, IPA, 3, OTHER, "rwx")
    first = Map("s2", 0, IPA, 3, PA, "rwx")
    assert illegal(Program(world, (first, remap)))
    assert illegal(Program(world, (first, UNMAP, remap)))
    assert illegal(Program(world, (first, UNMAP, ipas2(), remap)))
    assert not illegal(Program(world, (first, UNMAP, ipas2(), VMALLE1, remap)))
    assert after(UNMAP, ipas2(), VMALLE1, remap) == {NEW}


def test_fewer_permissions_need_none() -> None:
    world = World(12, (Context(),))
    less = Map("s2", 0, IPA, 3, PA, "r")
    first = Map("s2", 0, IPA, 3, PA, "rwx")
    write = Access("write", 0, IPA + 8, 1)
    assert not illegal(Program(world, (first, less)))
    assert last(Program(world, (first, less, write))) == {"s2-permission", f"at={PA + 8:#x}"}
    done = Program(world, (first, less, ipas2(), VMALLE1, write))
    assert last(done) == {"s2-permission"}


def test_a_table_that_was_cut_off_is_found_by_its_pointer() -> None:
    """Last-level forms leave the pointer, and what its table held with it (C5.5, IPAS2LE1)."""
    cut = Map("s2", 0, IPA, 2)
    assert after(cut, ipas2(name="ipas2le1is"), VMALLE1) == {OLD, FAULT}
    assert after(cut, ipas2(), VMALLE1) == {FAULT}


def test_local_operations_are_for_the_executing_pe() -> None:
    world = World(12, (Context(1, 1, s1=True),), cpus=2)
    model = ReferenceModel(world)
    va = LAYOUT.va(0)
    for action in (
        Map("s2", 0, IPA, 3, PA, "rwx"),
        Map("s1", 0, va, 3, IPA, "wx"),
        Map("s1", 0, va, 3),
        Tlbi(0, "vmalle1"),
    ):
        model.step(action)
    assert set(model.step(Access("read", 0, va)) or ()) == {"s1-translation"}
    model.cpu = 1
    assert set(model.step(Access("read", 0, va)) or ()) == {"s1-translation", OLD}


def test_every_generated_program_is_legal_and_says_something() -> None:
    for kind, program in sample():
        assert not illegal(program), kind
        assert any(may for may in allowed_of(program))


@pytest.mark.parametrize("retain", [0.0, 0.5, 1.0])
def test_right_machines_are_accepted(retain: float) -> None:
    """From a TLB that is always empty to one that uses whatever it holds; many looks are sharp in each."""
    total = Sharpness()
    for number, (kind, program) in enumerate(sample()):
        tokens = simulate.observations(program, str(number), retain)
        assert judge(program, tokens, ()) is None, kind
        total += sharpness(program, tokens)
    assert total.sharp > total.observations / 5
    assert total.primed > total.sharp / 2


@pytest.mark.parametrize("defect", sorted(simulate.all_defects()))
def test_wrong_machines_are_not(defect: str) -> None:
    found = (
        kind
        for number, (kind, program) in enumerate(sample())
        if judge(program, simulate.observations(program, str(number), 0.9, defect), ())
    )
    assert len(list(itertools.islice(found, 3))) == 3


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted(KINDS)),
    seed=st.integers(0, 10**6),
    window=st.integers(0, 99),
    retain=st.floats(0, 1),
    cuts=st.sets(st.integers(0, 40)),
)
def test_whatever_is_left_of_a_program(
    kind: str, seed: int, window: int, retain: float, cuts: set[int]
) -> None:
    """Any part of a program, as shrinking makes them: legal or refused, and a right machine is accepted."""
    whole = generate(str(seed), kind, window)
    program = whole.with_actions([a for i, a in enumerate(whole.actions) if i not in cuts])
    if sensible(program):
        assert judge(program, simulate.observations(program, "x", retain), ()) is None


def test_assuming_a_known_defect_allows_more_and_never_less() -> None:
    more = 0
    for _, program in sample():
        strict, known = allowed_of(program), allowed_of(program, DEFECTS)
        for may, could in zip(strict, known, strict=True):
            assert (may or frozenset()) <= (could or frozenset())
        more += strict != known
    assert 0 < more < len(sample()) / 4


@pytest.mark.parametrize(
    ("ps", "perms", "fault"),
    [(32, "rwx", "s2-address-size"), (None, "rwxo", "s2-access-flag"), (None, "", "")],
)
def test_another_name_of_a_low_ipa_faults_as_that_one_does(ps: int | None, perms: str, fault: str) -> None:
    """Where IPA bits above the input size are dropped, which is a known defect: hunted with --seed 5."""
    world = World(16, (Context(s1=True, s2_bits=38, s1_bits=41, ps=ps),))
    low, high, va = 0x10_0000_0000, 0x90_0000_0000, 0x50_0000_0000
    mapped = (Map("s2", 0, low, 2, 0x1_4000_0000, perms),) if perms else ()
    program = Program(world, (*mapped, Map("s1", 0, va, 2, high, "wx"), Access("read", 0, va)))
    right = {f"s2-translation@{high:#x}"}
    assert set(allowed_of(program)[-1] or ()) == right
    assert set(allowed_of(program, DEFECTS)[-1] or ()) == right | ({f"{fault}@{high:#x}"} if fault else set())
