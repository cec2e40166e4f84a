# SPDX-License-Identifier: GPL-2.0-only
"""What results say of mutants, on recorded results (data/recorded.json: what matters of a real run's)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from rich.console import Console

from harness.check.finding import Finding
from harness.errors import EXIT_PASS, EXIT_RED
from harness.mutants.outcome import MutantFate, MutantReport, judge
from harness.mutants.terminal import print_report
from harness.report.results import CellResult
from harness.scenario.mutants import NONE, Mutant
from harness.verdict import Verdict

UNMAP = "litmus-stage2[family=s2-unmap,granule=4k]"
WRITE = "litmus-stage2-change[family=s2-write]"
KILLED = Mutant("ipas2-not-aligned", "Unmapping begins too late", "f()", (UNMAP,))
KILLED_TOO = Mutant("ipas2-valid-skipped", "Valid descriptors are skipped", "g()", (WRITE,))
MASKED = Mutant("ttl-hint-ignored", "The hint is ignored", "h()", (UNMAP,), survives="Equivalent.")
MISSED = Mutant("unknown-size-one-page", "A page is unmapped", "h()", (UNMAP,))
Results = dict[tuple[str, str], CellResult]


@pytest.fixture
def recorded() -> Results:
    found = {}
    for row in json.loads((Path(__file__).parent / "data/recorded.json").read_text()):
        verdict = Verdict(row.pop("verdict"))
        findings = [Finding(**{**f, "verdict": Verdict(f["verdict"])}) for f in row.pop("findings")]
        cell = CellResult(**row, verdict=verdict, findings=tuple(findings))
        mutant = str(cell.params["mutant"])
        killer = cell.id.replace(f",mutant={mutant}", "")
        found[killer, mutant] = cell
    return found


def changed(results: Results, killer: str, mutant: str, verdict: Verdict, reason: str) -> Results:
    """The results with one cell's verdict replaced."""
    cell = dataclasses.replace(results[killer, mutant], verdict=verdict, reason=reason, findings=())
    return {**results, (killer, mutant): cell}


def shown(report: MutantReport) -> str:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        print_report(report, console)
    return capture.get()


def test_killed_and_survived_as_expected(recorded: Results) -> None:
    report = judge([KILLED, KILLED_TOO, MASKED], recorded, 540.0)
    assert [o.fate for o in report.outcomes] == [MutantFate.KILLED, MutantFate.KILLED, MutantFate.SURVIVED]
    assert report.outcomes[0].killed_by == (UNMAP,)
    assert "expected exit 0" in report.outcomes[0].why
    assert report.outcomes[2].why == "Equivalent."
    assert report.red_controls == ()
    assert report.exit_status == EXIT_PASS
    text = shown(report)
    assert "3 mutants: 2 killed, 1 survived; 2 of 2 controls green; all as expected in 9 min 00 s" in text
    assert UNMAP in text
    assert "(!)" not in text


def test_a_survivor_without_explanation_is_red(recorded: Results) -> None:
    report = judge([KILLED, MISSED], recorded, 1.0)
    assert report.outcomes[1].fate is MutantFate.SURVIVED
    assert not report.outcomes[1].as_expected
    assert report.exit_status == EXIT_RED
    assert "expected: killed" in shown(report)
    assert "1 not as expected" in shown(report)


def test_an_explanation_that_no_longer_holds_is_red(recorded: Results) -> None:
    explained = dataclasses.replace(KILLED, survives="Masked by the model.")
    report = judge([explained], recorded, 1.0)
    assert report.outcomes[0].fate is MutantFate.KILLED
    assert report.exit_status == EXIT_RED
    assert "expected: survived" in shown(report)


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.PASS])
def test_a_control_that_is_not_green_kills_nothing(recorded: Results, verdict: Verdict) -> None:
    results = changed(recorded, UNMAP, NONE, verdict, "it broke")
    report = judge([KILLED, KILLED_TOO, MASKED], results, 1.0)
    assert [o.fate for o in report.outcomes] == [
        MutantFate.UNDECIDED,
        MutantFate.KILLED,
        MutantFate.UNDECIDED,
    ]
    assert report.red_controls == (UNMAP,)
    assert report.exit_status == verdict.exit_status
    assert f"is {verdict.value} without it: it broke" in report.outcomes[0].why
    assert f"{UNMAP} is {verdict.value} on the right kernel" in shown(report)


def test_a_red_control_of_a_second_killer_is_red_although_the_first_kills(recorded: Results) -> None:
    both = dataclasses.replace(KILLED, killers=(UNMAP, WRITE))
    results = {**recorded, (WRITE, KILLED.name): recorded[WRITE, KILLED_TOO.name]}
    assert judge([both], results, 1.0).exit_status == EXIT_PASS
    report = judge([both], changed(results, WRITE, NONE, Verdict.FAIL, "it broke"), 1.0)
    assert report.outcomes[0].fate is MutantFate.KILLED
    assert report.outcomes[0].killed_by == (UNMAP,)
    assert report.exit_status == EXIT_RED


@pytest.mark.parametrize("verdict", [Verdict.VACUOUS, Verdict.UNDECIDED, Verdict.INFRA])
def test_only_a_failure_kills_and_only_a_pass_lets_live(recorded: Results, verdict: Verdict) -> None:
    for mutant in (KILLED, MASKED):
        report = judge([mutant], changed(recorded, UNMAP, mutant.name, verdict, "no fault to switch on"), 1.0)
        assert report.outcomes[0].fate is MutantFate.UNDECIDED
        assert report.exit_status == verdict.exit_status
        worse = judge([mutant, MISSED], changed(recorded, UNMAP, mutant.name, verdict, "lost"), 1.0)
        assert worse.exit_status == EXIT_RED, "a survivor without explanation outweighs that"
        assert report.outcomes[0].why == f"{UNMAP} is {verdict.value}: no fault to switch on"


def test_one_of_two_killers_is_enough_but_a_survivor_needs_all(recorded: Results) -> None:
    two = dataclasses.replace(MASKED, killers=(UNMAP, WRITE))
    passed = {**recorded, (WRITE, MASKED.name): recorded[WRITE, NONE]}
    assert judge([two], passed, 1.0).outcomes[0].fate is MutantFate.SURVIVED
    lost = changed(passed, WRITE, MASKED.name, Verdict.INFRA, "lost")
    assert judge([two], lost, 1.0).outcomes[0].fate is MutantFate.UNDECIDED
    killed = {**recorded, (WRITE, MASKED.name): recorded[WRITE, KILLED_TOO.name]}
    assert judge([two], killed, 1.0).outcomes[0].killed_by == (WRITE,)


def test_nothing_run_is_red() -> None:
    assert judge([], {}, 0.0).exit_status == EXIT_RED


def test_json_says_everything(recorded: Results) -> None:
    report = judge([KILLED, MASKED], recorded, 12.3456)
    data = json.loads(json.dumps(report.to_json()))
    assert data["seconds"] == 12.346
    assert data["exit_status"] == EXIT_PASS
    assert data["counts"] == {"killed": 1, "survived": 1, "undecided": 0}
    assert data["controls"][UNMAP]["verdict"] == "pass"
    first, second = data["mutants"]
    assert (first["mutant"], first["outcome"], first["killed_by"]) == ("ipas2-not-aligned", "killed", [UNMAP])
    assert first["trials"][0]["verdict"] == "fail"
    assert first["trials"][0]["command"].endswith("--mutant ipas2-not-aligned")
    assert (second["outcome"], second["survives"], second["as_expected"]) == ("survived", "Equivalent.", True)
