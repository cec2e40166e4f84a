# SPDX-License-Identifier: GPL-2.0-only
"""One process of a hunt for races: programs, schedules for each, what fails made short and kept."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import Broken, InfraError
from harness.host.cache import Store
from harness.level import Level
from harness.program.program import Program
from harness.reproduce.hunt.alone import disaster
from harness.reproduce.hunt.program_findings import ProgramFinding
from harness.reproduce.hunt.shrink import Shrinker, reason_of
from harness.reproduce.races import conflicts, kept, schedule
from harness.reproduce.races.agenda import ProgramUnderWay, RaceAgenda
from harness.reproduce.races.calm import Tried, calm
from harness.reproduce.races.draw import Drawer
from harness.reproduce.races.kept import Race
from harness.reproduce.races.left import LeftBehind
from harness.reproduce.races.machine import RacesRun, RaceTarget, RaceTrial, verdict
from harness.reproduce.races.schedule import Schedule
from harness.reproduce.races.told import Done, RaceNote
from harness.reproduce.races.under_way import fault_under_way
from harness.reproduce.workers import Queue, serve
from harness.runner.snapshots import Snapshots
from harness.scenario.language import StackSpec
from harness.stack.images import StackImages
from harness.trace.executed.hold_file import HoldEnd

REPEATS = 5
SHRINK_RUNS = 15
BUSY = 2
"""How often a run of a finding may fail for want of the host's time."""
WARM = (0, 1, 2)
"""How often a program runs by itself before a finding is repeated: some need a machine that has run it."""
LEAK_RUNS = 20
FAILURES_MAX = 3
FAILED = 100_000_000
"""Instructions that count for a program that could not be run."""
FINDINGS = "findings"
MET = frozenset({HoldEnd.UNTIL, HoldEnd.BLOCKED})
"""How the first hold of a schedule ends where CPUs have met."""


@dataclass(frozen=True, slots=True)
class RaceOrder:
    """What a worker is to do: programs ``first``, ``first + stride`` and so on, until ``deadline``.

    ``kinds``: of these alone, if there are any.
    """

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
    as_new: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def main(order: RaceOrder, queue: Queue[Any]) -> None:
    """The process; each run has a machine of its own and ends it."""
    serve(queue, lambda _: RaceWorker(order, queue).work(), lambda error: RaceNote(str(error), fatal=True))


class RaceWorker:
    """The state of one worker: a machine."""

    def __init__(self, order: RaceOrder, queue: Queue[Any]) -> None:
        self.order = order
        self.queue = queue
        place = order.out.absolute() / "machines" / str(order.first)
        self.begun = time.monotonic()
        self.journal = order.out.absolute() / f"trials-{order.first}.txt"
        self.tried = Tried((order.first, order.stride))
        self.causes: set[str] = set()
        self.agenda = RaceAgenda(order.seed, order.first, order.stride, order.kinds)
        self.target = RaceTarget(order.images, order.spec, Snapshots(Store()), place, order.mutant)

    def work(self) -> None:
        """Programs until the deadline; ``InfraError`` after some failures in a row."""
        failures = 0
        while time.monotonic() < self.order.deadline:
            program = self.agenda.next()
            try:
                found = self.go_on(program)
                failures = 0
            except (Broken, InfraError, ValueError) as error:
                failures += 1
                program.ended = True
                self.agenda.spent[program.kind] += FAILED
                self.queue.put(RaceNote(f"program {program.number}: {error}"))
                if failures >= FAILURES_MAX:
                    raise InfraError(f"{failures} programs in a row: {error}") from error
                continue
            if found and self.order.one:
                return

    def one(self, kind: str) -> bool:
        """All schedules of the next program of a kind; whether something was kept."""
        program = self.agenda.begin(kind)
        while not program.over and time.monotonic() < self.order.deadline:
            if self.go_on(program):
                return True
        return False

    def go_on(self, program: ProgramUnderWay) -> bool:
        """Some schedules of a program, first those from which they are drawn; whether one was kept."""
        done, begun = Done(program.kind, begins=not program.slices), time.monotonic()
        program.slices += 1
        note = None if program.drawer else self.begin(program, done)
        before, machine = self.target.left(), self.target.restores
        first = len(program.tried)
        begun_at, vain = program.draws, program.vain
        if program.drawer:
            program.drawer.begin_turn()
        while not ((note and note.kept) or program.over):
            if program.turn_is_over(program.draws - begun_at, done.cost, program.vain - vain):
                break
            if time.monotonic() >= self.order.deadline:
                break
            assert program.drawer
            chosen = replace(program.trial, schedule=program.drawer.draw(program.rng))
            if not chosen.schedule:
                program.ended = True
                break
            ran = self.target.race(chosen)
            program.drawer.learn(ran.holds)
            program.vain += not MET & set(ran.holds[0].reasons)
            program.tried.append(chosen)
            note = self.look(program.number, program.draws, chosen, ran, done)
            program.draws += 1
        if note is None and self.target.restores == machine:
            note = self.leak(program.number, program.tried[first:], before)
        program.ended |= bool(note and note.kept)
        done.restores, self.target.restores = self.target.restores, 0
        done.seconds = time.monotonic() - begun
        self.agenda.spent[program.kind] += done.cost
        self.queue.put(done)
        if note and note.kept:
            self.queue.put(note)
        return bool(note and note.kept)

    def begin(self, program: ProgramUnderWay, done: Done) -> RaceNote | None:
        """Its run without preemptions, and the calm one; what was kept of them."""
        base = self.target.race(program.trial)
        note = self.look(program.number, -2, program.trial, base, done)
        program.tried.append(program.trial)
        if note and note.kept:
            return note
        chosen = replace(program.trial, schedule=calm(base.arrivals, program.made.others))
        ran = self.target.race(chosen)
        made = program.made
        program.drawer = Drawer(made.shape, ran.arrivals, self.tried, program.patience_us, made.others)
        program.tried.append(chosen)
        return self.look(program.number, -1, chosen, ran, done)

    def look(self, number: int, draw: int, trial: RaceTrial, ran: RacesRun, done: Done) -> RaceNote | None:
        """Count a run, and pursue what is wrong with it; what was kept of it."""
        done.runs += 1
        done.instructions += ran.instructions
        done.arrivals += ran.came
        self.write_down(number, draw, trial, ran)
        done.held += any(hold.held for hold in ran.holds)
        done.met += bool(ran.holds) and all(HoldEnd.UNTIL in hold.reasons for hold in ran.holds)
        done.verdicts[ran.batch.outcomes[-1].verdict if ran.batch.outcomes else "none"] += 1
        finding = self.judged(trial.program, ran)
        if finding is None:
            return None
        if finding.known:
            done.known[finding.known] += 1
            return None
        if finding.cause in self.causes:
            return None
        return self.pursue(number, draw, trial, finding)

    def write_down(self, number: int, draw: int, trial: RaceTrial, ran: RacesRun) -> None:
        """A line for each trial: what was tried, how often each hold held, why it let go, what came of it."""
        ends = ",".join(
            "/".join([str(hold.held), *(why.name.lower() for why in hold.reasons)]) for hold in ran.holds
        )
        verdicts = ",".join(outcome.verdict for outcome in ran.batch.outcomes)
        words = (
            f"{time.monotonic() - self.begun:.1f} s",
            f"program {number}.{draw}, {trial.pa_bits} bits",
            f"{ran.came} arrivals",
            verdicts,
            ends or "no hold",
            "; ".join(map(str, trial.schedule)),
        )
        with self.journal.open("a", encoding="utf-8") as stream:
            stream.write(" | ".join(words) + "\n")

    def judged(self, program: Program, ran: RacesRun) -> ProgramFinding | None:
        """What is wrong with a run.

        What a fault brings back is known only where one was under way. The arrivals, which tell, are read
        only then.
        """
        known = [each for each in conflicts.KNOWN if each.scenario not in self.order.as_new]
        brought_back = conflicts.FAULT_AGAINST_TLBI
        found = verdict(program, ran, known)
        excused = found is not None and found.known == brought_back.scenario
        if excused and not ran.lost and not fault_under_way(ran.arrivals):
            found = verdict(program, ran, [each for each in known if each is not brought_back])
        return found

    def pursue(self, number: int, draw: int, trial: RaceTrial, finding: ProgramFinding) -> RaceNote | None:
        """Make a finding short, repeat it, and keep it when its cause is new; what was kept.

        It has to show from the saved state, too: else it is told and not kept.
        """
        runs = 0

        def fails(candidate: RaceTrial) -> ProgramFinding | None:
            nonlocal runs
            runs += 1
            found = self.judged(candidate.program, self.again(candidate))
            return None if found is None or found.known else found

        reason = reason_of(trial.program, finding)

        def still(holds: Schedule) -> bool:
            found = fails(replace(trial, schedule=holds))
            return found is not None and reason_of(trial.program, found) == reason

        for warm in WARM:
            trial = replace(trial, warm=warm)
            if still(trial.schedule):
                break
        else:
            words = f"program {number}, schedule {draw}: {finding.cause}; not from the saved state"
            self.queue.put(RaceNote(words))
            return None
        trial = replace(trial, schedule=schedule.shrink(trial.schedule, still))
        shrinker = Shrinker(lambda candidate: fails(replace(trial, program=candidate)), SHRINK_RUNS)
        short = shrinker.shrink(trial.program, finding)
        return self.keep(number, draw, replace(trial, program=short.program), short.finding, runs)

    def again(self, trial: RaceTrial) -> RacesRun:
        """``trial`` from the saved state; once more where the host was too busy for it: nothing is lost."""
        for _ in range(BUSY):
            try:
                return self.target.race(trial, alone=True)
            except InfraError as error:
                self.queue.put(RaceNote(f"once more: {error}"))
        return self.target.race(trial, alone=True)

    def leak(self, number: int, tried: Sequence[RaceTrial], before: LeftBehind) -> RaceNote | None:
        """What of ``tried`` leaves something behind, if L0 has more than ``before``; what was kept of it."""
        words = self.target.grown(before)
        if not words:
            return None
        for runs, trial in enumerate(tried[:LEAK_RUNS], 1):
            if time.monotonic() >= self.order.deadline:
                break
            alone = self.target.leaks(trial)
            if not alone:
                continue
            kinds = re.sub(r"\d+ ", "", alone)
            finding = replace(disaster(trial.program, "leak", f"of {kinds}"), report=alone)
            if finding.cause in self.causes:
                return None
            return self.keep(number, runs - 2, trial, finding, runs)
        self.queue.put(RaceNote(f"program {number} left {words} behind, and none of its trials alone does"))
        return None

    def keep(
        self, number: int, draw: int, trial: RaceTrial, finding: ProgramFinding, runs: int
    ) -> RaceNote | None:
        """Repeat what is short, and write it down; None when another worker has found it."""
        first = self.target.trace(self.again(trial))
        again = sum(self.target.trace(self.again(trial)) == first for _ in range(REPEATS))
        race = Race(
            trial=trial,
            finding=finding,
            trace=first,
            seed=self.order.seed,
            number=number,
            draw=draw,
            model=self.order.spec.model,
            timing=self.order.spec.timing,
            l0_cpus=self.order.spec.levels[Level.L0].cpus,
            kernel=self.order.kernel,
            mutant=self.order.mutant,
            versions={key: row["version"] for key, row in self.order.images.versions().items()},
            runs=runs,
            again=again,
            repeats=REPEATS,
        )
        self.causes.add(finding.cause)
        place = self.order.out / FINDINGS / race.slug
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            return None
        path = kept.write(race, place)
        words = (
            f"{race.finding.cause}: {len(trial.schedule)} preemptions, {len(trial.program.actions)} actions, "
        )
        return RaceNote(f"{words}{again} of {REPEATS} repetitions the same; {path}", kept=True)
