# SPDX-License-Identifier: GPL-2.0-only
"""Wrong models: what a check said, what became of a fault, and what keeps a check from a verdict."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from harness.artefacts.model import QEMU, build_model, load_model
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED
from harness.host.cache import Store, sha256_file
from harness.mutants import models
from harness.mutants.faults import PATCH, PLUGIN, ModelFault
from harness.mutants.models import Check, FaultOutcome, FaultReport
from harness.mutants.models_text import print_report, totals
from harness.mutants.outcome import MutantFate

SEEN = ModelFault("a", "A is wrong", "f()", "questions")
LOST = ModelFault("b", "B is wrong", "g()", "", "Nobody can see it.")
GREEN = Check("pass", "hunt", "", 40.0, "command")
RED = Check("fail", "questions", "walks: a must be b", 4.0, "command")
LATE = Check("fail", "hunt", "a program", 30.0, "command")
NONE = Check("infra", "none", "it did not end", 9.0, "command")


@pytest.mark.parametrize(
    ("fault", "check", "control", "fate", "expected"),
    [
        (SEEN, RED, GREEN, MutantFate.KILLED, True),
        (SEEN, LATE, GREEN, MutantFate.KILLED, False),
        (SEEN, GREEN, GREEN, MutantFate.SURVIVED, False),
        (SEEN, NONE, GREEN, MutantFate.UNDECIDED, False),
        (SEEN, RED, RED, MutantFate.UNDECIDED, False),
        (LOST, GREEN, GREEN, MutantFate.SURVIVED, True),
        (LOST, RED, GREEN, MutantFate.KILLED, False),
    ],
)
def test_what_became_of_a_fault(
    fault: ModelFault, check: Check, control: Check, fate: MutantFate, *, expected: bool
) -> None:
    outcome = FaultOutcome(fault, check, control)
    assert outcome.fate is fate
    assert outcome.as_expected is expected


def report(*outcomes: FaultOutcome, control: Check = GREEN) -> FaultReport:
    return FaultReport(outcomes, control, "10.0.13", 60.0)


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (report(FaultOutcome(SEEN, RED, GREEN), FaultOutcome(LOST, GREEN, GREEN)), EXIT_PASS),
        (report(FaultOutcome(SEEN, GREEN, GREEN)), EXIT_RED),
        (report(FaultOutcome(SEEN, LATE, GREEN)), EXIT_RED),
        (report(FaultOutcome(SEEN, NONE, GREEN)), EXIT_INFRA),
        (report(FaultOutcome(SEEN, NONE, GREEN), FaultOutcome(LOST, RED, GREEN)), EXIT_RED),
        (report(control=RED), EXIT_RED),
        (report(), EXIT_RED),
    ],
)
def test_exit_status(made: FaultReport, status: int) -> None:
    assert made.exit_status == status
    assert made.to_json()["exit_status"] == status


def test_the_table_says_what_differs_from_the_expected() -> None:
    stream = io.StringIO()
    made = report(
        FaultOutcome(SEEN, GREEN, GREEN), FaultOutcome(LOST, GREEN, GREEN), FaultOutcome(SEEN, RED, GREEN)
    )
    print_report(made, Console(file=stream, width=150))
    text = stream.getvalue()
    assert "a: A is wrong\n  survived: no step noticed it\n  expected: killed by questions" in text
    assert "b: B is wrong\n  survived: Nobody can see it." in text
    assert "walks: a must be b" in text
    assert totals(made) == (
        "3 wrong models of QEMU 10.0.13: 1 killed, 2 survived; median 4.0 s; 1 not as expected in 60.0 s"
    )


def said(verdict: str, *steps: dict[str, object]) -> str:
    data = {"model": "m", "verdict": verdict, "left_out": [], "steps": list(steps)}
    return f"fail      questions   3.0 s  {{a line}}\n{json.dumps(data, indent=1)}\n"


STEP = {"name": "questions", "verdict": "fail", "seconds": 3.0, "summary": "s", "causes": ["first", "second"]}


def test_a_check_is_read_from_what_it_printed() -> None:
    passed = {**STEP, "verdict": "pass", "causes": []}
    assert models.read_check(said("fail", STEP), "c", 9) == Check("fail", "questions", "first", 3.0, "c")
    last = {**STEP, "name": "hunt", "seconds": 30.5}
    assert models.read_check(said("fail", passed, last), "c", 9) == Check("fail", "hunt", "first", 33.5, "c")
    assert models.read_check(said("pass", passed), "c", 9) == Check("pass", "questions", "", 3.0, "c")


@pytest.mark.parametrize(
    "text", ["", "nvh: no such file\n", said("fail"), said("fail", STEP)[:-9], "{\n}\n", "{\n [\n}\n"]
)
def test_what_is_no_report_is_no_verdict(text: str) -> None:
    check = models.read_check(text, "c", 9.0)
    assert check.verdict == "infra"
    assert check.line


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Something that says it is QEMU, with its fault in its version, and can do no more."""
    place = tmp_path / "built"
    place.mkdir()
    path = place / QEMU
    path.write_text('#!/bin/sh\necho "QEMU emulator version 10.0.${NVH_FAULT}"\n')
    path.chmod(0o755)
    return path


def test_the_model_file_switches_the_fault_on(program: Path, tmp_path: Path) -> None:
    file = models.model_file(PATCH, program, "vbar-lost", "", tmp_path)
    assert yaml.safe_load(file.read_text())["environment"] == {"NVH_FAULT": "vbar-lost"}
    model = build_model(load_model(str(file)), Store(tmp_path / "cache"), lambda _: None)
    assert model.version == "10.0.vbar-lost"
    assert model.environment == {"NVH_FAULT": "vbar-lost"}
    second = models.model_file(PATCH, program, "elr-lost", "", tmp_path)
    other = build_model(load_model(str(second)), Store(tmp_path / "cache"), print)
    assert len({model.sha256, other.sha256, sha256_file(program)}) == 3


def test_the_plugin_is_loaded_into_the_newest_model_as_it_is(tmp_path: Path) -> None:
    def file(fault: str, options: str) -> Path:
        return models.model_file(PLUGIN, tmp_path / "f.so", fault, options, tmp_path)

    shipped = yaml.safe_load(models.TEMPLATES[PLUGIN].read_text())
    wrong = yaml.safe_load(file("aie-lost", "at=0xd5182060,loses=0x10").read_text())
    right = yaml.safe_load(file("none", "").read_text())
    assert wrong["devices"] == ["-plugin", f"{tmp_path}/f.so,at=0xd5182060,loses=0x10"]
    assert right["devices"] == []
    assert wrong["source"] == right["source"] == shipped["source"]
    assert "environment" not in wrong
    assert load_model(str(file("aie-lost", "at=0xd5182060,nothing=on"))).devices


def test_a_model_that_cannot_be_checked_is_no_killed_fault(program: Path, tmp_path: Path) -> None:
    told: list[str] = []
    made = models.run([SEEN], {PATCH: program}, "10.0", tmp_path / "out", hunting_s=1, say=told.append)
    assert made.control.verdict == "infra"
    assert made.outcomes == ()
    assert made.exit_status == EXIT_RED
    assert json.loads((tmp_path / "out" / models.RESULT).read_text())["control"]["verdict"] == "infra"
    assert told[0].startswith("none (patch): infra")
