# SPDX-License-Identifier: GPL-2.0-only
"""Known wrong answers excuse what they name, on the versions that they name, and nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.check.answers import AnswerGroup, Answers, Wrong
from harness.check.model_defects import load, number
from harness.errors import InputError
from harness.nightly.model.model_check import judge
from harness.verdict import Verdict

OS = Wrong(
    "walks", "ipas2e1os, then VMALLE1IS: the IPA of the table of level 1", "value", 0xBB, 0xAA, "R_TVTYQ"
)
IS = Wrong(
    "walks", "ipas2e1is, then VMALLE1IS: the IPA of the table of level 1", "value", 0xBB, 0xAA, "R_TVTYQ"
)


def answers(*wrong: Wrong, failed: int | None = None, stopped: str = "") -> Answers:
    count = len(wrong) if failed is None else failed
    return Answers({}, (AnswerGroup("walks", 100, count),), wrong, {}, stopped)


def test_a_known_defect_passes_and_is_reported() -> None:
    found = judge(answers(OS), "11.1.3 (Debian)", load())
    assert found.verdict is Verdict.PASS
    assert "known: 1 by qemu-ipas2os" in found.summary


def test_the_same_wrong_answer_of_another_operation_counts() -> None:
    found = judge(answers(OS, IS), "11.1.3", load())
    assert found.verdict is Verdict.FAIL
    assert found.causes[0].startswith("walks: ipas2e1is")


def test_another_answer_to_the_same_question_is_not_excused() -> None:
    ptw = Wrong(
        "memory",
        "PTW 1, the table of level 2 in Device memory, MemAttr 0, FWB 0",
        "ESR",
        0x9000008F,
        0x9000008C,
        "HCR_EL2.PTW",
    )
    ignored = dataclasses.replace(ptw, seen=(1 << 64) - 1)
    assert judge(answers(ptw), "11.1.3", load()).verdict is Verdict.PASS
    assert judge(answers(ignored), "11.1.3", load()).verdict is Verdict.FAIL


def test_another_version_is_not_excused() -> None:
    assert judge(answers(OS), "7.2.0", load()).verdict is Verdict.FAIL


def test_a_defect_that_is_gone_is_reported() -> None:
    found = judge(answers(), "11.1.3", load())
    assert found.verdict is Verdict.PASS
    assert "qemu-ipas2os is not seen" in found.summary


def test_wrong_answers_that_are_only_counted_count() -> None:
    assert judge(answers(OS, failed=2), "11.1.3", load()).verdict is Verdict.FAIL


def test_a_model_that_stopped_fails() -> None:
    found = judge(answers(stopped="QEMU ended with signal 11"), "11.1.3", load())
    assert found.verdict is Verdict.FAIL
    assert "signal 11" in found.causes[-1]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("model: '11'", "the versions '11'"),
        ("model: '>= 9.0'\n    case: '('", "the expressions '('"),
    ],
)
def test_defects_of_the_table_are_reported(tmp_path: Path, row: str, why: str) -> None:
    case = "" if "case" in row else "\n    case: x"
    path = tmp_path / "defects.yaml"
    path.write_text(
        f"defects:\n  - defect: x\n    summary: x\n    group: walks\n    {row}{case}\n    seen: x\n"
    )
    with pytest.raises(InputError, match=r"defects\.yaml") as caught:
        load(path)
    assert why in str(caught.value)


def test_numbers() -> None:
    assert number("11.1.3 (Debian 1:11.1.3+ds-1)") == (11, 1, 3)
    assert number("custom") == ()
