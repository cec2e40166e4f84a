# SPDX-License-Identifier: GPL-2.0-only
"""One process of a hunt: makes batches, runs them on its machines, judges, shrinks and keeps what fails."""

from __future__ import annotations

import collections
import itertools
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import Broken, InfraError
from harness.host.cache import Store
from harness.program.addresses import NAMES
from harness.program.generate import generate
from harness.program.kernel_defects import DEFECTS, KernelDefect
from harness.program.kinds import KINDS
from harness.program.lanes import BatchPlan, Lane, plan
from harness.program.program import Program, Tlbi
from harness.program.script import script
from harness.program.sharp import shows_known
from harness.reproduce.hunt import keep
from harness.reproduce.hunt.alone import DISASTERS, alone, complaint, disaster
from harness.reproduce.hunt.bare import BareTarget
from harness.reproduce.hunt.program_findings import (
    NOT_APPLICABLE,
    ProgramFinding,
    ProgramOutcome,
    Sharpness,
    judge,
    sanitized,
    sharpness,
    tokens_of,
)
from harness.reproduce.hunt.shrink import RUNS_MAX, Shrinker
from harness.reproduce.hunt.target import Batch, Target
from harness.reproduce.workers import Queue, serve
from harness.runner.snapshots import Snapshots
from harness.scenario.language import StackSpec
from harness.stack.images import StackImages

FAILURES_MAX = 3
SHRINK_GRACE_S = 150.0
CAUSES = "causes"
FINDINGS = "findings"
QUIET = ("pass", NOT_APPLICABLE)
"""Verdicts after which nobody needs the machine for the same program again."""


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """What a worker is to do. ``images``: by lane. ``deadline``: of ``time.monotonic()``.

    It takes the batches ``first``, ``first + stride`` and so on. ``with_known``: programs that known defects
    would show in are run, too. ``one``: end at the first finding. ``bare``: nvh-bare, when the programs
    run on the bare machine. ``as_new``: scenarios of known defects that are as any other. ``sanitize``: the
    TLB sanitizer watches.
    """

    seed: str
    first: int
    stride: int
    lanes: tuple[Lane, ...]
    kinds: tuple[str, ...]
    images: Mapping[str, tuple[StackImages, StackSpec]]
    out: Path
    deadline: float
    kernel: str
    mutant: str = ""
    with_known: bool = False
    one: bool = False
    bare: Path | None = None
    as_new: tuple[str, ...] = ()
    sanitize: bool = False


@dataclass
class BatchDone:
    """What a batch brought, for the totals."""

    number: int
    kind: str
    programs: int
    seconds: float
    sharp: Sharpness
    points: set[tuple[str, str, str, int]]
    verdicts: collections.Counter[str] = field(default_factory=collections.Counter)
    known: collections.Counter[str] = field(default_factory=collections.Counter)
    causes: collections.Counter[str] = field(default_factory=collections.Counter)
    reached: frozenset[str] = frozenset()
    functions: int = 0


@dataclass(frozen=True, slots=True)
class MadeBatch:
    """The programs of a batch by name, and what nvh-litmus gets of them."""

    programs: dict[str, Program]
    text: str


@dataclass(frozen=True)
class FindingKept:
    """A finding was written."""

    cause: str
    path: str
    actions: int
    confirmed: bool


@dataclass(frozen=True)
class Note:
    """Something to tell; ``fatal``: the worker gave up; ``red``: what is under test broke."""

    text: str
    fatal: bool = False
    red: bool = False


def main(order: WorkerOrder, queue: Queue[Any]) -> None:
    """The process."""

    def work(ending: ExitStack) -> None:
        worker = Worker(order, queue)
        ending.callback(worker.close)
        worker.work()

    serve(queue, work, lambda error: Note(str(error), fatal=True, red=isinstance(error, Broken)))


class Worker:
    """The state of one worker: a machine for each lane.

    One thread makes batches, one has the machines run them, and this one judges: while the machine has a
    batch, the next one is made and the one before is judged.
    """

    def __init__(self, order: WorkerOrder, queue: Queue[Any]) -> None:
        self.order = order
        self.queue = queue
        self._features: dict[str, frozenset[str]] = {}
        self._ahead = ThreadPoolExecutor(1)
        self._made: dict[int, Future[MadeBatch]] = {}
        self._machines = ThreadPoolExecutor(1)  # a QEMU dies with the thread that started it
        self._running: dict[int, tuple[MadeBatch, Future[Batch]]] = {}
        self._snapshots = Snapshots(Store())
        self.targets: dict[str, Target | BareTarget] = {lane.name: self._target(lane) for lane in order.lanes}

    def _target(self, lane: Lane) -> Target | BareTarget:
        images, spec = self.order.images[lane.name]
        if self.order.bare is not None:
            return BareTarget(images, spec, self.order.bare)
        place = self.order.out / "machines" / f"{self.order.first}-{lane.name}"
        return Target(images, spec, self._snapshots, place, self.order.mutant, self.order.sanitize)

    def close(self) -> None:
        """End the machines, whatever they do."""
        for executor in (self._ahead, self._machines):
            executor.shutdown(wait=False, cancel_futures=True)
        for target in self.targets.values():
            target.close()

    def work(self) -> None:
        """Batches until the deadline; ``InfraError`` after some failures in a row."""
        failures = 0
        for number in itertools.count(self.order.first, self.order.stride):
            if time.monotonic() >= self.order.deadline and number not in self._running:
                return
            how, after = self._plan(number), self._plan(number + self.order.stride)
            try:
                found = self.batch(how, after)
                failures = 0
            except (Broken, InfraError) as error:
                failures += 1
                text = f"batch {number} ({how.kind} on {how.lane.model}): {error}"
                self.queue.put(Note(text, red=isinstance(error, Broken)))
                self._rest()
                self.targets[how.lane.name].close()
                if failures >= FAILURES_MAX:
                    raise
                continue
            if found and self.order.one:
                return

    def _plan(self, number: int) -> BatchPlan:
        return plan(self.order.seed, number, self.order.lanes, self.order.kinds)

    @property
    def known(self) -> tuple[KernelDefect, ...]:
        """The defects that are recognised."""
        return tuple(each for each in DEFECTS if each.scenario not in self.order.as_new)

    def features(self, how: BatchPlan) -> frozenset[str]:
        """Of the lane's model."""
        if how.lane.name not in self._features:
            self._features[how.lane.name] = self.targets[how.lane.name].features()
        return self._features[how.lane.name]

    def programs(self, how: BatchPlan) -> MadeBatch:
        """The programs of a batch: made before, or now."""
        made = self._made.pop(how.number, None)
        return made.result() if made else self.make(how, self.features(how))

    def make(self, how: BatchPlan, features: frozenset[str]) -> MadeBatch:
        """The programs of a batch; those that known defects would show in are left out."""
        found = {}
        for i in range(KINDS[how.kind].batch):
            program = generate(how.seed(self.order.seed), how.kind, i, features, how.shape)
            if self.order.with_known or not shows_known(program, self.known):
                found[f"b{how.number}-{i}"] = program
        return MadeBatch(found, "".join(script(program, name) for name, program in found.items()))

    def make_ahead(self, how: BatchPlan) -> None:
        """Begin with a batch that is next, while the machine has one; not of a lane that has not begun."""
        features = self._features.get(how.lane.name)
        if features is not None and how.number not in self._made:
            self._made[how.number] = self._ahead.submit(self.make, how, features)

    def _begin(self, how: BatchPlan) -> tuple[MadeBatch, Future[Batch]]:
        """Have its machine run a batch, behind what the machines run now."""
        made = self.programs(how)
        return made, self._machines.submit(self.targets[how.lane.name].run, made.text)

    def _run_ahead(self, how: BatchPlan, judged: Batch) -> None:
        """Have the machine run the next batch, unless it may be needed for a finding of ``judged``."""
        fine = all(outcome.verdict in QUIET for outcome in judged.outcomes)
        in_time = time.monotonic() < self.order.deadline
        if fine and in_time and how.number in self._made and not judged.seen and not judged.splats:
            self._running[how.number] = self._begin(how)

    def _rest(self) -> None:
        """Wait until no machine runs a batch; what becomes of it is for whoever asks for it."""
        for _, running in self._running.values():
            wait([running])

    def batch(self, how: BatchPlan, after: BatchPlan | None = None) -> bool:
        """Run one batch, while ``after`` is made, which then runs while this one is judged.

        Returns whether something was kept.
        """
        begun = time.monotonic()
        ahead = how.number in self._running
        made, running = self._running.pop(how.number) if ahead else self._begin(how)
        programs = made.programs
        if after is not None:
            self.make_ahead(after)
        left = running.result()
        if after is not None:
            self._run_ahead(after, left)
        done = BatchDone(
            how.number, how.kind, len(left.outcomes), 0.0, Sharpness(), points_of(programs.values(), how)
        )
        failing: list[tuple[str, ProgramFinding]] = []
        for outcome in left.outcomes:
            done.verdicts[outcome.verdict] += 1
            finding = self.examine(programs[outcome.name], outcome, done)
            if finding is not None and not finding.known:
                failing.append((outcome.name, finding))
            elif finding is not None:
                done.known[finding.known] += 1
        for seen in left.seen:
            name = left.outcomes[seen.index].name
            finding = sanitized(programs[name], seen.key, seen.text, self.known)
            if finding.known:
                done.known[finding.known] += 1
            elif name not in [other for other, _ in failing]:
                failing.append((name, finding))
        for splat in left.splats:
            name = left.outcomes[-1].name if left.outcomes else next(iter(programs))
            failing.append((name, complaint(programs[name], splat)))
        for _, finding in failing:
            done.causes[finding.cause] += 1
        done.reached, done.functions = left.reached, left.functions
        done.seconds = time.monotonic() - begun
        self.queue.put(done)
        kept = [self.pursue(how, name, programs[name], finding) for name, finding in failing]
        return any(kept)

    def examine(self, program: Program, outcome: ProgramOutcome, done: BatchDone) -> ProgramFinding | None:
        """Judge one outcome; ``InfraError`` where nvh-litmus and the model disagree about it."""
        if outcome.verdict in DISASTERS:
            return disaster(program, outcome.verdict, outcome.rest)
        if outcome.verdict == NOT_APPLICABLE:
            return None
        tokens = tokens_of(program, outcome)
        finding = judge(program, tokens, self.known)
        if (finding is None) is (outcome.verdict == "fail"):
            raise InfraError(f"{outcome.name}: nvh-litmus says {outcome.verdict}, the model {finding}")
        done.sharp += sharpness(program, tokens)
        return finding

    def pursue(self, how: BatchPlan, name: str, program: Program, finding: ProgramFinding) -> bool:
        """Confirm, shrink and keep a finding whose cause is new; whether it was kept."""
        if not _claim(self.order.out / CAUSES / keep.slug_of(finding.cause)):
            return False
        self._rest()
        again = self.alone(how, program)
        confirmed = again is not None and not again.known
        short, why, runs = program, finding, 1
        if again is not None and confirmed and again.saw not in DISASTERS:
            end = self.order.deadline + SHRINK_GRACE_S

            def fails(candidate: Program) -> ProgramFinding | None:
                found = None if time.monotonic() > end else self.alone(how, candidate)
                return None if found is None or found.known else found

            shrunk = Shrinker(fails, RUNS_MAX).shrink(program, again)
            short, why, runs = shrunk.program, shrunk.finding, shrunk.runs + 1
        images, spec = self.order.images[how.lane.name]
        found = keep.KeptFinding(
            program=short,
            finding=why,
            original=program,
            seed=self.order.seed,
            batch=how.number,
            index=int(name.rpartition("-")[2]),
            model=spec.model,
            timing=spec.timing,
            kernel=self.order.kernel,
            mutant=self.order.mutant,
            versions={key: each["version"] for key, each in images.versions().items()},
            runs=runs,
            confirmed=confirmed,
        )
        place = self.order.out / FINDINGS / found.slug
        if not _claim(place):
            return False
        path = keep.write(found, place)
        self.queue.put(FindingKept(why.cause, str(path), len(short.actions), confirmed))
        return True

    def alone(self, how: BatchPlan, program: Program) -> ProgramFinding | None:
        """What is wrong with ``program`` when it runs alone in a VM of its own."""
        return alone(self.targets[how.lane.name], program, self.known)


def points_of(programs: Sequence[Program] | Any, how: BatchPlan) -> set[tuple[str, str, str, int]]:
    """Coverage: operation, kind of context, granule, CPUs."""
    return {
        (action.op, how.kind, NAMES[program.world.shift], program.world.cpus)
        for program in programs
        for action in program.actions
        if isinstance(action, Tlbi)
    }


def _claim(place: Path) -> bool:
    """Whether this worker is the first; the others leave the cause to it."""
    try:
        place.mkdir(parents=True)
    except FileExistsError:
        return False
    return True
