# SPDX-License-Identifier: GPL-2.0-only
"""Where a program says that L1 owes an invalidation, and where it does not."""

from __future__ import annotations

import pytest

from harness.program.allowed import ReferenceModel, allowed_of, loose_of
from harness.program.parse import parse
from harness.program.program import Access, Loose, Program
from harness.program.script import script
from tests.program import simulate
from tests.program.programs import sample

WORLD = "context 0 granule=4k vmid=1 s2\n"
TAKEN = "tlbi 0 ipas2e1is 0x40000\ntlbi 0 vmalle1is\n"
MAPPED = "s2 0 0x40000000 3 0x100000000 rwx\nread 0 0x40000000\n"


def program(text: str, cpus: int = 1) -> Program:
    ((_, found),) = parse(f"program a cpus={cpus}\n{WORLD}{text}end\n")
    return found


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        (f"{MAPPED}s2 0 0x40000000 3 none\n{TAKEN}read 0 0x40000000\n", ()),
        (f"{MAPPED}s2 0 0x40000000 3 none\nread 0 0x40000000\n{TAKEN}read 0 0x40000000\n", (3,)),
        (f"{MAPPED}s2 0 0x40000000 3 none\ntlbi 0 ipas2e1is 0x40000\nread 0 0x40000000\n", (4,)),
        (f"{MAPPED}s2 0 0x40000000 3 0x100000000 rx\nread 0 0x40000000\n", (3,)),
        (f"{MAPPED}s2 0 0x40000000 3 0x100000000 rx\n{TAKEN}read 0 0x40000000\n", ()),
    ],
    ids=["taken", "then taken", "no VMALLE1", "write permission, read", "write permission taken"],
)
def test_an_access_is_loose_while_an_invalidation_is_owed(text: str, loose: tuple[int, ...]) -> None:
    assert loose_of(program(text)) == Loose(False, frozenset(loose))


@pytest.mark.parametrize(
    ("taken", "whole"), [(TAKEN, False), ("tlbi 0 ipas2e1is 0x40000\n", True)], ids=["taken", "no VMALLE1"]
)
def test_a_cpu_that_reads_all_the_time_makes_all_of_it_loose(taken: str, whole: bool) -> None:
    text = f"{MAPPED}spin 1 0 0x40000000 l2\nsample 1\ns2 0 0x40000000 3 none\n{taken}sample 1\nstop 1\n"
    assert loose_of(program(text, 2)) == Loose(whole)


def test_who_looks_for_what_is_loose_changes_nothing() -> None:
    """The pass that finds it is the one that tells what may be observed."""
    for _, each in sample():
        model = ReferenceModel.of(each)
        assert allowed_of(each) == [model.step(action) for action in each.actions]


def test_the_text_says_it_and_reading_leaves_it_out() -> None:
    found = [each for _, each in sample() if loose_of(each).whole or loose_of(each).actions]
    assert 0 < len(found) < len(sample())
    for each in found:
        text = script(each, "a")
        loose = loose_of(each)
        lines = [line.partition(" =>")[0] for line in text.splitlines()]
        assert lines[0].endswith(" loose") is loose.whole
        assert sum(line.endswith(" loose") for line in lines[1:]) == len(loose.actions)
        assert [again for _, again in parse(text)] == [each]


def test_what_is_strict_has_one_outcome_on_every_right_machine() -> None:
    """Of all that may be forgotten or kept: the sanitizer, which keeps everything, is one of these."""
    strict = 0
    for _, each in sample():
        loose, allowed = loose_of(each), allowed_of(each)
        if loose.whole:
            continue
        keeps = simulate.observations(each, "always", 1.0, "")
        forgets = simulate.observations(each, "always", 0.0, "")
        for i, action in enumerate(each.actions):
            if isinstance(action, Access) and i not in loose.actions:
                strict += 1
                assert keeps[i] == forgets[i]
                assert len(allowed[i] or ()) == 1
    assert strict > 500
