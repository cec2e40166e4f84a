# SPDX-License-Identifier: GPL-2.0-only
"""A model that crashes or hangs on the bare machine is wrong; a late batch on a busy host has no verdict."""

from __future__ import annotations

import inspect

import pytest

from harness.nightly.model.model_check import DIED, without_findings
from harness.reproduce.hunt import bare
from harness.verdict import Verdict

CRASH = "batch 3 (plain on qemu): nvh-bare ended with status -11: no totals"
LATE = "batch 4 (plain on qemu): nvh-bare on qemu still ran after 60 s"


@pytest.mark.parametrize(
    ("programs", "errors", "verdict"),
    [
        (100, [], Verdict.PASS),
        (100, [CRASH], Verdict.FAIL),
        (0, [CRASH], Verdict.FAIL),
        (100, [LATE], Verdict.INFRA),
        (0, [LATE, LATE], Verdict.FAIL),
        (0, [], Verdict.INFRA),
    ],
)
def test_a_hunt_without_findings(programs: int, errors: list[str], verdict: Verdict) -> None:
    found = without_findings("told", programs, errors)
    assert found.verdict is verdict
    assert all(
        any(error in cause for cause in found.causes) for error in errors[:1] if verdict is not Verdict.PASS
    )


def test_the_words_are_those_of_the_bare_machine() -> None:
    assert DIED in inspect.getsource(bare.BareTarget.run)
