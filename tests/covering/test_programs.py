# SPDX-License-Identifier: GPL-2.0-only
"""The random programs of the default run: what is drawn, what stays, and that it can show something."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import replace

import pytest

from harness.covering.groups import load
from harness.covering.programs import Drawing, draw, points, shapes, text
from harness.program.allowed import allowed_of
from harness.program.kernel_defects import DEFECTS
from harness.program.kinds import KINDS
from harness.program.parse import parse
from harness.program.program import Access, Context, Cpu, Host, Map, Program, Sample, Tlbi, World
from harness.program.sharp import reports_known, sharp_actions, shows_known

SMALL = Drawing("small", "for tests", ("stage2", "vel2"), candidates=12, most=4)


def test_every_kind_is_in_one_group() -> None:
    kinds = [kind for drawing in load().drawings for kind in drawing.kinds]
    assert sorted(kinds) == sorted(name for name, kind in KINDS.items() if not kind.bare)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_granule_count_of_cpus_and_hidden_feature_has_a_shape(kind: object) -> None:
    assert isinstance(kind, type(KINDS["stage2"]))
    found = {(shape.shift, shape.cpus, shape.hide) for shape in shapes(kind, "1")}
    assert found == set(itertools.product(kind.granules, kind.cpus, kind.hides))


def test_the_seed_alone_decides() -> None:
    assert text(draw(SMALL, "1")) == text(draw(SMALL, "1"))
    assert text(draw(SMALL, "1")) != text(draw(SMALL, "2"))


def test_what_stays_covers_what_was_drawn() -> None:
    """With room for all of them, every pair that a usable candidate has is in a program that stays."""
    everything = replace(SMALL, most=SMALL.candidates)
    kept = draw(everything, "1")
    have = set().union(*(points(each.program) for each in kept))
    again = draw(replace(everything, kinds=("stage2",)), "1")
    assert set().union(*(points(each.program) for each in again)) <= have
    assert len(draw(SMALL, "1")) <= len(kept)
    # Each one brought something that those before it of its kind had not.
    before: dict[str, set[object]] = defaultdict(set)
    for each in kept:
        kind = each.name.partition("-")[0]
        assert points(each.program) - before[kind]
        before[kind] |= points(each.program)


def test_programs_can_show_something_and_no_known_defect() -> None:
    for each in draw(SMALL, "1"):
        assert each.sharp == sum(sharp_actions(each.program)) > 0
        assert allowed_of(each.program) == allowed_of(each.program, DEFECTS)


def test_a_known_defect_keeps_a_program_out() -> None:
    world = World(12, (Context(1),))
    dirty = Program(world, (Host("set-up", 0), Host("dirty-on", 0)))
    block = Map("s2", 0, 0x40000000 * 4, 2, 0x100000000, "rwx")
    part = Program(
        world,
        (
            block,
            Access("read", 0, block.at),
            replace(block, to=None),
            Tlbi(0, "ripas2e1is", 1 << 46 | block.at >> 12),
            Tlbi(0, "vmalle1is"),
            Access("read", 0, block.at + 0x10000),
        ),
    )
    assert [reports_known(each) for each in (dirty, part)] == [True, False]
    assert [shows_known(each) for each in (dirty, part)] == [False, True]


def test_points_tell_what_differs() -> None:
    world = World(12, (Context(1), Context(1, s1=True, s2_of=0)), cpus=2)
    change = Map("s2", 0, 0x100000000, 3, None)
    look = Access("read", 0, 0x100000000)

    def of(*actions: Map | Access | Tlbi | Cpu | Sample | Host) -> set[frozenset[tuple[str, str]]]:
        return points(Program(world, actions))

    plain = of(change, Tlbi(0, "ipas2e1is", 0x100000), look)
    assert plain
    others = [
        of(change, Tlbi(0, "ipas2e1", 0x100000), look),
        of(change, Tlbi(0, "ipas2e1is", 0x100000 | 0b0111 << 44), look),
        of(change, Tlbi(1, "ipas2e1is", 0x100000), look),
        of(change, Tlbi(0, "ipas2e1is", 0x100000), replace(look, kind="write")),
        of(change, Tlbi(0, "ipas2e1is", 0x100000), replace(look, el0=True)),
        of(change, Tlbi(0, "ipas2e1is", 0x100000), Cpu(1), look),
        of(change, Cpu(1), Tlbi(0, "ipas2e1is", 0x100000), look),
        of(replace(change, level=2), Tlbi(0, "ipas2e1is", 0x100000), look),
        of(replace(change, to=0x1000), Tlbi(0, "ipas2e1is", 0x100000), look),
        of(change, Tlbi(0, "ipas2e1is", 0x100000)),
    ]
    for other in others:
        assert other - plain, other
    assert not of(change, look)


def test_the_text_is_read_back() -> None:
    drawn = draw(SMALL, "1")
    first, _, rest = text(drawn).partition("\n")
    assert first == f"programs {len(drawn)}"
    assert [(name, program.actions) for name, program in parse(rest)] == [
        (each.name, each.program.actions) for each in drawn
    ]
