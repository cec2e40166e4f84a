# SPDX-License-Identifier: GPL-2.0-only
"""Programs as text: there and back, errors with their line, and the payload's own view of the same text."""

from __future__ import annotations

import dataclasses

import pytest

from harness.errors import InputError
from harness.program.addresses import Layout, code_result, code_word, level_size, value_at
from harness.program.allowed import allowed_of
from harness.program.generate import generate
from harness.program.parse import parse
from harness.program.program import Access, Context, Map, Program, World
from harness.program.render import epilogue, prologue_lines, render
from tests.program.programs import sample


def test_text_and_back() -> None:
    for kind, program in sample():
        ((name, again),) = parse(render(program, kind, allowed_of(program)))
        assert (name, again) == (kind, program)


def test_the_first_action_is_where_it_is_said_to_be() -> None:
    for kind, program in sample():
        lines = render(program, kind).splitlines()
        first = lines[prologue_lines(program) + 1]
        assert first.split()[0] in ("s1", "s2", "e2", "tlbi", "host", "l2-tlbi", "spin", "read", "execute")


def test_a_bad_line_is_named() -> None:
    with pytest.raises(InputError) as caught:
        list(parse("program a\ncontext 0 granule=4k vmid=1 s2\nraed 0 0x100\nend\n", "bad.txt"))
    assert "bad.txt:3" in str(caught.value)
    assert "read" in str(caught.value)
    with pytest.raises(InputError, match=r"bad\.txt:2"):
        list(parse("program a\ntlbi 0 ipas2e9 0x1\nend\n", "bad.txt"))


def test_others_in_the_tlb_are_part_of_the_program_and_change_nothing_else() -> None:
    """A third of the programs has them; reading them back gives the same, and so does leaving them out."""
    programs = [generate("pressure", "stage1", window) for window in range(60)]
    pressed = [each for each in programs if each.world.pressure]
    assert 5 <= len(pressed) <= 35
    for program in pressed[:5]:
        text = render(program, "a")
        assert " pressure=1024" in text.splitlines()[0]
        assert next(parse(text))[1].world == program.world
        alone = dataclasses.replace(program, world=dataclasses.replace(program.world, pressure=0))
        assert render(alone, "a") == text.replace(" pressure=1024", "")


def test_every_word_that_a_read_may_find_is_written_first() -> None:
    program = Program(
        World(12, (Context(),)),
        (Map("s2", 0, 0x400000000, 2, 0x100000000, "rwx"), Access("read", 0, 0x4001FF000)),
    )
    assert f"poke 0x1001ff000 {value_at(0x1001FF000):#x}" in render(program, "a")


def test_what_was_mapped_is_taken_away_and_invalidated_under_each_vmid() -> None:
    program = Program(
        World(12, (Context(1), Context(2, s2_of=0))), (Map("s2", 0, 0x400000000, 3, 0x100000000, "rwx"),)
    )
    lines = epilogue(program)
    assert lines[0] == "s2 0 0x400000000 3 none"
    assert lines[1:3] == ["tlbi 0 ipas2e1is 0x400000", "tlbi 1 ipas2e1is 0x400000"]
    assert {"tlbi 0 vmalle1is", "tlbi 1 vmalle1is"} <= set(lines)


@pytest.mark.parametrize("shift", [12, 14, 16])
def test_windows_do_not_overlap_and_lie_within_the_input_size(shift: int) -> None:
    bits = 36 if shift == 14 else 39
    seen: set[int] = set()
    layout = Layout(shift, 0)
    for window in range(min(layout.count, 120)):
        here = Layout(shift, window)
        areas = {here.ipa(0), here.ipa(1), here.va(0), here.va(1)}
        assert len(areas) == 4
        assert not areas & seen
        seen |= areas
        assert max(areas) + here.area_size <= 1 << bits
        assert all(at % level_size(shift, 2) == 0 for at in areas)


def test_code_says_where_it_is() -> None:
    """MOVZ X0, #imm16 is 0xD2800000 | imm16 << 5, RET 0xD65F03C0 (C6.2)."""
    pa = 0x1001FF000
    word = code_word(pa, 12)
    assert word >> 32 == 0xD65F03C0
    assert (word & 0xFFFFFFFF) >> 5 & 0xFFFF == code_result(pa, 12) == 0x200
