# SPDX-License-Identifier: GPL-2.0-only
"""The plan that an acceptance began with is the one that it goes on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.accept.selection import kept
from harness.accept.selection.choose import Choice, Claim, Plan
from harness.errors import InfraError

PLAN = Plan(
    (Choice("a", Claim.NOTICED, ("f", "g"), (1, 2), 3.5, runs=5, watched_s=9.0),),
    (Choice("b", Claim.UNKNOWN, (), (2,), 15.0),),
    {1: ("a",), 2: ()},
    not_between=1,
    seconds=44.0,
    cpus=2,
    unreached=("h",),
)


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    assert kept.load(tmp_path) is None
    kept.note(tmp_path, PLAN)
    assert kept.load(tmp_path) == PLAN


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"choices": [{"cell": "a"}], "left": [], "between": {}}'])
def test_a_damaged_plan_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / kept.FILE).write_text(text)
    with pytest.raises(InfraError, match=r"plan\.json is damaged.*begin anew"):
        kept.load(tmp_path)
