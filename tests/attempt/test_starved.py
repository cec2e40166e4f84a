# SPDX-License-Identifier: GPL-2.0-only
"""A host that lets vCPUs stand still makes no finding of it, and takes none away that has another reason."""

from __future__ import annotations

import pytest

from harness.attempt import starved
from harness.check.finding import Finding, RunResult
from harness.errors import Location
from harness.litmus.population import STATUS_LOST
from harness.machine.process import CpuTime
from harness.scenario.language import ResultCheck
from harness.verdict import Verdict

WHY = "the host gave QEMU 40% of the CPU time that it wanted"
CHECK = ResultCheck(Location("mine.yaml"), "all-passed", "litmus", values={"failed": 0, "vacuous": 0})
OTHER = ResultCheck(Location("mine.yaml"), "said", "say")
FAILED = Finding("all-passed", "result", Verdict.FAIL, "vacuous=2, expected 0")
LINE = (
    "population=nvh-litmus selected=60 run={run} cut={cut} judged={judged} passed={passed} failed={failed} "
    "vacuous={vacuous} unable_to_fail=0 not_applicable=0 seen=20 direct=0 unobservable=0 free={free} lost=32 "
    "worst=16 worst_case=x names=d4388670518929ab features=pages-4k,cpus-2 reasons=none\n"
)


def run(status: int | None = STATUS_LOST, **words: int) -> RunResult:
    values = {"run": 60, "cut": 0, "judged": 58, "failed": 0, "vacuous": 2} | words
    values |= {"passed": values["judged"] - values["failed"], "free": values["judged"] - 20}
    return RunResult(status, LINE.format(**values))


@pytest.mark.parametrize(
    ("work", "deterministic", "is_so"),
    [
        (CpuTime(40.0, 100.0), False, True),
        (CpuTime(40.0, 100.0), True, False),  # one order, whatever the host does
        (CpuTime(90.0, 100.0), False, True),  # the host need not be busy for that
        (CpuTime(0.0, 0.0), False, False),  # nothing was ever started
    ],
)
def test_who_is_starved(work: CpuTime, deterministic: bool, is_so: bool) -> None:
    assert bool(starved.why(work, deterministic=deterministic)) is is_so


def test_controls_lost_are_no_failure_of_what_is_under_test() -> None:
    (found,) = starved.in_doubt([FAILED], [CHECK], {"litmus": run()}, WHY)
    assert found.verdict is Verdict.UNDECIDED
    assert found.message == f"vacuous=2, expected 0; {WHY}"


@pytest.mark.parametrize(
    "result",
    [
        run(failed=1),
        run(status=0),
        run(status=1),
        run(status=256 + 11),
        run(status=None),
        run(cut=2, run=58, judged=56),
        run(judged=57),  # one hung
        run(vacuous=0, judged=60),
        RunResult(1, "population=nvh-litmus selected=1\n"),
        RunResult(1, "vacuous=2 failed=0\n"),
        RunResult(1, run().stdout + run(failed=1).stdout),
    ],
)
def test_what_failed_for_another_reason_stays(result: RunResult) -> None:
    assert starved.in_doubt([FAILED], [CHECK], {"litmus": result}, WHY) == [FAILED]


def test_nothing_else_changes() -> None:
    passed = Finding("all-passed", "result", Verdict.PASS, "")
    event = Finding("all-passed", "response", Verdict.FAIL, "")
    said = Finding("said", "result", Verdict.FAIL, "")
    found = [passed, event, said]
    results = {"litmus": run(), "say": RunResult(1, "")}
    assert starved.in_doubt(found, [CHECK, OTHER], results, WHY) == found
    assert starved.in_doubt([FAILED], [CHECK], {"litmus": run()}, "") == [FAILED]
    assert starved.in_doubt([FAILED], [CHECK], {}, WHY) == [FAILED]


def test_a_full_disk_takes_back_all_but_splats() -> None:
    splat = Finding("no-splat-l0", "console", Verdict.FAIL, "WARNING: at mm/x.c:1")
    passed = Finding("said", "result", Verdict.PASS, "")
    found = starved.of_files([FAILED, splat, passed], "the disk is full")
    assert [each.verdict for each in found] == [Verdict.UNDECIDED, Verdict.FAIL, Verdict.PASS]
    assert found[0].message == "vacuous=2, expected 0; the disk is full"
