# SPDX-License-Identifier: GPL-2.0-only
"""A model checked step by step, those first that tell most for their time and need no kernel.

A step is one function and one row of ``STEPS``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from harness.artefacts import bare_suites, modified_code, restored, saved_registers
from harness.artefacts.bare_suites import build_model_suite
from harness.artefacts.features import require_nv2
from harness.artefacts.model import Model
from harness.artefacts.modified_code import ModifiedCode
from harness.artefacts.restored import RestoredMachine
from harness.check import model_defects
from harness.check.answers import APART, MODIFIED, RESTORED, Answers, Wrong, failures
from harness.check.model_defects import ModelDefect
from harness.errors import Broken, InfraError
from harness.host.cache import Store
from harness.nightly.model import questions
from harness.reproduce.hunt import campaign
from harness.runner.project import find_cells
from harness.runner.run import RunSpec, run_and_print
from harness.scenario.scenario import Overrides
from harness.verdict import Verdict, worst

SHOWN = 3
NAMED = 8
SEED = "1"
START = "start"
"""What comes before the first step: the model is asked for its features."""
THREADED = "mttcg"
"""The timing in which each PE has a thread of its own (images/models)."""
STACK_CELLS = ("three-levels", "covering-*")
SANITIZED_CELLS = ("three-levels",)


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What is checked and how: ``seconds`` of hunting on the bare machine, below ``out``."""

    model: Model
    name: str
    out: Path
    store: Store
    console: Console
    seconds: int = 30

    @property
    def timing(self) -> str:
        """The deterministic timing, where the model has one: a red answer is then the same again."""
        offered = self.model.spec.timings
        return next((each for each in offered if self.model.deterministic(each)), next(iter(offered)))


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step came to. ``causes`` are lines, each a cause of its own, the first to be read first."""

    verdict: Verdict
    summary: str
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step: ``kernel`` says that L0 is booted, so that artefacts of that size are built first."""

    name: str
    carry_out: Callable[[CheckRequest], StepResult]
    kernel: bool = False


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step that was carried out, and how long it took in seconds."""

    step: str
    found: StepResult
    seconds: float


@dataclass
class ModelReport:
    """All outcomes so far; ``left_out`` are the steps that were not begun."""

    model: str
    version: str
    sha256: str
    outcomes: list[StepDone] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The worst of all steps."""
        return worst(each.found.verdict for each in self.outcomes)


def ask_questions(asked: CheckRequest) -> StepResult:
    """Put all questions to the bare model, by dimension."""
    program = build_model_suite(asked.store).path / bare_suites.QUESTIONS
    with tempfile.TemporaryDirectory() as place:
        answers = questions.ask(asked.model, program, asked.timing, Path(place))
    return judge(answers, asked.model.version, model_defects.load())


def judge(answers: Answers, version: str, table: Sequence[ModelDefect]) -> StepResult:
    """Judge one run of the questions: what no known defect of this version explains is a failure."""
    new, counts = model_defects.known(
        answers.wrong, version, [each for each in table if each.group not in APART]
    )
    failed = sum(group.failed for group in answers.groups)
    told = f"{answers.checks} answers compared, {failed} wrong"
    told += _of_known(counts, complete=not answers.stopped)
    if answers.skipped:
        told += "; left out: " + ", ".join(f"{name} ({why})" for name, why in answers.skipped.items())
    causes = grouped(new)
    if failed > len(answers.wrong) and not causes:
        causes = (f"{failed - len(answers.wrong)} wrong answers beyond those that are listed",)
    if answers.stopped:
        causes = (*causes, f"the model stopped answering: {answers.stopped}")
    return StepResult(Verdict.FAIL if causes else Verdict.PASS, told, causes)


def grouped(wrong: tuple[Wrong, ...]) -> tuple[str, ...]:
    """One line for each kind of wrong answer: the first, how many are like it, and of which operations."""
    kinds: dict[tuple[str, ...], list[Wrong]] = {}
    for each in wrong:
        kinds.setdefault(each.kind, []).append(each)
    return tuple(
        f"{alike[0].group}: {alike[0]} [{alike[0].rule}]{_how_many(alike)}" for alike in kinds.values()
    )


def _how_many(alike: Sequence[Wrong]) -> str:
    if len(alike) == 1:
        return ""
    names = list(dict.fromkeys(each.operation for each in alike if each.operation))
    more = f" and {len(names) - NAMED} operations more" if len(names) > NAMED else ""
    of = f", of {', '.join(names[:NAMED])}{more}" if len(names) > 1 else ""
    return f" ({len(alike)} alike{of})"


def save_and_restore(asked: CheckRequest) -> StepResult:
    """Save the machine with a value of its own in each register, and read them after the restore.

    When all are there, a second machine is saved while everything is under way, and has to go on.
    """
    programs = build_model_suite(asked.store).path
    with tempfile.TemporaryDirectory() as place:
        seen = saved_registers.compare(asked.model, programs / bare_suites.STATE, asked.timing, Path(place))
    told = f"{seen.compared} registers compared"
    causes = tuple(map(str, seen.lost))
    if seen.failed:
        causes = (f"the model cannot restore what it saved: {seen.failed}",)
    if causes:
        return StepResult(Verdict.FAIL, told, causes)
    with tempfile.TemporaryDirectory() as place:
        found = restored.go_on(asked.model, programs / bare_suites.LIVE, asked.timing, Path(place))
    return judge_restored(found, told, asked.model.version, model_defects.load())


def judge_restored(
    found: RestoredMachine, told: str, version: str, table: Sequence[ModelDefect]
) -> StepResult:
    """Judge what a machine that was saved under way came to; ``told`` says what was seen before."""
    before = "" if found.saved else ", before it is saved"
    return _judge_apart(RESTORED, found.said, found.failed, told, version, table, before)


def _judge_apart(
    group: str,
    said: str,
    failed: str,
    told: str,
    version: str,
    table: Sequence[ModelDefect],
    when: str = "",
) -> StepResult:
    """Judge what a program of its own ``said``; ``failed``: why it did not come to its end.

    ``told`` begins the summary, ``when`` ends each cause of a wrong answer.
    """
    chosen = [each for each in table if each.group == group]
    try:
        new, counts = model_defects.known(failures(said), version, chosen)
    except ValueError as error:
        return StepResult(Verdict.FAIL, told, (f"the program says what makes no sense: {error}",))
    told += _of_known(counts, complete=not failed)
    causes = tuple(f"{cause}{when}" for cause in grouped(new))
    if failed:
        causes = (*causes, failed)
    return StepResult(Verdict.FAIL if causes else Verdict.PASS, told, causes)


def _of_known(counts: Mapping[str, int], *, complete: bool) -> str:
    """Which known defects were seen, and which were not by a run that was ``complete``."""
    seen = ", ".join(f"{count} by {name}" for name, count in counts.items() if count)
    gone = [name for name, count in counts.items() if not count and complete]
    return (f"; known: {seen}" if seen else "") + "".join(f"; {name} is not seen" for name in gone)


def modify_code(asked: CheckRequest) -> StepResult:
    """Modify an instruction while another PE executes it, each PE with a thread of its own."""
    if THREADED not in asked.model.spec.timings:
        return StepResult(Verdict.PASS, f"left out: the model has no timing {THREADED}")
    program = build_model_suite(asked.store).path / bare_suites.MODIFIED
    with tempfile.TemporaryDirectory() as place:
        found = modified_code.execute(asked.model, program, THREADED, Path(place))
    return judge_modified(found, asked.model.version, model_defects.load())


def judge_modified(found: ModifiedCode, version: str, table: Sequence[ModelDefect]) -> StepResult:
    """Judge what the PE executed: after all that the architecture asks for the old one is wrong."""
    told = f"at least {found.rounds} modifications in each way"
    return _judge_apart(MODIFIED, found.said, found.failed, told, version, table)


def hunt_bare(asked: CheckRequest) -> StepResult:
    """Run generated programs at true EL2 and judge them by the reference model."""
    wanted = campaign.Wanted(
        seconds=asked.seconds, seed=SEED, out=asked.out / "hunt", model=asked.name, bare=True, one=True
    )
    totals = campaign.hunt(wanted, Console(quiet=True))
    told = f"{totals.programs} programs, {totals.sharp.observations} observations"
    if totals.findings:
        return StepResult(
            Verdict.FAIL, told, tuple(f"{each['cause']}: {each['scenario']}" for each in totals.findings)
        )
    if totals.broken:
        return StepResult(Verdict.FAIL, told, tuple(totals.broken))
    if totals.errors or not totals.programs:
        return StepResult(Verdict.INFRA, told, tuple(totals.errors) or ("no program ran",))
    return StepResult(Verdict.PASS, told)


def _cells(asked: CheckRequest, patterns: tuple[str, ...], sanitize: str | None, name: str) -> StepResult:
    overrides = Overrides(model=asked.name, sanitize=sanitize)
    known = [cell.id for cell in find_cells([], [], overrides)]
    chosen = [each for each in patterns if any(each.rstrip("*") in cell for cell in known)]
    wanted = RunSpec(find_cells([], chosen, overrides), overrides, out=asked.out / name)
    summary = run_and_print(wanted, asked.console)
    red = [cell for cell in summary.cells if cell.verdict is not Verdict.PASS and not cell.quarantine]
    causes = tuple(f"{cell.id}: {cell.headline}" for cell in red)
    return StepResult(summary.worst, f"{len(summary.cells)} cells, {len(red)} red", causes)


def run_stack(asked: CheckRequest) -> StepResult:
    """Run the covering cells with a kernel on the model, which is saved and restored for them."""
    return _cells(asked, STACK_CELLS, None, "stack")


def boot_sanitized(asked: CheckRequest) -> StepResult:
    """Boot all levels while the sanitizer judges what the model itself does."""
    return _cells(asked, SANITIZED_CELLS, "model", "sanitized")


STEPS = (
    CheckStep("questions", ask_questions),
    CheckStep("save-restore", save_and_restore),
    CheckStep("modified-code", modify_code),
    CheckStep("hunt", hunt_bare),
    CheckStep("stack", run_stack, kernel=True),
    CheckStep("sanitized", boot_sanitized, kernel=True),
)


def _carried_out(step: CheckStep, asked: CheckRequest) -> StepResult:
    """The step's result; a model that breaks under it fails, and nvh or a host that does is ``infra``."""
    try:
        return step.carry_out(asked)
    except Broken as error:
        return StepResult(Verdict.FAIL, "the model broke", (str(error),))
    except InfraError as error:
        return StepResult(Verdict.INFRA, "nvh or its host failed", (str(error),))


def check(
    asked: CheckRequest, *, bare: bool = False, stop_at_first_red: bool = False, every_step: bool = False
) -> Iterator[StepDone | ModelReport]:
    """Yield each outcome as it comes, and the whole report at last. ``bare``: no step that boots a kernel.

    After a bare step that failed no kernel is built or booted either, unless ``every_step``: of a model that
    is wrong by itself a red cell says little.

    A model that crashes as it starts fails the step ``START``, and no other is begun. ``UserError`` when the
    model has no FEAT_NV2.
    """
    report = ModelReport(asked.model.spec.name, asked.model.version, asked.model.sha256)
    begun = time.monotonic()
    try:
        require_nv2(asked.model, asked.timing)
    except Broken as error:
        found = StepResult(Verdict.FAIL, "the model does not start", (str(error),))
        report.outcomes.append(StepDone(START, found, round(time.monotonic() - begun, 1)))
        report.left_out += [each.name for each in STEPS]
        yield report.outcomes[0]
        yield report
        return
    asked.out.mkdir(parents=True, exist_ok=True)
    wrong = False
    for number, step in enumerate(STEPS):
        if step.kernel and (bare or (wrong and not every_step)):
            report.left_out.append(step.name)
            continue
        begun = time.monotonic()
        outcome = StepDone(step.name, _carried_out(step, asked), round(time.monotonic() - begun, 1))
        report.outcomes.append(outcome)
        wrong |= not step.kernel and outcome.found.verdict is Verdict.FAIL
        yield outcome
        if stop_at_first_red and outcome.found.verdict is not Verdict.PASS:
            report.left_out += [each.name for each in STEPS[number + 1 :]]
            break
    yield report
