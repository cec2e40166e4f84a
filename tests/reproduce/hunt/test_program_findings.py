# SPDX-License-Identifier: GPL-2.0-only
"""What nvh-litmus printed: outcomes, findings, known defects, and how much could have been seen."""

from __future__ import annotations

import pytest

from harness.arch.table import by_name
from harness.program.addresses import Layout, value_at
from harness.program.program import Access, Context, Host, Map, Program, Tlbi, World, make_operand
from harness.program.render import prologue_lines
from harness.reproduce.hunt.program_findings import (
    ProgramOutcome,
    Sharpness,
    cause_of,
    judge,
    parse_results,
    sanitized,
    sharpness,
    tokens_of,
    totals,
)

LAYOUT = Layout(12, 0)
IPA, PA = LAYOUT.ipa(0), LAYOUT.frame(0)
OLD, FAULT = f"v={value_at(PA):#x}", f"s2-translation@{IPA:#x}"
PART = make_operand(by_name("ripas2e1is"), at=IPA, shift=12, scale=0, num=0)
"""Two pages of the block."""


def program(*operations: Tlbi) -> Program:
    return Program(
        World(12, (Context(),)),
        (
            Map("s2", 0, IPA, 2, PA, "rwx"),
            Access("read", 0, IPA),
            Map("s2", 0, IPA, 2),
            *operations,
            Tlbi(0, "vmalle1is"),
            Access("read", 0, IPA),
        ),
    )


IPAS2 = Tlbi(0, "ipas2e1is", make_operand(by_name("ipas2e1is"), at=IPA, shift=12))
RANGE = Tlbi(0, "ripas2e1is", PART)


def test_lines_become_outcomes() -> None:
    text = (
        "program=a observed=3:v=0x1,5:done verdict=pass ms=4\n"
        "program=b observed=2:s2-translation@0x1000 verdict=fail line=2 ms=3 saw=x allowed=y|z\n"
        "programs=2 passed=1 failed=1 vacuous=0 vms=2 seconds=0.50\n"
    )
    first, second = parse_results(text)
    assert first == ProgramOutcome("a", {3: "v=0x1", 5: "done"}, "pass", "ms=4")
    assert second.observed == {2: "s2-translation@0x1000"}
    assert totals(text)["failed"] == "1"


def test_what_is_no_line_is_refused() -> None:
    with pytest.raises(ValueError, match="not a result"):
        list(parse_results("program=a observed=3"))
    with pytest.raises(ValueError, match="cut off"):
        totals("program=a observed=3:v=0x1 verdict=pass ms=4\n")


def test_tokens_belong_to_actions_by_their_line() -> None:
    it = program(IPAS2)
    first = prologue_lines(it) + 1
    outcome = ProgramOutcome(
        "a", {first + 1: OLD, first + 3: "done", first + 4: "done", first + 5: FAULT}, "pass"
    )
    assert tokens_of(it, outcome) == [None, OLD, None, "done", "done", FAULT]


def test_a_stale_value_is_a_finding_with_a_cause() -> None:
    it = program(IPAS2)
    assert judge(it, [None, OLD, None, "done", "done", FAULT]) is None
    found = judge(it, [None, OLD, None, "done", "done", OLD])
    assert found is not None
    assert (found.action, found.saw, found.known) == (5, OLD, "")
    assert found.cause == cause_of(it, 5, OLD) == "v by read after ipas2e1"


def test_a_fault_at_the_wrong_address_is_one_too() -> None:
    it = program(IPAS2)
    found = judge(it, [None, OLD, None, "done", "done", "s2-translation@0x1000"])
    assert found is not None
    assert found.allowed == {FAULT}


def test_a_missing_observation_is_an_error_and_a_timeout_is_none() -> None:
    it = program(IPAS2)
    with pytest.raises(ValueError, match="nothing was observed of action 2"):
        judge(it, [None, None, None, "done", "done", FAULT])
    assert judge(it, [None, "timeout", None, "done", "done", FAULT]) is None


def test_a_known_defect_is_named_and_nothing_else_is() -> None:
    """A range that covers two pages of a block takes all of it; Linux takes the two (docs/litmus.md)."""
    seen = [None, OLD, None, "done", "done", OLD]
    found = judge(program(RANGE), seen)
    assert found is not None
    assert found.known == "defect-range-part"
    whole = judge(program(IPAS2), seen)
    assert whole is not None
    assert whole.known == ""


def test_sharp_is_what_a_missing_operation_would_show() -> None:
    seen = [None, OLD, None, "done", "done", FAULT]
    assert sharpness(program(IPAS2), seen) == Sharpness(observations=2, sharp=1, primed=1)
    assert sharpness(program(), [None, OLD, None, "done", OLD]) == Sharpness(observations=2)


def test_what_the_sanitizer_says_of_a_dirty_log_is_known_and_nothing_else_is() -> None:
    plain = program(IPAS2)
    logged = Program(plain.world, (Host("dirty-on", 0x7000), *plain.actions))
    deleted = Program(plain.world, (Host("delete", 0x7000), *plain.actions))
    assert sanitized(logged, "narrowed:stage2", "").known == "defect-dirty-log"
    assert not sanitized(plain, "narrowed:stage2", "").known
    assert not sanitized(deleted, "narrowed:stage2", "").known
    assert not sanitized(logged, "remapped:stage2", "").known
    assert not sanitized(logged, "narrowed:stage2", "", ()).known
