# SPDX-License-Identifier: GPL-2.0-only
"""A model that breaks fails the step; a host that fails makes it ``infra``; the other steps are told too."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.artefacts import modified_code
from harness.artefacts.model import Model, ModelSpec
from harness.artefacts.restored import RestoredMachine
from harness.check import model_defects
from harness.errors import Broken, InfraError, NvhError
from harness.nightly.model import model_check, questions
from harness.nightly.model.model_check import CheckRequest, CheckStep, ModelReport, StepDone, StepResult
from harness.reproduce.hunt.campaign import Totals
from harness.verdict import Verdict

CRASH = Broken("the model crashed: QEMU ended with signal 6", kind="level", name="model-crash")


def request(place: Path) -> CheckRequest:
    model = SimpleNamespace(spec=SimpleNamespace(name="m"), version="11.1", sha256="1" * 64)
    return cast(CheckRequest, SimpleNamespace(name="m", model=model, timing="icount", out=place, seconds=1))


@pytest.mark.parametrize(
    ("error", "verdict"), [(CRASH, Verdict.FAIL), (InfraError("the disk is full"), Verdict.INFRA)]
)
def test_a_step_that_breaks_is_reported_and_the_next_one_is_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: NvhError, verdict: Verdict
) -> None:
    def breaks(_: CheckRequest) -> StepResult:
        raise error

    steps = (CheckStep("one", breaks), CheckStep("two", lambda _: StepResult(Verdict.PASS, "fine")))
    monkeypatch.setattr(model_check, "STEPS", steps)
    monkeypatch.setattr(model_check, "require_nv2", lambda *_: None)
    *done, report = model_check.check(request(tmp_path))
    assert isinstance(report, ModelReport)
    assert [each.found.verdict for each in done if isinstance(each, StepDone)] == [verdict, Verdict.PASS]
    assert report.verdict is verdict
    assert report.outcomes[0].found.causes == (str(error),)


def test_a_model_that_crashes_as_it_starts_is_red_and_no_step_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crashes(*_: object) -> None:
        raise CRASH

    monkeypatch.setattr(model_check, "require_nv2", crashes)
    done, report = model_check.check(request(tmp_path))
    assert isinstance(done, StepDone)
    assert (done.step, done.found.verdict) == (model_check.START, Verdict.FAIL)
    assert isinstance(report, ModelReport)
    assert report.verdict is Verdict.FAIL
    assert report.left_out == [each.name for each in model_check.STEPS]


@pytest.mark.parametrize(
    ("red", "verdict", "every_step", "begun"),
    [
        ("bare", Verdict.FAIL, False, ["bare", "more"]),
        ("bare", Verdict.FAIL, True, ["bare", "more", "stack", "sanitized"]),
        ("bare", Verdict.INFRA, False, ["bare", "more", "stack", "sanitized"]),
        ("stack", Verdict.FAIL, False, ["bare", "more", "stack", "sanitized"]),
    ],
)
def test_no_kernel_is_booted_on_a_model_that_a_bare_step_found_wrong(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    red: str,
    verdict: Verdict,
    every_step: bool,
    begun: list[str],
) -> None:
    carried_out: list[str] = []

    def step(name: str, kernel: bool) -> CheckStep:
        def carry_out(_: CheckRequest) -> StepResult:
            carried_out.append(name)
            return StepResult(verdict if name == red else Verdict.PASS, "told")

        return CheckStep(name, carry_out, kernel)

    names = ["bare", "more", "stack", "sanitized"]
    monkeypatch.setattr(model_check, "STEPS", tuple(step(name, name in names[2:]) for name in names))
    monkeypatch.setattr(model_check, "require_nv2", lambda *_: None)
    *_, report = model_check.check(request(tmp_path), every_step=every_step)
    assert isinstance(report, ModelReport)
    assert carried_out == begun
    assert report.left_out == names[len(begun) :]
    assert report.verdict is verdict


@pytest.mark.parametrize(
    ("totals", "verdict"),
    [
        (Totals(programs=3), Verdict.PASS),
        (Totals(broken=["the model crashed"]), Verdict.FAIL),
        (Totals(errors=["the disk is full"]), Verdict.INFRA),
        (Totals(), Verdict.INFRA),
    ],
)
def test_what_a_hunt_broke_is_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, totals: Totals, verdict: Verdict
) -> None:
    monkeypatch.setattr("harness.reproduce.hunt.campaign.hunt", lambda *_: totals)
    assert model_check.hunt_bare(request(tmp_path)).verdict is verdict


@pytest.mark.parametrize(
    ("number", "ours"), [("ABRT", False), ("SEGV", False), ("KILL", True), ("TERM", True)]
)
def test_a_model_that_somebody_else_ended_has_given_no_wrong_answer(
    tmp_path: Path, number: str, ours: bool
) -> None:
    program = tmp_path / "qemu"
    program.write_text(f"#!/bin/sh\nkill -{number} $$\n")
    program.chmod(0o755)
    spec = ModelSpec("m", {}, "", "virt", "max", {"icount": ()}, (), False, 1.0)
    model = Model(spec, (str(program),), {}, "11.1", "1" * 64, None)
    ask: Any = dataclasses.replace(model)
    if ours:
        with pytest.raises(InfraError, match="by which no model ends itself"):
            questions.ask(ask, tmp_path / "none", "icount", tmp_path)
    else:
        assert "QEMU ended with signal" in questions.ask(ask, tmp_path / "none", "icount", tmp_path).stopped


BREAKPOINT = "fail|restored|breakpoint 3, PE 1|ESR|0xc2000022|0x5a000000|D2.8\n"
TIMER = "fail|restored|CNTHV, PE 3|its interrupt in GICR_ISPENDR0|0x1|0x0|D12\n"
KNOWN = "qemu-hyp-timers"


@pytest.mark.parametrize(
    ("found", "causes"),
    [
        (RestoredMachine("01\n01\n"), []),
        (RestoredMachine(f"{TIMER}bad\n"), []),
        (
            RestoredMachine(f"{TIMER}{BREAKPOINT}bad\n"),
            ["restored: breakpoint 3, PE 1: ESR must be 0xc2000022"],
        ),
        (RestoredMachine(TIMER.replace("|0x0|", "|0x2|")), ["restored: CNTHV, PE 3"]),
        (RestoredMachine(BREAKPOINT, saved=False), ["before it is saved"]),
        (RestoredMachine("01\n", failed="it does not go on"), ["it does not go on"]),
        (RestoredMachine("fail|restored|half\n"), ["what makes no sense"]),
    ],
)
def test_what_a_restored_machine_does_is_judged_by_what_is_known(
    found: RestoredMachine, causes: list[str]
) -> None:
    result = model_check.judge_restored(found, "7 registers compared", "11.1.3", model_defects.load())
    assert result.verdict is (Verdict.FAIL if causes else Verdict.PASS)
    assert len(result.causes) == len(causes)
    assert all(part in cause for part, cause in zip(causes, result.causes, strict=True))


def test_a_defect_that_a_restore_no_longer_shows_is_told() -> None:
    table = model_defects.load()
    gone = model_check.judge_restored(RestoredMachine("01\n01\n"), "told", "11.1.3", table)
    seen = model_check.judge_restored(RestoredMachine(TIMER), "told", "11.1.3", table)
    assert f"{KNOWN} is not seen" in gone.summary
    assert f"known: 1 by {KNOWN}" in seen.summary
    stopped = model_check.judge_restored(RestoredMachine(failed="it hangs"), "told", "11.1.3", table)
    assert KNOWN not in stopped.summary


def test_the_questions_say_nothing_of_defects_of_a_restore() -> None:
    answers = cast(Any, SimpleNamespace(wrong=(), groups=(), checks=9, skipped={}, stopped=""))
    told = model_check.judge(answers, "11.1.3", model_defects.load())
    assert "qemu-ipas2os is not seen" in told.summary
    assert KNOWN not in told.summary


OLD_CODE = "fail|modified|STR by PE 0|times that the other PE executed the old instruction|0x0|0x38|B2.2.5\n"
OTHER_WAY = OLD_CODE.replace("STR by PE 0", "STLXR by PE 0")


@pytest.mark.parametrize(
    ("said", "version", "failed", "causes"),
    [
        ("rounds|400\ndone\n", "11.1.3", "", []),
        (f"{OLD_CODE}rounds|400\ndone\n", "11.1.3", "", []),
        (
            f"{OLD_CODE}rounds|400\ndone\n",
            "7.2",
            "",
            ["modified: STR by PE 0: times that the other PE executed the old instruction must be 0x0"],
        ),
        (f"{OTHER_WAY}rounds|400\ndone\n", "11.1.3", "", ["modified: STLXR by PE 0"]),
        ("rounds|0\ndone\n", "11.1.3", "", ["did not come to the modified instruction"]),
        (OLD_CODE, "11.1.3", "", ["did not come to its end"]),
        ("", "11.1.3", "no end within 60 s", ["no end within 60 s"]),
        ("fail|modified|half\nrounds|1\ndone\n", "11.1.3", "", ["makes no sense"]),
    ],
)
def test_old_code_that_no_defect_explains_is_wrong(
    said: str, version: str, failed: str, causes: list[str]
) -> None:
    result = model_check.judge_modified(modified_code.read(said, failed), version, model_defects.load())
    assert result.verdict is (Verdict.FAIL if causes else Verdict.PASS)
    assert all(part in cause for part, cause in zip(causes, result.causes, strict=True))


def test_a_model_without_threads_modifies_no_code() -> None:
    spec = ModelSpec("m", {}, "", "virt", "max", {"icount": ()}, (), False, 1.0)
    model = Model(spec, ("qemu",), {}, "11.1", "1" * 64, None)
    asked = cast(Any, SimpleNamespace(model=model))
    assert "left out" in model_check.modify_code(asked).summary
