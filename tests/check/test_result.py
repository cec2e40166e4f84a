# SPDX-License-Identifier: GPL-2.0-only
"""``result``: exit status, output, values."""

from __future__ import annotations

import dataclasses

import pytest

from harness.check.evaluate import evaluate
from harness.check.finding import Finding, RunResult
from harness.errors import InputError, Location
from harness.scenario.language import ResultCheck
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

GOOD = RunResult(0, "ops=12 failed=0\nrate=7 mode=fast\n", "note: done\n")
CHECK = ResultCheck(
    Location("s.yaml", 4), "r", "stress", stdout="^rate=", stderr="done", values={"ops": ">= 10", "failed": 0}
)


def judge(check: ResultCheck, result: RunResult) -> Finding:
    return evaluate([check], Timeline(), {"stress": result}, {})[0]


def test_good() -> None:
    assert judge(CHECK, GOOD).verdict is Verdict.PASS
    assert (
        judge(dataclasses.replace(CHECK, values={"mode": "fast|slow", "rate": "!= 8"}), GOOD).verdict
        is Verdict.PASS
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": 3}, "ended with exit 3"),
        ({"status": 256 + 9}, "SIGKILL"),
        ({"status": 256 + 200}, "signal 200"),
        ({"status": None}, "did not end"),
        ({"stdout": "ops=12 failed=0\n"}, "stdout does not match"),
        ({"stderr": ""}, "stderr does not match"),
        ({"stdout": "rate=1\nops=12\n"}, "failed is not in the output"),
        ({"stdout": "rate=1\n\nrate=2 ops=9 failed=0\n"}, "ops=9, expected >= 10"),
        ({"stdout": "rate=1\n\nrate=2 ops=12 ops=3 failed=0\n"}, "ops=3"),
        ({"stdout": "rate=1\n\nrate=2 ops=many failed=0\n"}, "ops=many"),
    ],
)
def test_bad(change: dict[str, object], message: str) -> None:
    finding = judge(CHECK, dataclasses.replace(GOOD, **change))  # type: ignore[arg-type]
    assert finding.verdict is Verdict.FAIL
    assert message in finding.message


def test_a_guest_that_did_not_go_on_is_no_failed_check() -> None:
    stalled = RunResult(75, 'ok=0 reason="vcpu 0 finished no pass in 200 s"\n', "")
    finding = judge(CHECK, stalled)
    assert finding.verdict is Verdict.UNDECIDED
    assert "no pass in 200 s" in finding.message
    wanted = ResultCheck(Location("s.yaml", 4), "r", "stress", exit=75)
    assert judge(wanted, stalled).verdict is Verdict.PASS
    assert judge(wanted, GOOD).verdict is Verdict.FAIL


def test_any_exit_and_never_started() -> None:
    assert (
        judge(dataclasses.replace(CHECK, exit=None), dataclasses.replace(GOOD, status=1)).verdict
        is Verdict.PASS
    )
    (finding,) = evaluate([CHECK], Timeline(), {"other": GOOD}, {})
    assert finding.verdict is Verdict.UNDECIDED
    assert "other" in finding.message


@pytest.mark.parametrize("wanted", ["< many", "$x", "a||b", ">"])
def test_condition_that_makes_no_sense(wanted: str) -> None:
    with pytest.raises(InputError, match=r"s\.yaml:4"):
        judge(dataclasses.replace(CHECK, values={"ops": wanted}), GOOD)


def test_what_the_output_lacks() -> None:
    check = dataclasses.replace(CHECK, lacks=r"^not ok|FATAL")
    assert judge(check, GOOD).verdict is Verdict.PASS
    out = judge(check, RunResult(0, GOOD.stdout + "ok 1 a\nnot ok 2 b\n", GOOD.stderr))
    err = judge(check, RunResult(0, GOOD.stdout, "note: done FATAL b\n"))
    assert out.verdict is err.verdict is Verdict.FAIL
    assert "stdout has '^not ok|FATAL': 'not ok 2 b'" in out.message
    assert "stderr has '^not ok|FATAL': 'note: done FATAL b'" in err.message


def test_a_skipped_test_tested_nothing() -> None:
    check = ResultCheck(Location("s.yaml", 4), "r", "stress", skip=4)
    skipped = judge(check, RunResult(4, "1..0 # SKIP no vPMU\n", ""))
    assert skipped.verdict is Verdict.VACUOUS
    assert "skipped its test (exit 4); its output ends in '1..0 # SKIP no vPMU'" in skipped.message
    assert judge(check, RunResult(1, "", "")).verdict is Verdict.FAIL
    assert judge(check, RunResult(0, "", "")).verdict is Verdict.PASS
    assert judge(dataclasses.replace(check, skip=None), RunResult(4, "", "")).verdict is Verdict.FAIL
