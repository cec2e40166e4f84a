# SPDX-License-Identifier: GPL-2.0-only
"""A machine is late by its own time where it has one, and by the host's only when it had the host's CPUs."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import InfraError
from harness.machine.patience import FEW, IDLE, STILL_S, STUCK_S, MachinePatience
from harness.machine.process import CpuTime
from harness.machine.qemu import Machine


@dataclass
class Played:
    """A machine and its clocks, moved by hand."""

    icount: bool = True
    now: float = 0.0
    count: int = 1000
    got: float = 0.0
    wanted: float = 0.0
    refuses: bool = False
    running: bool = True
    spec: Any = field(init=False)

    def __post_init__(self) -> None:
        self.spec = SimpleNamespace(flags=("-icount", "shift=0") if self.icount else ())

    @property
    def work(self) -> CpuTime:
        return CpuTime(self.got, self.wanted)

    def qmp(self, command: str) -> dict[str, int]:
        assert command == "query-replay"
        if self.refuses:
            raise InfraError("QMP query-replay failed: CommandNotFound")
        return {"icount": self.count}

    def go(self, seconds: float, instructions: int, got: float, wanted: float | None = None) -> None:
        self.now += seconds
        self.count += instructions
        self.got += got
        self.wanted += got if wanted is None else wanted


def patience(played: Played, instructions: int = 10_000, seconds: float = 5.0) -> MachinePatience:
    return MachinePatience(cast(Machine, played), instructions, seconds, lambda: played.now)


def test_a_slow_host_makes_no_machine_late_that_counts_instructions() -> None:
    played = Played()
    watched = patience(played)
    for _ in range(100):
        played.go(60.0, 90, 0.01, 60.0)
        assert watched.late() == ""
    played.go(60.0, 1001, 1.0)
    assert watched.late() == "no end within 10000 instructions"


def test_instructions_before_it_began_are_not_counted() -> None:
    played = Played(count=10**12)
    watched = patience(played)
    played.go(1.0, 10_000, 1.0)
    assert watched.late() == ""
    played.go(0.1, 1, 0.1)
    assert "10000 instructions" in watched.late()


def test_a_machine_that_executes_nothing_any_more_is_late() -> None:
    played = Played()
    watched = patience(played)
    played.go(1.0, 500, 1.0)
    assert watched.late() == ""
    played.go(STILL_S + 0.1, 0, IDLE)
    assert watched.late() == "it executes nothing any more, after 500 instructions"


def test_a_machine_that_works_and_executes_nothing_is_late() -> None:
    played = Played()
    watched = patience(played, 10 * FEW)
    played.go(100.0, FEW + 7, 2.0)
    assert watched.late() == ""
    played.go(1000.0, 0, STUCK_S - 0.1, 900.0)
    assert watched.late() == ""
    played.go(1.0, 0, 0.2)
    assert f"exceptions without an instruction between them, after {FEW + 7} instructions" in watched.late()


def test_a_machine_that_works_and_executes_next_to_nothing_is_late() -> None:
    played = Played()
    watched = patience(played, 100 * FEW)
    for _ in range(10):
        played.go(10.0, FEW + 1, 2 * STUCK_S)
        assert watched.late() == ""
    played.go(10.0, FEW // 2, STUCK_S - 0.1)
    assert watched.late() == ""
    played.go(10.0, FEW // 2, 0.2)
    assert "exceptions with hardly an instruction between them" in watched.late()


def test_a_machine_that_waits_for_a_busy_host_does_not_stand_still() -> None:
    played = Played()
    watched = patience(played)
    played.go(10 * STILL_S, 0, 0.0, 10 * STILL_S)
    assert watched.late() == ""


def test_a_model_without_instructions_has_the_hosts_time() -> None:
    played = Played(icount=False)
    watched = patience(played)
    played.go(4.9, 10**9, 4.0)
    assert watched.late() == ""
    played.go(0.2, 0, 0.2)
    assert watched.late() == "no end within 5 s"


def test_so_has_one_that_does_not_tell_them() -> None:
    played = Played(refuses=True)
    watched = patience(played)
    played.go(5.1, 10**9, 5.0)
    assert watched.late() == "no end within 5 s"


def test_late_by_a_host_that_had_no_time_for_it_is_the_hosts() -> None:
    played = Played(icount=False)
    watched = patience(played)
    played.go(6.0, 0, 1.0, 6.0)
    with pytest.raises(InfraError, match=r"1\.0 s of CPU time of the 6\.0"):
        watched.late()


def test_a_machine_that_has_ended_meanwhile_is_not_late() -> None:
    played = Played()
    watched = patience(played)
    played.refuses, played.running = True, False
    assert watched.late() == ""
