# SPDX-License-Identifier: GPL-2.0-only
"""The judgement on attempts, recorded or made up: the unseen never passes, what broke never hides."""

from __future__ import annotations

import dataclasses

import pytest

from harness.attempt import judgement
from harness.attempt.evidence import Attempt, Late, Ran, RunEnding
from harness.check.corpus.recording import files, read
from harness.check.finding import Finding, RunResult
from harness.errors import Broken
from harness.host.paths import SCENARIOS
from harness.level import Level
from harness.runner.project import vocabulary
from harness.scenario.language import (
    Absence,
    Cell,
    ConsoleCheck,
    Existence,
    Expectation,
    PythonCheck,
    Response,
    ResultCheck,
    Run,
    Scope,
    WaitFor,
)
from harness.scenario.load import load_file
from harness.stack.broken import LevelBroken
from harness.trace.timeline import Timeline
from harness.verdict import Verdict, of_cell
from tests.check.build import ANYWHERE, HERE, event, mark, pattern, timeline

PASS, FAIL, UNDECIDED, INFRA = Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED, Verdict.INFRA
PANIC = "[    1.000000] Kernel panic - not syncing: sysrq triggered crash\n"
SCOPE = Scope("run.begin", "run.end")
WHEN, THEN = pattern("l0.tlbi", vmid="$v"), pattern("l0.shadow_unmap", vmid="$v")


def step(name: str = "work", *, background: bool = False) -> Run:
    return Run(HERE, 30.0, Level.L1, "do something", name, background)


def ran(ending: RunEnding, status: int | None = None, why: str = "", *, background: bool = True) -> Ran:
    return Ran(step(background=background), ending, RunResult(status, "said\n", "wrong\n"), why)


def attempt(**changes: object) -> Attempt:
    """A whole attempt of which everything was seen, and nothing happened."""
    quiet = dict.fromkeys(Level, "")
    fields: dict[str, object] = {"complete": True, "timeline": timeline(), "consoles": quiet}
    return Attempt(HERE, **{**fields, **changes})  # type: ignore[arg-type]


def by_name(found: list[Finding]) -> dict[str, Finding]:
    return {each.name: each for each in found}


def verdict(found: list[Finding], reason: str = "") -> Verdict:
    return of_cell([each.verdict for each in found], infra=bool(reason))


@pytest.fixture(scope="module")
def three_levels() -> tuple[Cell, Timeline]:
    path = SCENARIOS / "boot" / "three-levels.yaml"
    (recorded,) = files(path, "three-levels")
    return load_file(path, vocabulary())[0], read(recorded).timeline


def whole(three_levels: tuple[Cell, Timeline], **changes: object) -> tuple[tuple[Expectation, ...], Attempt]:
    """The recorded attempt at ``three-levels``, as it was but for ``changes``."""
    cell, seen = three_levels
    answer = next(each for each in cell.steps if isinstance(each, Run))
    runs = {answer.name: Ran(answer, RunEnding.ENDED, RunResult(0, "7.3.4\n", ""))}
    return cell.expectations, attempt(**{"timeline": seen, "runs": runs, **changes})


def test_recorded_attempt_passes(three_levels: tuple[Cell, Timeline]) -> None:
    found = judgement.judge(*whole(three_levels))
    assert {each.verdict for each in found} == {PASS}
    assert {f"no-splat-{level}" for level in Level} < {each.name for each in found}


def test_recorded_attempt_with_a_panic_fails(three_levels: tuple[Cell, Timeline]) -> None:
    consoles = {Level.L0: "", Level.L1: PANIC, Level.L2: ""}
    found = by_name(judgement.judge(*whole(three_levels, consoles=consoles)))
    assert found["no-splat-l1"].verdict is FAIL
    assert "sysrq triggered crash" in found["no-splat-l1"].message


@pytest.mark.parametrize("level", list(Level))
def test_level_that_does_not_come_up_fails(three_levels: tuple[Cell, Timeline], level: Level) -> None:
    """Today's infrastructure error of a kernel whose L1 hangs at boot."""
    error = LevelBroken(level, "its agent did not answer within 240 s", "the console's end", booting=True)
    expectations, seen = whole(three_levels, complete=False, runs={})
    seen.broken = [(error, "cpu0 of the machine: 0x1000 wait_for_ever+0x8 at EL2 of L0")]
    seen.consoles = {each: "" for each in Level if each <= level}
    seen.unread = {level: "it did not come up"}
    found = by_name(judgement.judge(expectations, seen))
    boot = found[f"boot-{level}"]
    assert (boot.kind, boot.verdict) == ("boot", FAIL)
    cause, executed, console = boot.message.splitlines()
    assert cause == f"{level}: did not come up: its agent did not answer within 240 s"
    assert executed.endswith("wait_for_ever+0x8 at EL2 of L0")
    assert console == "the console's end"
    assert found[f"no-splat-{level}"].verdict is UNDECIDED
    assert found["l2-answers"].verdict is UNDECIDED
    assert verdict(list(found.values())) is FAIL


@pytest.mark.parametrize(
    ("error", "name", "kind"),
    [
        (LevelBroken(Level.L2, "it does not answer any more"), "level-l2", "level"),
        (Broken("the model crashed: SIGSEGV", kind="boot", name="model-crash"), "model-crash", "boot"),
    ],
)
def test_level_that_died_and_model_that_crashed_fail(error: Broken, name: str, kind: str) -> None:
    found = by_name(judgement.judge((), attempt(broken=[(error, "")])))
    assert (found[name].kind, found[name].verdict) == (kind, FAIL)
    assert found[name].message == str(error)


def test_stack_that_answers_no_more_never_passes() -> None:
    unread = dict.fromkeys(Level, "l0 does not answer")
    found = by_name(judgement.judge((), attempt(unread=unread)))
    assert {found[f"no-splat-{level}"].verdict for level in Level} == {UNDECIDED}
    assert "its log could not be read: l0 does not answer" in found["no-splat-l2"].message
    assert verdict(list(found.values())) is UNDECIDED


def test_splat_on_the_console_of_a_dead_level_fails() -> None:
    consoles = {Level.L0: PANIC, Level.L1: ""}
    unread = {Level.L0: "l0 does not answer", Level.L1: "l0 does not answer"}
    found = by_name(judgement.judge((), attempt(consoles=consoles, unread=unread)))
    assert [found[f"no-splat-{level}"].verdict for level in consoles] == [FAIL, UNDECIDED]


def test_what_lacks_on_an_unread_console_is_undecided() -> None:
    lacks = ConsoleCheck(HERE, "quiet", Level.L1, "panic", negated=True)
    has = ConsoleCheck(HERE, "loud", Level.L1, "panic")
    unread = {Level.L1: "l1 does not answer"}
    for text, verdicts in (("", (UNDECIDED, UNDECIDED)), ("panic", (FAIL, PASS))):
        seen = attempt(consoles={Level.L1: text}, unread=unread)
        found = by_name(judgement.judge((lacks, has), seen))
        assert (found["quiet"].verdict, found["loud"].verdict) == verdicts


@pytest.mark.parametrize(
    ("one", "red"),
    [
        (ran(RunEnding.ENDED, 0), False),
        (ran(RunEnding.ENDED, 127), True),  # no-such-program as a background load
        (ran(RunEnding.ENDED, 256 + 11), True),
        (ran(RunEnding.ENDED, 127, background=False), True),
        (ran(RunEnding.STOPPED), False),  # we killed it at the end of the cell
        (ran(RunEnding.REFUSED, why="spawn failed"), True),
        (ran(RunEnding.LOST, why="l1 went away"), False),  # its level is the news
    ],
)
def test_runs_are_judged_however_they_ended(one: Ran, red: bool) -> None:
    found = by_name(judgement.judge((), attempt(runs={"work": one})))
    assert ("work" in found) is red
    if red:
        assert found["work"].verdict is FAIL
        assert "'do something' at l1" in found["work"].message


@pytest.mark.parametrize(
    ("one", "exit_", "expected"),
    [
        (ran(RunEnding.ENDED, 3), 3, PASS),
        (ran(RunEnding.ENDED, 3), 0, FAIL),
        (ran(RunEnding.STOPPED), 0, FAIL),
        (ran(RunEnding.STOPPED), None, PASS),
        (ran(RunEnding.LATE), 0, FAIL),
        (ran(RunEnding.LOST, why="l1 went away"), 0, UNDECIDED),
    ],
)
def test_result_covers_a_run(one: Ran, exit_: int | None, expected: Verdict) -> None:
    found = judgement.judge((ResultCheck(HERE, "ended", "work", exit_),), attempt(runs={"work": one}))
    assert {each.name: each.verdict for each in found if each.kind in ("result", "run")} == {
        "ended": expected
    }


def test_result_does_not_cover_a_run_that_never_started() -> None:
    runs = {"work": ran(RunEnding.REFUSED, why="spawn failed")}
    found = by_name(judgement.judge((ResultCheck(HERE, "ended", "work", None),), attempt(runs=runs)))
    assert (found["work"].verdict, found["ended"].verdict) == (FAIL, UNDECIDED)


MATCHED = (event("l0.tlbi", 1, vmid=3), event("l0.shadow_unmap", 2, vmid=3))
OPEN = (mark("run.begin", 0), *MATCHED)
CLOSED = (*OPEN, mark("run.end", 3))


@pytest.mark.parametrize(
    ("expectation", "items", "expected"),
    [
        # What was seen is seen, what did not come may have come later.
        (Absence(HERE, "e", WHEN, ANYWHERE), OPEN, FAIL),
        (Absence(HERE, "e", pattern("l0.tlbi", vmid=9), ANYWHERE, WHEN), OPEN, UNDECIDED),
        (Existence(HERE, "e", pattern("l0.tlbi", vmid=9), ANYWHERE), OPEN, UNDECIDED),
        (Existence(HERE, "e", WHEN, ANYWHERE), OPEN, UNDECIDED),
        (Response(HERE, "e", WHEN, THEN, ANYWHERE), OPEN, UNDECIDED),
        (Response(HERE, "e", WHEN, pattern("l0.tlbi", vmid=9), ANYWHERE), OPEN, UNDECIDED),
        # A scope whose last mark was written is over.
        (Response(HERE, "e", WHEN, THEN, SCOPE), CLOSED, PASS),
        (Response(HERE, "e", WHEN, pattern("l0.tlbi", vmid=9), SCOPE), CLOSED, FAIL),
        (Response(HERE, "e", WHEN, THEN, SCOPE), OPEN, UNDECIDED),
    ],
)
def test_attempt_that_was_cut_short_is_judged_as_far_as_it_went(
    expectation: Expectation, items: tuple[object, ...], expected: Verdict
) -> None:
    seen = timeline(*items)  # type: ignore[arg-type]
    late = Late(WaitFor(HERE, 30.0, Level.L1, console="x"), "no match within 60 s")
    found = by_name(judgement.judge((expectation,), attempt(complete=False, late=late, timeline=seen)))
    assert found["e"].verdict is expected
    assert (found["step"].kind, found["step"].verdict) == ("deadline", FAIL)
    if expected is UNDECIDED and items is OPEN and isinstance(expectation, Existence):
        assert found["e"].message.startswith("the cell was cut short; so far: ")


def test_whole_attempt_is_judged_by_the_same_rules() -> None:
    """The control: the undecided ones above are decided when nothing was cut short."""
    missing = Existence(HERE, "e", pattern("l0.tlbi", vmid=9), ANYWHERE)
    assert by_name(judgement.judge((missing,), attempt(timeline=timeline(*OPEN))))["e"].verdict is FAIL


def test_without_traces_nothing_about_events_is_decided() -> None:
    python = PythonCheck(
        HERE, "p", "x.py", "def p(seen):\n    return seen.failed('no event')\n", "p", ("l0.tlbi",), ANYWHERE
    )
    absent = Absence(HERE, "a", WHEN, ANYWHERE)
    for changes in ({"timeline": None}, {"untraced": {Level.L0: "l0 does not answer"}}):
        found = by_name(judgement.judge((python, absent), attempt(**changes)))
        assert found["p"].verdict is UNDECIDED
    assert by_name(judgement.judge((absent,), attempt(timeline=None)))["a"].verdict is UNDECIDED


def test_infrastructure_error_is_one_if_nothing_broke() -> None:
    seen = attempt(complete=False, reason="QEMU ended with signal 9", unread={Level.L0: "QEMU is gone"})
    found, reason = judgement.try_to_judge((), seen)
    assert reason == "QEMU ended with signal 9"
    assert verdict(found, reason) is INFRA


def test_violation_outweighs_what_nvh_did_wrong() -> None:
    seen = attempt(complete=False, reason="QEMU ended with signal 9", consoles={Level.L0: PANIC})
    assert verdict(*judgement.try_to_judge((), seen)) is FAIL


def test_expectation_that_makes_no_sense_loses_nothing_else() -> None:
    wrong = Existence(HERE, "e", WHEN, ANYWHERE, "many")
    seen = attempt(consoles={Level.L0: PANIC})
    found, reason = judgement.try_to_judge((wrong,), seen)
    assert "many" in reason
    assert by_name(found)["no-splat-l0"].verdict is FAIL


def test_bindings_and_trigger_stay_with_a_finding_that_became_undecided() -> None:
    python = Response(HERE, "e", WHEN, pattern("l0.tlbi", vmid=9), ANYWHERE)
    seen = attempt(complete=False, timeline=timeline(*OPEN))
    (found,) = [each for each in judgement.judge((python,), seen) if each.name == "e"]
    sure = judgement.judge((python,), dataclasses.replace(seen, complete=True))[0]
    assert sure.trigger is not None
    assert (found.trigger, found.bindings) == (sure.trigger, sure.bindings)
