# SPDX-License-Identifier: GPL-2.0-only
"""A machine that runs programs under schedules, and what is wrong with a run."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InfraError
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.program.addresses import PHYSICAL_BITS
from harness.program.kernel_defects import KernelDefect
from harness.program.program import Program
from harness.program.script import script
from harness.reproduce.hunt.alone import DISASTERS, complaint, disaster
from harness.reproduce.hunt.program_findings import ProgramFinding, judge, tokens_of
from harness.reproduce.hunt.target import COMMAND_DEADLINE_S, Batch, Target
from harness.reproduce.races.candidates import candidates
from harness.reproduce.races.left import COMMAND, LeftBehind, growth, read_left
from harness.reproduce.races.schedule import MOST_BITS, RaceArrival, Schedule, arrivals
from harness.runner.snapshots import Snapshots
from harness.scenario.language import Place, StackSpec
from harness.stack.images import StackImages
from harness.trace.executed import symbols
from harness.trace.executed.hold_file import (
    PA_BITS,
    SHADOWS_BEGIN,
    STREAK,
    VM_ENDS,
    HoldEvent,
    HoldFile,
    HoldFound,
    HoldRecord,
    extent_of,
    records_of,
)
from harness.trace.executed.places import Text

LEAKS = 4
"""Repetitions of a trial after each of which there has to be more, for a leak."""
PATIENCE_S = 3
"""How long L0 may take to free what a VM had."""
TRIALS = 64
"""Trials of one machine: restoring L0 takes longer than most of them."""
TRIAL_S = 60.0


@dataclass(frozen=True, slots=True)
class RaceTrial:
    """A program under a schedule, on a CPU with ``pa_bits`` of PA as far as KVM's shadows are concerned.

    KVM walks a shadow stage 2 in steps of 1 GiB up to the PA size whenever a notifier, a memslot or a
    recycled context concerns all of it, and gives ``mmu_lock`` up at each: 2^18 with 48 bits, 2^6 with 36.
    ``warm``: how often the machine runs the program without a schedule before, where it begins alone.
    """

    program: Program
    schedule: Schedule = ()
    pa_bits: int = MOST_BITS
    warm: int = 0

    @property
    def text(self) -> str:
        """The program as nvh-litmus reads it."""
        return script(self.program, "race", fresh=True)


@dataclass(frozen=True)
class RacesRun:
    """A run: what nvh-litmus and L0's console said, every arrival, hold and release, and each hold's end.

    ``raw``: the records of the plugin, of ``places``. Most runs are of no interest further: they pass.
    """

    batch: Batch
    raw: bytes
    lost: int
    places: tuple[Place, ...]
    holds: tuple[HoldFound, ...]

    @functools.cached_property
    def records(self) -> tuple[HoldRecord, ...]:
        """All that the plugin wrote down."""
        return tuple(records_of(self.raw))

    @functools.cached_property
    def arrivals(self) -> tuple[RaceArrival, ...]:
        """Who came where, in order."""
        seen = [each for each in self.records if each.what is HoldEvent.ARRIVED]
        return arrivals(
            [(each.cpu, self.places[each.place]) for each in seen], [each.executed for each in seen]
        )

    @property
    def came(self) -> int:
        """How many arrivals there are."""
        return extent_of(self.raw)[0]

    @property
    def instructions(self) -> int:
        """How many were executed from the first arrival to the last."""
        return extent_of(self.raw)[1]


class RaceTarget(Target):
    """``Target`` with places in L0's kernel.

    A machine that has come from the saved state runs up to ``TRIALS`` trials one after another; ``race`` with
    ``alone`` begins from the saved state, so that it repeats.
    """

    deadline_s = TRIAL_S

    def __init__(
        self, images: StackImages, spec: StackSpec, snapshots: Snapshots, directory: Path, mutant: str = ""
    ) -> None:
        super().__init__(images, spec, snapshots, directory, mutant)
        directory.mkdir(parents=True, exist_ok=True)
        kernel = images.kernels[Level.L0].path
        table = symbols.load(kernel / "System.map")
        self.places: tuple[Place, ...] = candidates(Text.read(kernel / "vmlinux", table))
        self._holds = HoldFile(directory, kernel, self.places)
        self._holds.arm([])
        self._holds.end_turns(STREAK)
        self._trials = 0

    def plugins(self) -> tuple[Plugin, ...]:
        """The plugin that holds, alone: nothing else of a hunt is of use here."""
        assert self._images.plugins is not None
        parallel = not self._images.model.deterministic(self._spec.timing)
        return (self._holds.plugin(self._images.plugins, parallel=parallel, absolute=True),)

    def race(self, trial: RaceTrial, *, alone: bool = False, keep: bool = False) -> RacesRun:
        """Run ``trial``; with ``keep`` the machine lives on after anything but a splat.

        ``InfraError`` where the fault is neither the program's nor the schedule's.
        """
        if alone:
            return self.race_again(trial.text, trial.schedule, trial.pa_bits, trial.warm, keep=keep)
        return self._race(trial.text, trial.schedule, trial.pa_bits, alone=False, keep=keep)

    def race_again(
        self, text: str, schedule: Schedule, pa_bits: int, warm: int, *, keep: bool = False
    ) -> RacesRun:
        """The same from the saved state, of a program as nvh-litmus reads it. Raises ``NoSuchPlace``, too."""
        self.close()
        for _ in range(warm):
            self._race(text, (), pa_bits, alone=False, keep=True)
        return self._race(text, schedule, pa_bits, alone=not warm, keep=keep)

    def _race(self, text: str, schedule: Schedule, pa_bits: int, *, alone: bool, keep: bool) -> RacesRun:
        if alone or self._trials >= TRIALS:
            self.close()
        if self._stack is None:
            self._trials = 0
        self._trials += 1
        self._holds.enable(False)
        self.begin()
        orders = [each.order(self._holds.index) for each in schedule]
        self._holds.arm(orders)
        # What another VM's end brought back would be more than the shadows of the one that lives on have.
        # nvh-litmus makes VMs of PHYSICAL_BITS: KVM makes none while its PA size is smaller.
        self._holds.poke(PA_BITS, pa_bits, SHADOWS_BEGIN, VM_ENDS if pa_bits < PHYSICAL_BITS else None)
        self._holds.enable(True)
        try:
            batch = self.run(text)
        except BaseException:
            self.close()
            raise
        finally:
            self._holds.enable(False)
        bad = alone or any(each.verdict != "pass" for each in batch.outcomes)
        if batch.splats or (bad and not keep):
            self.close()
        if pa_bits != MOST_BITS and not self._holds.poked():
            raise InfraError(f"the shadows of the program's VM did not get {pa_bits} bits")
        raw, lost = self._holds.raw()
        return RacesRun(batch, raw, lost, self.places, tuple(self._holds.found(len(orders))))

    def left(self) -> LeftBehind:
        """What L0 has while no VM runs; ``InfraError`` when it does not say."""
        done = self.begin().run(Level.L0, COMMAND, COMMAND_DEADLINE_S)
        try:
            return read_left(done.text)
        except ValueError as error:
            raise InfraError(str(error)) from error

    def leaks(self, trial: RaceTrial) -> str:
        """What ``trial`` leaves behind each time, in words; on a machine of its own.

        What L0 has grows with each of some VMs: what is only freed late does not.
        """
        counts = []
        for number in range(LEAKS):
            self.race(trial, alone=not number, keep=True)
            self.begin().run(Level.L0, "sleep 3", COMMAND_DEADLINE_S)
            counts.append(self.left())
        self.close()
        return growth(counts)

    def grown(self, before: LeftBehind) -> str:
        """What L0 has more of than ``before`` for seconds, in words: what is freed late is no leak."""
        found = self.left().since(before)
        for _ in range(PATIENCE_S):
            if not found:
                break
            self.begin().run(Level.L0, "sleep 3", COMMAND_DEADLINE_S)
            found = self.left().since(before)
        return found

    def trace(self, ran: RacesRun) -> str:
        """All that happened in a run, a line each: what a repetition has to have again."""
        lines = []
        for each in ran.records:
            hold = "" if each.what is HoldEvent.ARRIVED else f"hold-{each.hold}"
            where = "" if each.what is HoldEvent.RELEASED else str(self.places[each.place])
            why = each.why.name.lower() if each.what is HoldEvent.RELEASED else ""
            words = (str(each.executed), f"cpu{each.cpu}", each.what.name.lower(), hold, where, why)
            lines.append(" ".join(word for word in words if word))
        for outcome in ran.batch.outcomes:
            seen = ",".join(f"{line}:{token}" for line, token in sorted(outcome.observed.items()))
            lines.append(f"observed {seen} {outcome.verdict}")
        lines += [f"splat {each}" for each in ran.batch.splats]
        return "\n".join(lines) + "\n"


def verdict(program: Program, ran: RacesRun, known: Sequence[KernelDefect]) -> ProgramFinding | None:
    """What is wrong with a run; None: nothing."""
    if ran.batch.splats:
        return complaint(program, ran.batch.splats[0])
    outcome = ran.batch.outcomes[0]
    if outcome.verdict in DISASTERS:
        return disaster(program, outcome.verdict, outcome.rest)
    return judge(program, tokens_of(program, outcome), known, behind=True)
