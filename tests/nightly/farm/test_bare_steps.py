# SPDX-License-Identifier: GPL-2.0-only
"""A list of builds with a fault from the fifth on: the bare steps find it, and skip what has no verdict."""

from __future__ import annotations

from harness.nightly.farm.bare_steps import of_outcomes
from harness.nightly.farm.bisect import BisectedBuild, Bisection, BuildRun
from harness.nightly.model.model_check import StepDone, StepResult
from harness.verdict import Verdict

BUILDS = [BisectedBuild(f"b{number}", "") for number in range(8)]


def step(name: str, verdict: Verdict, *causes: str) -> StepDone:
    return StepDone(name, StepResult(verdict, "told", causes), 1.0)


def run(build: BisectedBuild, _: int) -> BuildRun:
    number = BUILDS.index(build)
    if number == 6:
        return of_outcomes([step("questions", Verdict.INFRA)])
    if number >= 5:
        how_many = f"({80 + number} alike are told)"
        return of_outcomes(
            [
                step(
                    "questions",
                    Verdict.FAIL,
                    f"leaves: vae1is, PE {number % 2}: reads the old page [C5.5] {how_many}",
                )
            ]
        )
    return of_outcomes([step("questions", Verdict.PASS), step("hunt", Verdict.PASS)])


def test_the_first_bad_build_is_found() -> None:
    said: list[str] = []
    outcome = Bisection(BUILDS, run, said.append).search()
    assert (outcome.first.name, outcome.last.name) == ("b5", "b4")
    assert any("leaves: vae1is" in line for line in said)


def test_another_cause_is_no_bad_build() -> None:
    def other(build: BisectedBuild, number: int) -> BuildRun:
        if build.name == "b3":
            return of_outcomes([step("questions", Verdict.FAIL, "traps: vae2 must trap [D24.2]")])
        return run(build, number)

    outcome = Bisection(BUILDS, other, lambda _: None).search()
    assert outcome.first.name == "b5"


def test_no_verdict_is_not_judged() -> None:
    assert not run(BUILDS[6], 1).judged
    assert run(BUILDS[0], 1) == BuildRun(frozenset(), "pass")
