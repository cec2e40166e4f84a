# SPDX-License-Identifier: GPL-2.0-only
"""Tells a hang from a slow machine, from samples of its vCPUs: what moved while model time went on.

An address says little: a guest that waits on its counter (``isb; mrs x0, cntvct_el0; cmp; b.lo``) is seen at
one or two, and does not hang. It reads a new value each time round, so a register changes from sample to
sample; a CPU that spins for ever changes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.machine.process import CpuTime
from harness.machine.qemu import CpuState

IDLE = 0.03
"""Host CPUs that QEMU had, below which a machine executes nothing, unless it was starved."""
STARVED = 0.5
"""Host CPUs that it wanted, from which on it may have been: what has work wants one all the time. What rests
wakes up often, and waits each time on a busy host."""
PLACES = 4
"""Addresses of a loop that is too short to do anything."""
SAMPLES = 8
"""Samples of a vCPU from which on it is said to spin or to wait."""
WORKED_S = 0.3
"""Seconds of host CPU time that QEMU must have got meanwhile: without, model time did not go on."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a machine did for ``seconds``: host CPU time, and the vCPUs' states, one tuple per sample.

    ``idle_turns``: turns of L0's in that time, 100 ms of its own each, in which nothing came. No sample:
    QEMU's monitor did not answer.
    """

    seconds: float
    work: CpuTime
    samples: Sequence[Sequence[CpuState]]
    idle_turns: int = 0

    @property
    def use(self) -> float:
        """Host CPUs that QEMU had."""
        return self.work.got / self.seconds if self.seconds else 0.0


def rests(work: CpuTime, seconds: float) -> bool:
    """Whether a machine that had ``work`` in ``seconds`` executed nothing because it had nothing to do."""
    return work.got < IDLE * seconds and work.wanted < STARVED * seconds


def describe(seen: Activity, resting_turns: int) -> str:
    """Say what the machine does. "hung" is said only of one that made no progress in model time."""
    addresses = len({state.pc for sample in seen.samples for state in sample})
    told = f" (host CPU use {seen.use:.0%}, {addresses} addresses seen)"
    if rests(seen.work, seen.seconds) or seen.idle_turns > resting_turns:
        return f"hung: every CPU of the machine is idle{told}"
    if not seen.samples:
        return f"hung: QEMU's monitor does not answer either{told}"
    if len(seen.samples) < SAMPLES or seen.work.got < WORKED_S:
        return f"slow: the host gave it {seen.work.got:.1f} s of CPU time in {seen.seconds:.1f} s{told}"
    kinds = {_cpu([sample[cpu] for sample in seen.samples]) for cpu in range(_cpus(seen.samples))}
    if kinds == {"spins"}:
        return f"hung: every CPU of the machine spins, and none changes a register{told}"
    if "executes" not in kinds:
        return f"slow or waits: its CPUs change registers in short loops, on the counter perhaps{told}"
    return f"busy: its CPUs execute code, so it is slow or loops{told}"


def _cpus(samples: Sequence[Sequence[CpuState]]) -> int:
    return min(len(sample) for sample in samples)


def _cpu(states: Sequence[CpuState]) -> str:
    """``spins``, ``waits`` (in a short loop whose registers change) or ``executes``."""
    if len({state.pc for state in states}) > PLACES:
        return "executes"
    return "spins" if len({state.registers for state in states}) == 1 else "waits"
