# SPDX-License-Identifier: GPL-2.0-only
"""A hang is told from a slow machine by what moved while model time went on."""

from __future__ import annotations

import pytest

from harness.machine.process import CpuTime
from harness.machine.qemu import CpuState
from harness.stack.diagnosis import Activity, describe

SAMPLES = 20
RESTING = 50
Cpu = list[CpuState]
SPIN = [CpuState(0x1000, 1, (1, 2))] * SAMPLES
SPIN_OF_TWO = [CpuState(0x1000 + 4 * (n % 2), 1, (1, 2)) for n in range(SAMPLES)]
# isb; mrs x0, cntvct_el0; cmp; b.lo: one address, for a translation block is never left in between
COUNTER = [CpuState(0x1000, 1, (n, 2)) for n in range(SAMPLES)]
CODE = [CpuState(0x1000 + 64 * n, 2, (n, n)) for n in range(SAMPLES)]


def machine(*cpus: Cpu, got: float = 1.0, wanted: float = 1.0, idle_turns: int = 0) -> Activity:
    return Activity(1.0, CpuTime(got, wanted), list(zip(*cpus, strict=True)), idle_turns)


@pytest.mark.parametrize(
    ("seen", "begins"),
    [
        (machine(SPIN, SPIN_OF_TWO), "hung: every CPU of the machine spins"),
        (machine(COUNTER, COUNTER), "slow or waits"),
        (machine(SPIN, COUNTER), "slow or waits"),
        (machine(SPIN, CODE), "busy: its CPUs execute code"),
        (machine(SPIN, got=0.01, wanted=0.01), "hung: every CPU of the machine is idle"),
        (machine(SPIN, got=0.01, wanted=0.3), "hung: every CPU of the machine is idle"),
        (machine(SPIN, idle_turns=RESTING + 1), "hung: every CPU of the machine is idle"),
        (machine(SPIN, got=0.01, wanted=1.0), "slow: the host gave it 0.0 s of CPU time"),
        (machine(SPIN[:3]), "slow: the host gave it"),
        (Activity(1.0, CpuTime(1.0, 1.0), []), "hung: QEMU's monitor does not answer either"),
    ],
)
def test_what_a_machine_does(seen: Activity, begins: str) -> None:
    assert describe(seen, RESTING).startswith(begins)


def test_figures_are_reported() -> None:
    assert describe(machine(CODE), RESTING).endswith("(host CPU use 100%, 20 addresses seen)")
