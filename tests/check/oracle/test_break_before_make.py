# SPDX-License-Identifier: GPL-2.0-only
"""The oracle ``break-before-make``: what the sanitizer must have seen for each verdict, at each level."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.check.breaks import Breaks, Unbroken
from harness.check.finding import Finding, Observations
from harness.check.oracle import ORACLES
from harness.check.sanitizer.code_places import Places
from harness.check.sanitizer.report_lines import lines
from harness.check.sanitizer.reports import read_reports
from harness.check.sanitizer.to_breaks import keeper
from harness.errors import UserError
from harness.level import Level
from harness.scenario.language import OracleCheck, Scope
from harness.verdict import Verdict
from tests.check.build import HERE

RECORDED = read_reports(Path(__file__).with_name("break_before_make.jsonl"))
"""What the sanitizer reported of the suite's cases s2-none, s2-direct, s1-direct and s1-nv-direct."""
LEVELS = ("any", "l0", "l1", "l2")
KEPT = Breaks({Level.L0: 3, Level.L1: 4, Level.L2: 5})
UNBROKEN = tuple(Unbroken(keeper(each), "\n".join(lines(each, Places({})))) for each in RECORDED)


def judged(breaks: Breaks | None, level: str = "any", scope: Scope | None = None) -> Finding:
    options = {} if level == "any" else {"level": level}
    check = OracleCheck(HERE, "broken", "break-before-make", scope or Scope(), options)
    return ORACLES["break-before-make"](check, Observations(breaks=breaks))


def only(*levels: str) -> Breaks:
    """What was kept, and the recorded violations of these levels."""
    return dataclasses.replace(KEPT, unbroken=tuple(u for u in UNBROKEN if str(u.keeper) in levels))


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("any", "3 of l0's tables, 4 of l1's tables, 5 of l2's tables"),
        ("l0", "3 of l0's tables"),
        ("l1", "4 of l1's tables"),
        ("l2", "5 of l2's tables"),
    ],
)
def test_broken_translations_pass_with_their_number(level: str, text: str) -> None:
    finding = judged(KEPT, level)
    assert finding.verdict is Verdict.PASS
    assert finding.message.endswith(f": {text}")


def test_the_recorded_reports_are_of_each_level() -> None:
    assert [(each.key, str(keeper(each))) for each in RECORDED] == [
        ("remapped:stage2", "l0"),
        ("remapped:combined", "l0"),
        ("no-break:stage2", "l0"),
        ("no-break:combined", "l2"),
        ("no-break:combined", "l1"),
    ]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("wrong", ["l0", "l1", "l2"])
def test_a_violation_fails_its_own_level(level: str, wrong: str) -> None:
    finding = judged(only(wrong), level)
    if level not in ("any", wrong):
        assert finding.verdict is Verdict.PASS
        return
    assert finding.verdict is Verdict.FAIL
    count = 3 if wrong == "l0" else 1
    assert finding.message.startswith(
        f"{count} changed without a break, the first one of {wrong}'s tables:\n"
    )


def test_the_message_is_the_first_report() -> None:
    message = judged(only("l1"), "l1").message
    assert "no-break:combined: a valid translation was replaced by another one without a break" in message
    assert "VA 0xc0000000 -> PA" in message
    assert "vae1is" in message


def test_a_violation_outweighs_doubts_and_doubts_outweigh_the_rest() -> None:
    doubts = ("2 reports were lost",)
    assert judged(dataclasses.replace(only("l0"), doubts=doubts)).verdict is Verdict.FAIL
    finding = judged(dataclasses.replace(only("l0"), doubts=doubts), "l1")
    assert (finding.verdict, finding.message) == (Verdict.UNDECIDED, "2 reports were lost")
    assert judged(Breaks(doubts=doubts)).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_broken_is_vacuous(level: str) -> None:
    finding = judged(Breaks(dict.fromkeys(Level, 0)), level)
    assert finding.verdict is Verdict.VACUOUS
    assert judged(Breaks(), level).verdict is Verdict.VACUOUS


@pytest.mark.parametrize("level", Level)
def test_breaks_of_another_level_leave_it_vacuous(level: Level) -> None:
    others = {other: 7 for other in Level if other is not level}
    assert judged(Breaks(others), str(level)).verdict is Verdict.VACUOUS
    assert judged(Breaks(others)).verdict is Verdict.PASS


@pytest.mark.parametrize("breaks", [None, Breaks(KEPT.broken, problem="the sanitizer did not load")])
def test_without_a_sanitizer_it_is_undecided(breaks: Breaks | None) -> None:
    finding = judged(breaks)
    assert finding.verdict is Verdict.UNDECIDED
    assert "sanitizer" in finding.message


def test_what_it_does_not_take() -> None:
    with pytest.raises(UserError, match="takes no scope"):
        judged(KEPT, scope=Scope(after="m"))
    with pytest.raises(UserError, match="level: 'l3' is not one of any, l0, l1, l2"):
        judged(KEPT, "l3")
