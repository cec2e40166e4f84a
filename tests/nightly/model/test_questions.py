# SPDX-License-Identifier: GPL-2.0-only
"""How long a stay below EL2 may take, and what is told of one that takes longer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.artefacts.bare_suites import QUESTIONS, build_model_suite
from harness.artefacts.model import Model, build_model, load_model
from harness.artefacts.symbols import ProgramSymbols
from harness.check import model_defects
from harness.check.answers import GROUPS, LateAnswer, parse
from harness.host.cache import Store
from harness.nightly.model import model_check, questions

SYMBOLS = cast(ProgramSymbols, SimpleNamespace(name=lambda pc: "below_vectors+0x200" if pc else ""))
LATE = "late|redirected|MSR VBAR_EL1 at EL1 with NV2|0|1|0x48012200|0xd4000022"


def model(deterministic: bool, slowdown: float) -> Model:
    spec = SimpleNamespace(slowdown=slowdown)
    return cast(Model, SimpleNamespace(spec=spec, deterministic=lambda _: deterministic))


def test_the_limit_is_of_the_machines_own_time_where_it_has_one() -> None:
    assert questions.limit_ns(model(True, 1.0), "icount") == questions.TIMES * questions.LONGEST_NS
    assert questions.limit_ns(model(True, 8.0), "icount") == questions.limit_ns(model(True, 1.0), "icount")
    assert questions.limit_ns(model(False, 8.0), "mttcg") == 8 * questions.limit_ns(
        model(False, 1.0), "mttcg"
    )


def test_a_pe_that_does_not_come_back_is_reported_with_its_question_and_place() -> None:
    answers = parse(f"group|faults|10|0\n{LATE}\n")
    assert answers.late == LateAnswer(
        "redirected", "MSR VBAR_EL1 at EL1 with NV2", 0, 1, 0x48012200, 0xD4000022
    )
    assert "did not come back" in answers.stopped
    assert questions.told(answers.late, SYMBOLS, 2_000_000) == (
        "redirected: MSR VBAR_EL1 at EL1 with NV2: PE 0 does not come back from EL1 at 0x48012200 "
        "(below_vectors+0x200), instruction 0xd4000022 within 2 ms of its own time"
    )


def test_a_pe_that_nobody_finds_is_reported_too() -> None:
    answers = parse("late|nested|x|1|0|0x0|0x0\n")
    assert answers.late is not None
    assert "PE 1 does not come back from EL2 within" in questions.told(answers.late, SYMBOLS, 2_000_000)


@pytest.mark.parametrize("line", ["late|g|c|0|1|0x1", "late|g|c|0|one|0x1|0x2", "longest|many"])
def test_half_a_line_makes_no_sense(line: str) -> None:
    whole = "\n".join([*(f"group|{name}|10|0" for name in GROUPS), line, "done"])
    assert "makes no sense" in parse(whole).stopped


def test_the_longest_stay_of_a_run_is_read() -> None:
    whole = "\n".join([*(f"group|{name}|10|0" for name in GROUPS), "longest|31415", "done"])
    assert parse(whole).longest_ns == 31415
    assert parse(whole).stopped == ""


@pytest.mark.real
def test_the_right_model_needs_what_the_limits_are_made_of(tmp_path: Path) -> None:
    store = Store()
    given = build_model(load_model("qemu"), store, lambda _: None)
    answers = questions.ask(given, build_model_suite(store).path / QUESTIONS, "icount", tmp_path)
    assert model_check.judge(answers, given.version, model_defects.load()).causes == ()
    assert questions.LONGEST_NS / 2 < answers.longest_ns <= questions.LONGEST_NS
    assert 0 < answers.instructions <= questions.WHOLE  # as far as it was seen
