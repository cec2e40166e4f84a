# SPDX-License-Identifier: GPL-2.0-only
"""Attempts on a stack that answers from a script: whatever breaks on the way, what can be had is had."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.attempt import judgement, shadows
from harness.attempt.evidence import Attempt, RunEnding
from harness.attempt.job import Job
from harness.attempt.observe import Observer, plan_of
from harness.attempt.steps import StepRunner
from harness.attempt.undertake import PlannedAttempt, undertake
from harness.check.finding import Finding
from harness.check.shadow import Look
from harness.errors import InfraError
from harness.level import Level
from harness.machine.process import CpuTime
from harness.machine.qemu import CpuState
from harness.runner.project import vocabulary
from harness.scenario.language import Cell
from harness.scenario.load import load_file
from harness.stack.broken import LevelBroken
from harness.stack.images import StackImages
from harness.verdict import Verdict, of_cell
from tests.attempt.fake import Answer, FakeStack

PASS, FAIL, UNDECIDED, INFRA = Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED, Verdict.INFRA
PANIC = "[    1.000000] Kernel panic - not syncing: Attempted to kill init!"
DMESG = Answer("12.5 3.0\n[    0.000000] Booting Linux\n")
TEXT = """\
scenario: made-up
summary: Loads L1 while something happens at L2.
steps:
  - boot: l2
  - run: load --for ever
    on: l1
    name: load
    background: true
  - run: happen
    on: l2
    name: happen
    mark: happen
expect:
  - result: happened
    of: happen
  - existence: emulated
    of: {event: l0.tlbi}
    scope: happen
"""
WAITS = """\
  - wait-for: {output: never to be seen, of: load}
    timeout: 30
expect:
"""


class Stages:
    def __init__(self) -> None:
        self.begun: list[str] = []

    def begin(self, name: str) -> None:
        self.begun.append(name)


class Attempted:
    """One attempt at ``text`` on ``stack``, and the judgement on it."""

    def __init__(
        self,
        tmp_path: Path,
        images: StackImages,
        stack: FakeStack,
        text: str = TEXT,
        until: float | None = None,
    ) -> None:
        path = tmp_path / "made-up.yaml"
        path.write_text(text)
        self.cell: Cell = load_file(path, vocabulary())[0]
        self.directory = tmp_path / "cell"
        self.directory.mkdir()
        self.observer = Observer(stack.as_stack, plan_of(self.cell.expectations), self.directory)
        runner = StepRunner(stack.as_stack, self.observer, self.directory, tmp_path)
        job = Job(self.cell, images, "slug", "./nvh run it")
        self.facts: dict[str, str] = {}
        work = PlannedAttempt(job, stack.as_stack, runner, None, self.directory, Stages(), until)
        self.attempt: Attempt = undertake(work, self.facts)
        found, self.reason = judgement.try_to_judge(self.cell.expectations, self.attempt)
        self.findings: dict[str, Finding] = {each.name: each for each in found}

    @property
    def verdict(self) -> Verdict:
        return of_cell([each.verdict for each in self.findings.values()], infra=bool(self.reason))

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()


def stack(script: dict[str, Answer] | None = None, **changes: object) -> FakeStack:
    """A stack on which everything goes well but for ``script`` and ``changes``; the load goes on for ever."""
    usual = {"dmesg": DMESG, "^load": Answer("one\ntwo\nthree\nfour\n", status=None)}
    own = script or {}
    rest = {wanted: answer for wanted, answer in usual.items() if wanted not in own}
    return FakeStack({**own, **rest}, **changes)  # type: ignore[arg-type]


def test_attempt_at_which_nothing_breaks(tmp_path: Path, images: StackImages) -> None:
    done = Attempted(tmp_path, images, stack())
    assert done.attempt.complete
    assert done.findings["happened"].verdict is PASS
    assert {done.findings[f"no-splat-{level}"].verdict for level in Level} == {PASS}
    assert "load" not in done.findings  # we ended it
    assert done.attempt.runs["load"].ending is RunEnding.STOPPED
    assert done.read("output/load.stdout") == "one\ntwo\nthree\nfour\n"
    assert done.read("l1.dmesg.log") == "[    0.000000] Booting Linux\n"
    assert done.observer.guest_seconds == 12.5
    assert not done.reason
    assert FAIL not in {each.verdict for each in done.findings.values()}


@pytest.mark.parametrize("level", list(Level))
def test_level_that_does_not_come_up(tmp_path: Path, images: StackImages, level: Level) -> None:
    error = LevelBroken(level, "its agent did not answer within 240 s", "no init found", booting=True)
    cpus = [CpuState(0xFFFF800080010000, 2, ())]
    done = Attempted(tmp_path, images, stack(boots={level: error}, cpus=cpus if level is Level.L0 else []))
    found = done.findings[f"boot-{level}"]
    assert (found.kind, found.verdict, done.verdict) == ("boot", FAIL, FAIL)
    assert found.message.startswith(f"{level}: did not come up: its agent did not answer within 240 s\n")
    assert found.message.endswith("no init found")
    if level is Level.L0:
        assert "cpu0 of the machine: 0xffff800080010000 at EL2 of L0" in found.message
    assert done.findings[f"no-splat-{level}"].verdict is UNDECIDED
    assert done.findings["happened"].verdict is UNDECIDED
    for below in Level:
        if below < level:
            assert done.findings[f"no-splat-{below}"].verdict is PASS  # those that live are asked


def test_panic_before_the_agent_is_reported_too(tmp_path: Path, images: StackImages) -> None:
    error = LevelBroken(Level.L1, "its VMM at l0 ended with status 0: it reset", PANIC, booting=True)
    broken = stack(boots={Level.L1: error})
    broken.during_boot = lambda level: broken.printed.update({level: PANIC if level is Level.L1 else ""})
    done = Attempted(tmp_path, images, broken)
    assert done.findings["boot-l1"].verdict is FAIL
    assert done.findings["no-splat-l1"].verdict is FAIL


def test_host_that_is_full_is_no_fault_of_the_kernel(tmp_path: Path, images: StackImages) -> None:
    done = Attempted(tmp_path, images, stack(boots={Level.L1: InfraError("No space left on device")}))
    assert (done.verdict, done.reason) == (INFRA, "No space left on device")
    assert not [name for name in done.findings if name.startswith(("boot-", "level-"))]


@pytest.mark.parametrize("where", ["happen.begin", "happen.end"])
def test_hang_while_a_mark_is_written(tmp_path: Path, images: StackImages, where: str) -> None:
    """The TimeoutError that took the whole result with it, with the splat that explains the hang."""
    broken = stack({where.replace(".", r"\."): Answer(status=None, silent=True)})
    broken.during_boot = lambda level: broken.printed.update({level: PANIC if level is Level.L0 else ""})
    done = Attempted(tmp_path, images, broken)
    assert done.findings["step"].verdict is FAIL
    assert "still runs after 120 s" in done.findings["step"].message
    assert "the machine is fake" in done.findings["step"].message
    assert done.findings["level-l0"].verdict is FAIL
    assert done.findings["no-splat-l0"].verdict is FAIL
    assert done.findings["no-splat-l1"].verdict is UNDECIDED
    assert (done.directory / "timeline.jsonl").exists()


@pytest.mark.parametrize(
    ("spent", "machine", "verdict"),
    [
        (CpuTime(40.0, 100.0), "the machine is busy: its CPUs execute code", INFRA),
        (CpuTime(40.0, 100.0), "the machine is hung: every CPU of the machine spins", FAIL),
        (CpuTime(90.0, 100.0), "the machine is busy: its CPUs execute code", FAIL),
    ],
)
def test_deadline_of_a_machine_that_the_host_starved_is_no_finding(
    tmp_path: Path,
    images: StackImages,
    monkeypatch: pytest.MonkeyPatch,
    spent: CpuTime,
    machine: str,
    verdict: Verdict,
) -> None:
    """A deadline is of the host's clock; only what made no progress in model time hangs whatever the host."""
    monkeypatch.setattr(FakeStack, "diagnose", lambda _: machine)
    done = Attempted(tmp_path, images, stack({"happen.begin": Answer(status=None)}, spent=spent))
    assert done.verdict is verdict
    assert ("step" in done.findings) is (verdict is FAIL)
    assert ("the host gave QEMU 40% of the CPU time" in done.reason) is (verdict is INFRA)


@pytest.mark.parametrize(
    ("machine", "verdict"),
    [("the machine is slow: the host gave it nothing", INFRA), ("the machine is hung: it is idle", FAIL)],
)
def test_level_that_is_silent_because_the_host_starved_it_is_no_finding(
    tmp_path: Path,
    images: StackImages,
    monkeypatch: pytest.MonkeyPatch,
    machine: str,
    verdict: Verdict,
) -> None:
    monkeypatch.setattr(FakeStack, "diagnose", lambda _: machine)
    script = {"nvh-section": Answer(status=None, silent=True)}
    done = Attempted(tmp_path, images, stack(script, spent=CpuTime(40.0, 100.0)))
    assert done.verdict is verdict
    assert ("level-l0" in done.findings) is (verdict is FAIL)


@pytest.mark.parametrize("level", [Level.L0])
def test_hang_while_traces_are_collected(tmp_path: Path, images: StackImages, level: Level) -> None:
    done = Attempted(tmp_path, images, stack({"nvh-section": Answer(status=None, silent=True)}))
    assert done.attempt.complete
    assert level in done.attempt.untraced
    assert done.findings["happened"].verdict is PASS  # it had ended before
    assert done.findings["emulated"].verdict is UNDECIDED
    assert done.findings[f"level-{level}"].verdict is FAIL
    assert done.verdict is FAIL


@pytest.mark.parametrize("level", list(Level))
def test_level_that_answers_no_more_at_the_end(tmp_path: Path, images: StackImages, level: Level) -> None:
    """Silently not read, and passed: what a dead stack was."""
    dying = stack({"dmesg": DMESG})
    dying.deaf = level
    done = Attempted(tmp_path, images, dying)
    assert done.findings[f"level-{level}"].verdict is FAIL
    for each in Level:
        assert done.findings[f"no-splat-{each}"].verdict is (PASS if each < level else UNDECIDED)


def test_hang_while_the_machine_is_looked_into(
    tmp_path: Path, images: StackImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its two looks, ``shadow-subset`` lets the machine run on."""
    monkeypatch.setattr(shadows, "_look", lambda *_: Look())
    text = TEXT + "  - oracle: shadow-subset\n"
    hangs = Attempted(tmp_path, images, stack({"^sleep 1$": Answer(status=None, silent=True)}), text)
    assert hangs.findings["level-l0"].verdict is FAIL
    assert not hangs.reason


def test_level_that_dies_in_a_step(tmp_path: Path, images: StackImages) -> None:
    dies = LevelBroken(Level.L1, "its VMM at l0 ended with status 0: it reset or powered off")
    done = Attempted(tmp_path, images, stack({"^happen$": Answer("begun\n", dies=dies)}))
    assert (done.findings["level-l1"].kind, done.findings["level-l1"].verdict) == ("level", FAIL)
    assert done.findings["happened"].verdict is UNDECIDED
    assert done.attempt.runs["happen"].ending is RunEnding.LOST
    assert done.read("output/happen.stdout") == "begun\n"
    assert done.read("output/load.stdout")
    assert not done.reason


def test_qemu_killed_in_a_step_is_infra(tmp_path: Path, images: StackImages) -> None:
    dies = InfraError("QEMU ended with signal 9: it printed nothing")
    done = Attempted(tmp_path, images, stack({"^happen$": Answer("begun\n", dies=dies)}))
    assert done.reason == str(dies)
    assert done.verdict is INFRA
    assert FAIL not in {each.verdict for each in done.findings.values()}


@pytest.mark.parametrize(
    ("load", "ending", "words"),
    [
        (
            Answer("", 127, "sh: no-such-program: not found\n"),
            RunEnding.ENDED,
            "ended with status 127: sh: no-",
        ),
        (Answer("so far\n", 256 + 11), RunEnding.ENDED, "ended with status 267: so far"),
        (
            Answer(error="spawn failed: Cannot allocate memory"),
            RunEnding.REFUSED,
            "never started: the agent at l1",
        ),
    ],
)
def test_background_run_is_judged(
    tmp_path: Path, images: StackImages, load: Answer, ending: RunEnding, words: str
) -> None:
    done = Attempted(tmp_path, images, stack({"^load": load}))
    assert done.attempt.complete
    assert done.attempt.runs["load"].ending is ending
    assert (done.findings["load"].kind, done.findings["load"].verdict) == ("run", FAIL)
    assert words in done.findings["load"].message
    assert done.read("output/load.stderr") == load.stderr
    assert done.verdict is FAIL


def test_what_is_sent_reaches_the_run_and_no_other(tmp_path: Path, images: StackImages) -> None:
    text = TEXT.replace("  - run: happen", '  - send: "go\\r"\n    to: load\n  - run: happen')
    machine = stack()
    done = Attempted(tmp_path, images, machine, text)
    assert done.attempt.complete
    assert machine.fed["load --for ever"] == [b"go\r"]
    assert machine.fed["happen"] == [b""]  # its input is closed at once
    assert "# to load: 'go\\r'" in done.read("commands.log")


def test_a_run_that_has_ended_takes_nothing(tmp_path: Path, images: StackImages) -> None:
    text = TEXT.replace("  - run: happen", "  - send: go\n    to: load\n  - run: happen")
    done = Attempted(tmp_path, images, stack({"^load": Answer("", 0, "no console\n")}), text)
    assert done.findings["step"].verdict is FAIL
    assert "run load has ended before 'go' was sent" in done.findings["step"].message
    assert "no console" in done.findings["step"].message


def test_result_may_expect_a_background_run_to_fail(tmp_path: Path, images: StackImages) -> None:
    text = TEXT + "  - result: refused\n    of: load\n    exit: 127\n"
    done = Attempted(tmp_path, images, stack({"^load": Answer(status=127)}), text)
    assert "load" not in done.findings
    assert done.findings["refused"].verdict is PASS


def test_background_run_that_is_waited_for_is_judged(tmp_path: Path, images: StackImages) -> None:
    text = TEXT.replace("expect:\n", "  - wait-for: {process: load}\nexpect:\n")
    done = Attempted(tmp_path, images, stack({"^load": Answer("", 4, "lost its way\n")}), text)
    assert done.findings["load"].verdict is FAIL
    assert "ended with status 4: lost its way" in done.findings["load"].message


def test_deadline_of_a_step_keeps_the_evidence(
    tmp_path: Path, images: StackImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10**6, 10))
    monkeypatch.setattr("harness.attempt.steps.time.monotonic", lambda: float(next(clock)))
    text = TEXT.replace("expect:\n", WAITS)
    done = Attempted(tmp_path, images, stack({"trace": Answer("some trace")}, clock=lambda: 0.0), text)
    step = done.findings["step"]
    assert (step.kind, step.verdict) == ("deadline", FAIL)
    assert "no match within 60 s for 'never to be seen' in the output of load" in step.message  # 30 s, scaled
    assert "its last output: two | three | four" in step.message
    assert "the machine is fake" in step.message
    assert done.read("output/load.stdout") == "one\ntwo\nthree\nfour\n"
    assert done.attempt.runs["load"].ending is RunEnding.STOPPED
    assert done.read("l0.trace.txt") == "some trace"
    assert (done.directory / "timeline.jsonl").exists()
    assert done.findings["happened"].verdict is PASS
    assert {done.findings[f"no-splat-{level}"].verdict for level in Level} == {PASS}


def test_deadline_of_the_cell_keeps_the_evidence(tmp_path: Path, images: StackImages) -> None:
    """What is collected afterwards has time of its own."""
    broken = stack({"^happen$": Answer("begun\n", status=None)})
    done = Attempted(tmp_path, images, broken, until=0.0)
    assert "'happen' at l2 still runs after the cell's deadline" in done.findings["step"].message
    assert broken.until is None
    assert done.findings["no-splat-l2"].verdict is PASS
    assert done.verdict is FAIL


def test_run_that_does_not_end_in_time_keeps_its_output(tmp_path: Path, images: StackImages) -> None:
    done = Attempted(tmp_path, images, stack({"^happen$": Answer("begun\n", status=None)}))
    step = done.findings["step"]
    assert "'happen' at l2 still runs after" in step.message
    assert "its last output: begun" in step.message
    assert done.findings["happened"].verdict is FAIL
    assert done.attempt.runs["happen"].ending is RunEnding.LATE
    assert done.read("output/happen.stdout") == "begun\n"


def test_error_of_ours_while_observing_is_infra(tmp_path: Path, images: StackImages) -> None:
    done = Attempted(tmp_path, images, stack({r"happen\.begin": Answer(status=1, stderr="no such file")}))
    assert done.reason == "observing l0 failed with status 1: no such file"
    assert FAIL not in {each.verdict for each in done.findings.values()}
