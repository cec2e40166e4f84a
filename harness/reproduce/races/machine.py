# SPDX-License-Identifier: GPL-2.0-only
"""A machine that runs one program under one schedule, each time from the same saved state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.level import Level
from harness.machine.qemu import Plugin
from harness.program.kernel_defects import KernelDefect
from harness.program.program import Program
from harness.program.script import script
from harness.reproduce.hunt.alone import DISASTERS, disaster
from harness.reproduce.hunt.program_findings import ProgramFinding, judge, tokens_of
from harness.reproduce.hunt.target import Batch, Target
from harness.reproduce.races.candidates import candidates
from harness.reproduce.races.schedule import RaceArrival, Schedule, arrivals
from harness.runner.snapshots import Snapshots
from harness.scenario.language import Place, StackSpec
from harness.stack.images import StackImages
from harness.trace.executed import symbols
from harness.trace.executed.hold_file import HoldEvent, HoldFile, HoldFound, HoldRecord
from harness.trace.executed.places import Text


@dataclass(frozen=True, slots=True)
class RacesRun:
    """A run: what nvh-litmus and L0's console said, every arrival, hold and release, and each hold's end."""

    batch: Batch
    records: tuple[HoldRecord, ...]
    arrivals: tuple[RaceArrival, ...]
    holds: tuple[HoldFound, ...]


class RaceTarget(Target):
    """``Target`` with places in L0's kernel; every run begins from the saved state, so that it repeats."""

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

    def plugins(self) -> tuple[Plugin, ...]:
        """The plugin that holds, alone: nothing else of a hunt is of use here."""
        assert self._images.plugins is not None
        parallel = not self._images.model.deterministic(self._spec.timing)
        return (self._holds.plugin(self._images.plugins, parallel=parallel, absolute=True),)

    def race(self, program: Program, schedule: Schedule) -> RacesRun:
        """Run ``program`` under ``schedule``. ``InfraError`` where the fault is neither's."""
        self.close()
        self._holds.enable(False)
        self.begin()
        orders = [each.order(self._holds.index) for each in schedule]
        self._holds.arm(orders)
        self._holds.enable(True)
        try:
            batch = self.run(script(program, "race", fresh=True))
        finally:
            self._holds.enable(False)
            self.close()
        records, _ = self._holds.log()
        came = [(each.cpu, self.places[each.place]) for each in records if each.what is HoldEvent.ARRIVED]
        return RacesRun(batch, tuple(records), arrivals(came), tuple(self._holds.found(len(orders))))


def verdict(program: Program, ran: RacesRun, known: Sequence[KernelDefect]) -> ProgramFinding | None:
    """What is wrong with a run; None: nothing."""
    if ran.batch.splats:
        return disaster(program, f"splat {ran.batch.splats[0].partition(':')[0]}", ran.batch.splats[0])
    outcome = ran.batch.outcomes[0]
    if outcome.verdict in DISASTERS:
        return disaster(program, outcome.verdict, outcome.rest)
    return judge(program, tokens_of(program, outcome), known)


Race = Callable[[Program, Schedule], RacesRun]
