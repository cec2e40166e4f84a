# SPDX-License-Identifier: GPL-2.0-only
"""A model's own check in a night: a cell, read again on resume, and one cause with what is red on it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.check.finding import Finding
from harness.errors import UserError
from harness.host.cache import Store
from harness.host.paths import IMAGES
from harness.nightly.farm import models
from harness.nightly.farm.plan import NightPlan, PlannedModel, load_plan
from harness.nightly.model.model_check import ModelReport, StepDone, StepResult
from harness.report.cause import cause_of
from harness.report.results import CellResult
from harness.verdict import Verdict

CAUSE = "leaves: vae1is of stage 1: must read the new page, reads the old page [C5.5] (88 alike)"
RIGHT = [StepDone("questions", StepResult(Verdict.PASS, "21789 answers"), 3.0)]
WRONG = [
    StepDone("questions", StepResult(Verdict.FAIL, "21789 answers, 88 wrong", (CAUSE, "tags: vae1is")), 3.0),
    StepDone("save-restore", StepResult(Verdict.PASS, "200 registers"), 1.0),
    StepDone("hunt", StepResult(Verdict.FAIL, "100 programs", ("stale by read after vae1is",)), 9.0),
]


def plan(*names: str) -> NightPlan:
    planned = tuple(PlannedModel(name, {}) for name in names)
    return NightPlan("p", "", Path("p.yaml"), planned, ("nv",), (), 0, None, None, 0, check_models=True)


def given(monkeypatch: pytest.MonkeyPatch, outcomes: dict[str, list[StepDone]]) -> list[str]:
    """Models whose checks come to ``outcomes``; returns the list of those that were checked."""
    checked: list[str] = []

    def report(_: object, planned: PlannedModel, *__: object) -> ModelReport:
        checked.append(planned.name)
        if planned.name not in outcomes:
            raise UserError("no FEAT_NV2")
        return ModelReport(planned.name, "11.1", "a" * 64, outcomes[planned.name])

    monkeypatch.setattr(models, "load_model", lambda name: name)
    monkeypatch.setattr(models, "build_model", lambda *_: None)
    monkeypatch.setattr(models, "_report", report)
    return checked


def red(name: str, model: str) -> CellResult:
    finding = Finding(name, "console", Verdict.FAIL, f"{name} is not there")
    return CellResult(
        name,
        name,
        name,
        "",
        model,
        "icount",
        {},
        Verdict.FAIL,
        "2026-11-28T00:00:00Z",
        1.0,
        "x",
        findings=(finding,),
    )


def test_one_wrong_model_among_three_is_one_cause(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, {"a": RIGHT, "b": WRONG})
    found = models.check_models(plan("a", "b", "c"), tmp_path, Store(tmp_path / "cache"))
    assert {label: each.verdict for label, each in found.items()} == {
        "a": Verdict.PASS,
        "b": Verdict.FAIL,
        "c": Verdict.INFRA,
    }
    assert CAUSE in found["b"].headline
    assert found["c"].reason == "no FEAT_NV2"
    wrong = models.suspects(found)
    assert list(wrong) == ["b"]
    on_b = [models.blamed(red(name, "b"), "b", wrong) for name in ("one", "two")]
    on_a = models.blamed(red("one", "a"), "a", wrong)
    causes = {cause_of(each) for each in (found["b"], *on_b)}
    assert len(causes) == 1
    (cause,) = causes
    assert cause is not None
    assert cause.kind == "model"
    assert "the model b is wrong" in cause.title
    assert "vae1is" in cause.title
    assert cause_of(on_a) not in causes
    fine = dataclasses.replace(red("one", "b"), verdict=Verdict.PASS, findings=())
    assert models.blamed(fine, "b", wrong) is fine


def test_two_wrong_models_are_two_causes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, {"a": WRONG, "b": WRONG})
    found = models.check_models(plan("a", "b"), tmp_path, Store(tmp_path / "cache"))
    assert cause_of(found["a"]) != cause_of(found["b"])


def test_a_resumed_night_does_not_check_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checked = given(monkeypatch, {"b": WRONG})
    before = models.check_models(plan("b"), tmp_path, Store(tmp_path / "cache"))
    after = models.check_models(plan("b"), tmp_path, Store(tmp_path / "cache"))
    assert checked == ["b"]
    assert after["b"].verdict is before["b"].verdict
    assert after["b"].headline == before["b"].headline


def test_the_shipped_plan_checks_its_models() -> None:
    assert load_plan(IMAGES / "plans" / "nightly.yaml").check_models
