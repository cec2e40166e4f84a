# SPDX-License-Identifier: GPL-2.0-only
"""What L1 must have for a program."""

from __future__ import annotations

import pytest

from harness.program.needs import needs
from harness.program.program import Context, Program, Tlbi, World
from harness.program.script import script


@pytest.mark.parametrize(
    ("op", "hide", "wanted"),
    [
        ("vae1", "", set()),
        ("vae1os", "", {"os"}),
        ("vae1nxs", "", {"xs"}),
        ("rvae1is", "", {"range"}),
        ("rvae1is", "range", set()),
        ("rvae1is", "os", set()),
        ("vae1os", "range", {"os"}),
    ],
)
def test_needs_are_of_the_operations_less_what_is_hidden(op: str, hide: str, wanted: set[str]) -> None:
    assert needs(Program(World(12, (Context(1),), hide=hide), (Tlbi(0, op),))) == wanted


def test_the_text_says_so_where_something_is_needed() -> None:
    world = World(12, (Context(1),))
    assert " needs=os,range,xs" in script(Program(world, (Tlbi(0, "rvae1osnxs"),)), "many").splitlines()[0]
    assert "needs=" not in script(Program(world, (Tlbi(0, "vae1"),)), "none")
