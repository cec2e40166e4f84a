# SPDX-License-Identifier: GPL-2.0-only
"""A hunt for races: workers, totals, the record. ``nvh hunt --races``."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, UserError
from harness.host.cache import Store, write_atomic
from harness.level import Level
from harness.program.lanes import Lane
from harness.report.progress import Progress
from harness.report.publish import make_directory
from harness.reproduce.hunt.campaign import Wanted, new_here, stack_for
from harness.reproduce.races import worker
from harness.reproduce.races.conflicts import KNOWN
from harness.reproduce.races.told import Done, RaceNote
from harness.reproduce.races.worker import RaceOrder
from harness.reproduce.workers import events
from harness.runner.prepare import Builder

LANE = Lane("races", "qemu-v1", "icount", (), l0_cpus=3)
"""Without FEAT_TLBIRANGE, whose whole contexts take long: VMs end, and contexts are recycled. CPUs for three
vCPUs, and for two to go from one to the next while the first stays where it is."""
RECORD = "races.json"
END_S = 300.0
"""What a worker may take beyond the deadline, for the run under way and what it finds."""


@dataclass
class KindTotals:
    """The same of one kind of program; ``seconds`` and ``instructions`` are of all its workers."""

    programs: int = 0
    runs: int = 0
    met: int = 0
    seconds: float = 0.0
    instructions: int = 0

    def take(self, done: Done) -> None:
        """Add some schedules of a program."""
        self.programs += done.begins
        self.runs += done.runs
        self.met += done.met
        self.seconds = round(self.seconds + done.seconds, 1)
        self.instructions += done.instructions


@dataclass
class RaceTotals:
    """What a hunt did: runs, those in which somebody was held, in which each hold's condition came, machines.

    ``known``: findings of known defects; ``kinds``: of each kind of program.
    """

    seconds: float = 0.0
    programs: int = 0
    runs: int = 0
    held: int = 0
    met: int = 0
    restores: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, KindTotals] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fatal: int = 0

    def take(self, event: Done | RaceNote) -> None:
        """Add what a worker sent."""
        if isinstance(event, Done):
            self.programs += event.begins
            self.runs += event.runs
            self.held += event.held
            self.met += event.met
            self.restores += event.restores
            self.verdicts += event.verdicts
            self.known += event.known
            self.kinds.setdefault(event.kind, KindTotals()).take(event)
            return
        (self.kept if event.kept else self.notes).append(event.text)
        self.fatal += event.fatal

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **vars(self),
            "verdicts": dict(self.verdicts),
            "known": dict(self.known),
            "kinds": {name: vars(each) for name, each in sorted(self.kinds.items())},
        }

    @property
    def exit_status(self) -> int:
        """0: nothing was found; 1: something was; 3: it could not go on."""
        return EXIT_RED if self.kept else EXIT_INFRA if self.fatal or not self.runs else EXIT_PASS


def hunt(wanted: Wanted, console: Console) -> RaceTotals:
    """Hunt for ``wanted.seconds`` in a new directory; the record is ``races.json`` there."""
    if wanted.bare:
        raise UserError("races are of L0's kernel, and the bare machine has none: no --bare")
    make_directory(wanted.out)
    if any(wanted.out.iterdir()):
        raise UserError(f"{wanted.out} is not empty, and a hunt for races does not go on; give another --out")
    lane = replace(LANE, model=wanted.model or LANE.model, timing=wanted.timing or LANE.timing)
    spec = stack_for(lane, wanted)
    with Progress(console) as progress:
        images = Builder(Store(), progress).images(spec, watched=True)
    kernel = spec.levels[Level.L0].kernel
    as_new = new_here(wanted, kernel, images, console, KNOWN)
    started, totals = time.monotonic(), RaceTotals()
    orders = [
        RaceOrder(
            seed=wanted.seed,
            first=number,
            stride=wanted.jobs,
            images=images,
            spec=spec,
            out=wanted.out.absolute(),
            deadline=started + wanted.seconds,
            kernel=kernel,
            mutant=wanted.mutant,
            one=wanted.one,
            as_new=as_new,
            kinds=wanted.kinds,
        )
        for number in range(wanted.jobs)
    ]
    silent = RaceNote("a worker ended without a word", fatal=True)
    found = events(worker.main, orders, started + wanted.seconds + END_S, silent)
    try:
        with closing(found):
            for event in found:
                totals.take(event)
                totals.seconds = time.monotonic() - started
                save(wanted.out, wanted, totals)
                if isinstance(event, RaceNote):
                    console.print(event.text, highlight=False, soft_wrap=True)
                    if event.kept and wanted.one:
                        break
    finally:
        shutil.rmtree(wanted.out / "machines", ignore_errors=True)
        totals.seconds = time.monotonic() - started
        save(wanted.out, wanted, totals)
    return totals


def save(out: Path, wanted: Wanted, totals: RaceTotals) -> None:
    """Leave the record."""
    data = {"seed": wanted.seed, "mutant": wanted.mutant, "totals": totals.to_json()}
    write_atomic(out / RECORD, json.dumps(data, indent=1, sort_keys=True))


def print_totals(totals: RaceTotals, console: Console) -> None:
    """Say in a few lines what was done."""
    verdicts = ", ".join(f"{count} {word}" for word, count in sorted(totals.verdicts.items()))
    console.print(
        f"{totals.programs} programs, {totals.runs} runs in {totals.seconds:.0f} s "
        f"({60 * totals.runs / max(totals.seconds, 1):.0f} a minute), somebody held in "
        f"{totals.held}, every condition met in {totals.met}: {verdicts or 'nothing ran'}",
        highlight=False,
    )
    for name, each in sorted(totals.kinds.items()):
        console.print(
            f"  {name}: {each.programs} programs, {each.runs} runs ({each.met} met), "
            f"{each.runs / max(each.seconds, 0.1):.1f} a second, "
            f"{each.instructions / 1e6:.0f} million instructions",
            highlight=False,
        )
    for name, count in sorted(totals.known.items()):
        console.print(f"known: {count} x {name}", highlight=False)
    console.print(f"{len(totals.kept)} findings", highlight=False)
