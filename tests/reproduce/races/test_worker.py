# SPDX-License-Identifier: GPL-2.0-only
"""What a worker does with a finding: on a host that is busy, and where a known defect may explain it."""

from __future__ import annotations

import queue
import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import InfraError
from harness.program.addresses import Layout
from harness.program.allowed import allowed_of
from harness.program.program import Sample
from harness.program.render import prologue_lines
from harness.reproduce.hunt.program_findings import ProgramFinding, ProgramOutcome
from harness.reproduce.races import conflicts, worker
from harness.reproduce.races.conflict_programs import SHIFT
from harness.reproduce.races.machine import RaceTrial
from harness.reproduce.races.schedule import arrivals
from harness.reproduce.races.worker import RaceWorker
from harness.scenario.language import Place
from tests.reproduce.races.two_cpus import Log, end, whole


@dataclass
class BusyTarget:
    """A machine that fails ``failures`` times for want of time."""

    failures: int
    raced: list[bool] = field(default_factory=list)

    def race(self, _: RaceTrial, *, alone: bool = False) -> str:
        """A run."""
        self.raced.append(alone)
        if len(self.raced) <= self.failures:
            raise InfraError("the host gave QEMU less than half of what it wanted")
        return "ran"


def worker_on(target: BusyTarget) -> RaceWorker:
    made = RaceWorker.__new__(RaceWorker)
    made.target = cast(Any, target)
    made.queue = cast(Any, queue.SimpleQueue())
    return made


def test_a_finding_is_not_lost_to_a_busy_host() -> None:
    target = BusyTarget(worker.BUSY)
    made = worker_on(target)
    assert cast(Any, made.again(cast(RaceTrial, None))) == "ran"
    assert target.raced == [True] * (worker.BUSY + 1), "each from the saved state"
    assert made.queue.get().text.startswith("once more: the host gave")


def test_a_host_that_stays_busy_is_reported() -> None:
    with pytest.raises(InfraError, match="less than half"):
        worker_on(BusyTarget(worker.BUSY + 1)).again(cast(RaceTrial, None))


def stale(place: Log, lost: int = 0) -> ProgramFinding | None:
    """What a worker says of a page that is still read when L1 took it out of stage 2, after ``place``."""
    layout = Layout(SHIFT, 0, 0)
    program = conflicts.CONFLICTS["stage2"].make(random.Random(1), layout, None, "after")
    seen = [None if may is None else min(may) for may in allowed_of(program)]
    seen[max(i for i, each in enumerate(program.actions) if isinstance(each, Sample))] = (
        f"v={0x6E76_6800_0000_0000 + layout.frame(0):#x}"
    )
    first = prologue_lines(program) + 1
    outcome = ProgramOutcome("race", {first + i: each for i, each in enumerate(seen) if each}, "fail")
    batch = SimpleNamespace(splats=(), outcomes=[outcome])
    ran = SimpleNamespace(batch=batch, lost=lost, arrivals=arrivals(place))
    made = worker_on(BusyTarget(0))
    made.order = cast(Any, SimpleNamespace(as_new=()))
    return made.judged(program, cast(Any, ran))


def test_what_is_stale_is_known_where_a_fault_met_the_operation() -> None:
    """One after the other they explain nothing; where arrivals were lost nobody knows."""
    fault, operation = Place("kvm_handle_guest_abort"), Place("handle_ipas2e1is")
    met = stale([(1, fault), *whole(0, operation), (1, end(fault))])
    assert met is not None
    assert met.known == "defect-fault-against-tlbi"
    apart = [*whole(1, fault), *whole(0, operation)]
    alone = stale(apart)
    assert alone is not None
    assert not alone.known
    unknown = stale(apart, lost=1)
    assert unknown is not None
    assert unknown.known
