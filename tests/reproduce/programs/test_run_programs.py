# SPDX-License-Identifier: GPL-2.0-only
"""What a program's cell says beside the program's own observations, and the exit status that follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.program import exit_status
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, Broken, InfraError
from harness.reproduce.programs.run_programs import with_cell, without_outcome
from harness.reproduce.programs.seen import NESTED, ObservedProgram
from harness.verdict import Verdict
from tests.nightly.history import made

SAW = ObservedProgram(NESTED, (), "pass")


def test_cell_without_an_outcome_is_red_where_a_kernel_broke() -> None:
    boot = made.finding("boot-l0", Verdict.FAIL, "l0: did not come up: it loops", "boot")
    error = without_outcome("mine.nvl: p", made.cell("a", Verdict.FAIL, boot), Path("cells/a"))
    assert isinstance(error, Broken)
    assert (error.exit_status, error.kind, error.name) == (EXIT_RED, "boot", "boot-l0")
    assert "mine.nvl: p came to no outcome: fail: boot-l0: l0: did not come up: it loops" in str(error)


def test_cell_without_an_outcome_is_nvhs_fault_where_its_host_failed() -> None:
    result = made.cell("a", findings=()).infra("disk full")
    error = without_outcome("mine.nvl: p", result, Path("cells/a"))
    assert isinstance(error, InfraError)
    assert error.exit_status == EXIT_INFRA


@pytest.mark.parametrize("verdict", list(Verdict))
def test_program_takes_the_verdict_of_its_cell_as_it_is(verdict: Verdict) -> None:
    result = made.cell("a", verdict, made.finding("no-splat-l0", verdict, "why"))
    assert with_cell(SAW, result).verdict == verdict.value
    assert with_cell(ObservedProgram(NESTED, (), "fail"), result).verdict == "fail"


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["pass"], EXIT_PASS),
        ([], EXIT_PASS),
        (["pass", "infra"], EXIT_INFRA),
        (["undecided"], EXIT_INFRA),
        (["vacuous"], EXIT_INFRA),
        (["infra", "fail"], EXIT_RED),
        (["hang", "pass"], EXIT_RED),
        (["broken"], EXIT_RED),
    ],
)
def test_exit_status(verdicts: list[str], status: int) -> None:
    assert exit_status(verdicts) == status
