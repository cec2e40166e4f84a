# SPDX-License-Identifier: GPL-2.0-only
"""One process of a hunt for races: programs, schedules for each, what fails made short and kept."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import Broken, InfraError
from harness.host.cache import Store
from harness.program.program import Program
from harness.reproduce.hunt.program_findings import ProgramFinding
from harness.reproduce.hunt.shrink import Shrinker, reason_of
from harness.reproduce.races import conflicts, kept, schedule
from harness.reproduce.races.kept import Race
from harness.reproduce.races.machine import RacesRun, RaceTarget, verdict
from harness.reproduce.races.schedule import Schedule
from harness.reproduce.workers import Queue, serve
from harness.runner.snapshots import Snapshots
from harness.scenario.language import StackSpec
from harness.stack.images import StackImages

DRAWS = 24
"""Schedules for each program."""
REPEATS = 5
SHRINK_RUNS = 25
FAILURES_MAX = 3
FINDINGS = "findings"


@dataclass(frozen=True, slots=True)
class RaceOrder:
    """What a worker is to do: programs ``first``, ``first + stride`` and so on, until ``deadline``."""

    seed: str
    first: int
    stride: int
    images: StackImages
    spec: StackSpec
    out: Path
    deadline: float
    kernel: str
    mutant: str = ""
    one: bool = False
    as_new: bool = False


@dataclass
class Done:
    """What a program's schedules brought."""

    runs: int = 0
    held: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class RaceNote:
    """Something to tell; ``kept``: a finding was written; ``fatal``: the worker gave up."""

    text: str
    kept: bool = False
    fatal: bool = False


def main(order: RaceOrder, queue: Queue[Any]) -> None:
    """The process; each run has a machine of its own and ends it."""
    serve(queue, lambda _: RaceWorker(order, queue).work(), lambda error: RaceNote(str(error), fatal=True))


class RaceWorker:
    """The state of one worker: a machine."""

    def __init__(self, order: RaceOrder, queue: Queue[Any]) -> None:
        self.order = order
        self.queue = queue
        place = order.out.absolute() / "machines" / str(order.first)
        self.target = RaceTarget(order.images, order.spec, Snapshots(Store()), place, order.mutant)

    def work(self) -> None:
        """Programs until the deadline; ``InfraError`` after some failures in a row."""
        failures = 0
        for number in itertools.count(self.order.first, self.order.stride):
            if time.monotonic() >= self.order.deadline:
                return
            try:
                found = self.one(number)
                failures = 0
            except (Broken, InfraError, ValueError) as error:
                failures += 1
                self.queue.put(RaceNote(f"program {number}: {error}"))
                if failures >= FAILURES_MAX:
                    raise InfraError(f"{failures} programs in a row: {error}") from error
                continue
            if found and self.order.one:
                return

    def one(self, number: int) -> bool:
        """All schedules of one program; whether something was kept."""
        seed = f"{self.order.seed} race {number}"
        program = conflicts.program(random.Random(seed))
        done, found = Done(), False
        base = self.target.race(program, ())
        chosen: list[tuple[int, Schedule]] = [(-1, ())]
        chosen += [
            (draw, schedule.draw(random.Random(f"{seed} {draw}"), base.arrivals)) for draw in range(DRAWS)
        ]
        for draw, each in chosen:
            if time.monotonic() >= self.order.deadline:
                break
            if draw >= 0 and not each:
                continue
            ran = base if draw < 0 else self.target.race(program, each)
            done.runs += 1
            done.held += any(hold.held for hold in ran.holds)
            done.verdicts[ran.batch.outcomes[-1].verdict if ran.batch.outcomes else "none"] += 1
            finding = self.judged(program, ran)
            if finding is not None and finding.known:
                done.known[finding.known] += 1
            elif finding is not None and self.pursue(number, draw, program, each, finding):
                found = True
                break
        self.queue.put(done)
        return found

    def judged(self, program: Program, ran: RacesRun) -> ProgramFinding | None:
        """What is wrong with a run."""
        return verdict(program, ran, () if self.order.as_new else conflicts.KNOWN)

    def pursue(
        self, number: int, draw: int, program: Program, each: Schedule, finding: ProgramFinding
    ) -> bool:
        """Make a finding short, repeat it, and keep it when its cause is new; whether it was kept."""
        runs = 0

        def fails(candidate: Program, holds: Schedule) -> ProgramFinding | None:
            nonlocal runs
            runs += 1
            found = self.judged(candidate, self.target.race(candidate, holds))
            return None if found is None or found.known else found

        reason = reason_of(program, finding)

        def still(holds: Schedule) -> bool:
            found = fails(program, holds)
            return found is not None and reason_of(program, found) == reason

        each = schedule.shrink(each, still)
        short = Shrinker(lambda candidate: fails(candidate, each), SHRINK_RUNS).shrink(program, finding)
        first = self.target.race(short.program, each)
        again = sum(
            (other.records, other.batch.outcomes) == (first.records, first.batch.outcomes)
            for other in (self.target.race(short.program, each) for _ in range(REPEATS))
        )
        race = Race(
            program=short.program,
            schedule=each,
            finding=short.finding,
            seed=self.order.seed,
            number=number,
            draw=draw,
            model=self.order.spec.model,
            timing=self.order.spec.timing,
            kernel=self.order.kernel,
            mutant=self.order.mutant,
            versions={key: row["version"] for key, row in self.order.images.versions().items()},
            runs=runs,
            again=again,
            repeats=REPEATS,
        )
        place = self.order.out / FINDINGS / race.slug
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            return False
        path = kept.write(race, place)
        words = f"{race.finding.cause}: {len(each)} preemptions, {len(short.program.actions)} actions, "
        self.queue.put(RaceNote(f"{words}{again} of {REPEATS} repetitions the same; {path}", kept=True))
        return True
