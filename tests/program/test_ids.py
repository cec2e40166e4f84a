# SPDX-License-Identifier: GPL-2.0-only
"""Numbers by the rule: VMIDs, ASIDs and addresses that a field cut short would take for one another."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.level import Level
from harness.program import ids
from harness.program.addresses import Layout, default_sl0, depends, fits, start_level
from harness.program.kinds import KINDS
from harness.program.lanes import LANES, lanes, plan
from harness.program.script import script
from harness.reproduce.hunt.campaign import Wanted, stack_for
from harness.reproduce.programs.grammar import LINES_MAX, STEPS_MAX
from tests.program.programs import sample

WORDS_MAX = 24


def test_ids_are_low_high_all_bits_and_neighbours() -> None:
    rng = random.Random(1)
    pairs = [ids.distinct(rng, 2) for _ in range(300)]
    every = {value for pair in pairs for value in pair}
    assert {1, 2, 3, 0x8000, 0xFFFF} <= every
    assert all(0 <= value < 1 << ids.ID_BITS for value in every)
    assert all(one != other for one, other in pairs)
    apart = {(one ^ other).bit_length() - 1 for one, other in pairs if (one ^ other).bit_count() == 1}
    assert apart == set(range(ids.ID_BITS)), "each bit alone tells two ids apart in some pair"


def test_generated_programs_use_them() -> None:
    vmids = [{c.vmid for c in program.world.contexts} for _, program in sample()]
    assert any(max(each) > 0xFF for each in vmids)
    cut = [each for each in vmids if len(each) > len({vmid & 0xFF for vmid in each})]
    assert len(cut) >= 5, "VMIDs that agree in their low 8 bits"
    assert any(c.asid > 0xFF for _, program in sample() for c in program.world.contexts)


def test_a_batch_has_one_set_of_what_tells_shadow_contexts_apart() -> None:
    """Another VMID or input size for each program would make KVM recycle contexts all the time."""
    for number in range(40):
        how = plan("s", number, LANES)
        rng = random.Random(number)
        layout = Layout(how.shape.shift, 0, how.shape.least_bits)
        made = [KINDS[how.kind].contexts(rng, layout, how.shape) for _ in range(10)]
        shadows = {(c.vmid, c.s2_bits, c.sl0) for contexts in made for c in contexts if c.s2}
        assert len(shadows) <= 4


@pytest.mark.parametrize("shift", [12, 14, 16])
def test_the_areas_of_a_window_differ_in_one_bit_and_in_many_over_windows(shift: int) -> None:
    bits = set()
    for window in range(12):
        layout = Layout(shift, window)
        assert (layout.ipa(0) ^ layout.ipa(1)).bit_count() == 1
        assert layout.ipa(0) ^ layout.ipa(1) == layout.va(0) ^ layout.va(1)
        bits.add(layout.bit)
    assert len(bits) >= 2
    small = Layout(shift, 3, 37)
    assert max(small.ipa(0), small.ipa(1)) + small.area_size <= 1 << 37


@pytest.mark.parametrize("shift", [12, 14, 16])
def test_start_levels(shift: int) -> None:
    """D8.2.3: by hand for the sizes that a program may have."""
    fit = {
        12: {bits: {1} | ({0} if bits <= 34 else set()) for bits in range(31, 41)},
        14: {bits: {1} for bits in range(31, 41)},
        16: {bits: {1} | ({0} if bits <= 33 else set()) for bits in range(31, 41)},
    }[shift]
    for bits, expected in fit.items():
        assert {sl0 for sl0 in range(4) if fits(shift, bits, sl0)} == expected
        assert default_sl0(shift, bits) == 1
        assert start_level(shift, 1) == (1 if shift == 12 else 2)
    assert [bits for bits in range(31, 41) if depends(12, bits, 2)] == [40]
    assert [bits for bits in range(31, 41) if depends(14, bits, 2)] == [37, 38, 39, 40]


def test_private_programs_run_where_two_vcpus_share_a_cpu() -> None:
    (lane,) = [lane for lane in lanes(None, None) if "private" in lane.kinds]
    spec = stack_for(lane, Wanted(seconds=1, seed="1", out=Path("x")))
    assert spec.levels[Level.L0].cpus == 1
    assert all("private" not in other.kinds for other in LANES if other != lane)
    programs = [program for kind, program in sample() if kind == "private"]
    assert all({c.pe for c in program.world.contexts} == {0, 1} for program in programs)


def test_every_generated_program_fits_what_nvh_litmus_holds() -> None:
    """Steps, lines and words of a line, with what tidies up behind it (host/text.c, host/text_run.c)."""
    for kind, program in sample():
        lines = script(program, kind).splitlines()
        assert len(lines) <= LINES_MAX, kind
        assert len(lines) - 2 <= STEPS_MAX, kind
        assert max(len(line.partition("=>")[0].split()) for line in lines) <= WORDS_MAX, kind
