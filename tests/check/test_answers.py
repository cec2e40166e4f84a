# SPDX-License-Identifier: GPL-2.0-only
"""What the bare-metal questions print, read as data: whole runs, cut ones, and garbled ones."""

from __future__ import annotations

import random

import pytest

from harness.arch.table import load
from harness.check.answers import GROUPS, MISSING, OTHER_LEVEL, Answers, parse
from harness.nightly.model.model_check import grouped

FEATURES = "features|pa=48 vmid=16 nv2=1"
WHOLE = "\n".join([FEATURES, *(f"group|{name}|10|0" for name in GROUPS), "done"])
WRONG = "fail|walks|ipas2e1os, then VMALLE1IS|value|0xbb|0xaa|R_TVTYQ"


def test_a_whole_run() -> None:
    answers = parse(WHOLE)
    assert answers.stopped == ""
    assert answers.checks == 10 * len(GROUPS)
    assert answers.features == {"pa": 48, "vmid": 16, "nv2": 1}
    assert answers.wrong == ()


def test_a_group_that_a_model_has_no_feature_for() -> None:
    answers = parse(WHOLE.replace("group|ranges|10|0", "skip|ranges|no FEAT_TLBIRANGE"))
    assert answers.stopped == ""
    assert answers.skipped == {"ranges": "no FEAT_TLBIRANGE"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "did not come to their end, but to faults"),
        (WHOLE.removesuffix("done"), "did not come to their end"),
        (WHOLE.replace("group|walks|10|0\n", ""), "instead of"),
        (WHOLE.replace("group|walks|10|0", "group|walks|0|0"), "instead of"),
        (WHOLE.replace("group|walks|10|0", "group|walks|10|0\ngroup|walks|10|0"), "instead of"),
        (WHOLE.replace("group|walks|10|0", "group|walks|ten|0"), "makes no sense"),
        (WHOLE.replace("done", "fail|walks|x|value|0xbb\ndone"), "makes no sense"),
        (WHOLE.replace("done", "fatal|out of tables"), "out of tables"),
    ],
)
def test_a_run_that_is_not_whole_is_reported(text: str, why: str) -> None:
    assert why in parse(text).stopped


def test_what_was_wrong_before_the_model_stopped_is_kept() -> None:
    answers = parse(f"{FEATURES}\n{WRONG}\n")
    assert answers.stopped
    assert [each.case for each in answers.wrong] == ["ipas2e1os, then VMALLE1IS"]


@pytest.mark.parametrize("seed", range(200))
def test_no_garbled_run_passes(seed: int) -> None:
    rng = random.Random(seed)
    lines = WHOLE.splitlines()
    place = rng.randrange(len(lines))
    match rng.randrange(3):
        case 0:
            del lines[place]
        case 1:
            lines = lines[:place]
        case _:
            lines[place] = lines[place].replace("|", rng.choice(["", "||", "\0"]), 1)
    garbled = "\n".join(lines)
    answers = parse(garbled)
    whole = parse(WHOLE)
    # What garbles nothing but the features' line leaves the answers as they were.
    assert answers.stopped or answers == whole or answers == Answers({}, whole.groups)


def one(what: str, required: int, seen: int) -> str:
    return str(parse(f"fail|faults|a case|{what}|{required:#x}|{seen:#x}|rule").wrong[0])


def test_syndromes_are_reported_in_words() -> None:
    text = one("ESR", 0x9200_0007, 0x9200_0047)
    assert "data abort from a lower EL, translation fault of level 3, read" in text
    assert "write" in text


def test_an_exception_that_did_not_come() -> None:
    assert "no exception was taken" in one("ESR, got no exception", 0x6200_0000, MISSING)


def test_an_exception_at_another_level() -> None:
    text = one("ESR, got an exception to another level", 0, OTHER_LEVEL | 0x0200_0000)
    assert "at another Exception level (UNDEFINED" in text


def test_an_exception_instead_of_a_value() -> None:
    assert "an exception, ESR_EL2 0x93c08007 (data abort from a lower EL, translation fault" in one(
        "value, got ESR_EL2", 0xBB, 0x93C0_8007
    )


def test_alike_answers_are_one_cause() -> None:
    lines = [
        WRONG.replace("VMALLE1IS", "VMALLE1IS: the table of level 0, PE 1"),
        WRONG.replace("VMALLE1IS", "VMALLE1IS: the table of level 3, PE 0"),
        WRONG.replace("ipas2e1os, then VMALLE1IS", "ripas2e1os, then VMALLE1IS: the table of level 2, PE 0"),
        WRONG.replace("R_TVTYQ", "another rule"),
    ]
    causes = grouped(parse("\n".join(lines)).wrong)
    assert len(causes) == 2
    assert causes[0] == (
        "walks: ipas2e1os, then VMALLE1IS: the table of level 0, PE 1: must read the new page, reads the old "
        "page, so the old translation is still used [R_TVTYQ] (3 alike, of ipas2e1os, ripas2e1os)"
    )


def test_a_cause_names_no_more_operations_than_can_be_read() -> None:
    names = [each.name for each in load()][:12]
    text = "\n".join(f"fail|leaves|{name} of stage 1|value|0xbb|0xaa|C5.5" for name in names)
    (cause,) = grouped(parse(text).wrong)
    assert cause.endswith(f"(12 alike, of {', '.join(names[:8])} and 4 operations more)")


def test_another_kind_of_answer_is_another_cause() -> None:
    text = "\n".join(
        f"fail|faults|stage 2 {fault} fault, level {level}|ESR|0x94000004|0x94000007|ESR_EL2.ISS"
        for fault in ("translation", "permission")
        for level in (1, 2)
    )
    assert len(grouped(parse(text).wrong)) == 2


def test_which_page_was_read_is_reported_in_words() -> None:
    assert "must read the new page, reads the old page, so the old" in one("value", 0xBB, 0xAA)
    assert "must read the old page, reads the new page" in one("value", 0xAA, 0xBB)
    assert "value must be 0xbb, is 0x0" in one("value", 0xBB, 0)
