# SPDX-License-Identifier: GPL-2.0-only
"""What a worker does with a finding on a host that is busy."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from harness.errors import InfraError
from harness.reproduce.races import worker
from harness.reproduce.races.machine import RaceTrial
from harness.reproduce.races.worker import RaceWorker


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


def test_a_host_that_stays_busy_is_told() -> None:
    with pytest.raises(InfraError, match="less than half"):
        worker_on(BusyTarget(worker.BUSY + 1)).again(cast(RaceTrial, None))
