# SPDX-License-Identifier: GPL-2.0-only
"""Errors, verdicts and levels: what everything else speaks in."""

from __future__ import annotations

import itertools

import pytest

from harness.errors import (
    EXIT_INFRA,
    EXIT_USER,
    InfraError,
    InputError,
    Location,
    Problem,
    UserError,
    closest,
)
from harness.level import Level
from harness.verdict import Verdict, of_cell, worst


def test_problems_come_in_file_order_with_what_was_expected_and_the_closest() -> None:
    problems = [
        Problem(Location("b.yaml", 1, 1), "later file"),
        Problem(Location("a.yaml", 10, 2), "unknown key 'modle'", "one of model, cpu", "model"),
        Problem(Location("a.yaml", 9, 30), "nothing", "a number"),
    ]
    error = InputError(problems)
    assert str(error).splitlines() == [
        "a.yaml:9:30: nothing; expected a number",
        "a.yaml:10:2: unknown key 'modle'; expected one of model, cpu; did you mean 'model'?",
        "b.yaml:1:1: later file",
    ]
    assert isinstance(error, UserError)


def test_exit_statuses_tell_the_user_from_the_machine() -> None:
    assert UserError("x").exit_status == InputError([]).exit_status == EXIT_USER
    assert InfraError("x").exit_status == EXIT_INFRA
    assert InfraError("x", "tail").output == "tail"


def test_closest_is_near_or_nothing() -> None:
    assert closest("debain", ["nv", "debian"]) == "debian"
    assert closest("xyzzy", ["nv", "debian"]) == ""
    assert closest("nv", []) == ""


def test_order_of_verdicts() -> None:
    order = [Verdict.PASS, Verdict.VACUOUS, Verdict.UNDECIDED, Verdict.INFRA, Verdict.FAIL]
    assert sorted(Verdict, key=lambda v: v.rank) == order
    for better, worse in itertools.combinations(order, 2):
        assert worst([better, worse, better]) is worse
    assert worst([]) is Verdict.PASS
    assert [v.exit_status for v in order] == [0, 1, 1, 3, 1]


@pytest.mark.parametrize(
    ("findings", "infra", "allow", "verdict"),
    [
        ("", False, False, "pass"),
        ("pass vacuous", False, False, "vacuous"),
        ("pass vacuous", False, True, "pass"),
        ("pass vacuous", True, True, "infra"),
        ("undecided vacuous", False, True, "undecided"),
        ("undecided", True, False, "infra"),
        ("pass fail undecided", True, False, "fail"),
    ],
)
def test_what_a_cell_concludes(findings: str, infra: bool, allow: bool, verdict: str) -> None:
    found = [Verdict(word) for word in findings.split()]
    assert of_cell(found, infra=infra, allow_vacuous=allow) is Verdict(verdict)


def test_levels() -> None:
    assert [Level.parse(text) for text in ("l0", "L1", "l2")] == [Level.L0, Level.L1, Level.L2]
    assert [str(level) for level in Level] == ["l0", "l1", "l2"]
    for text in ("l3", "", "0", "host"):
        with pytest.raises(ValueError, match=r"is not a level .l0, l1, l2."):
            Level.parse(text)
