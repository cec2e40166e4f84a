# SPDX-License-Identifier: GPL-2.0-only
"""Watches what a running machine executes, by its vCPUs' registers and QEMU's CPU time."""

from __future__ import annotations

import time

from harness.errors import NvhError
from harness.machine.qemu import CpuState, Machine
from harness.stack.agent import Agent
from harness.stack.diagnosis import WORKED_S, Activity, rests

ACTIVITY_S = 1.0
ACTIVITY_MOST_S = 5.0  # on a host that has no time for QEMU
REST_S = 0.3
LOOKS = 20


def activity(machine: Machine, agent: Agent) -> Activity:
    """Watch the machine for a second, or for longer if the host gives QEMU no time."""
    before, turns, began = machine.work, agent.idle_turns, time.monotonic()
    samples: list[list[CpuState]] = []
    with agent.running_freely():
        while True:
            samples += look(machine, agent, ACTIVITY_S)
            seconds = time.monotonic() - began
            work = machine.work - before
            starved = work.got < WORKED_S and not rests(work, seconds)
            if not samples or not starved or seconds > ACTIVITY_MOST_S:
                return Activity(seconds, work, samples, agent.idle_turns - turns)


def look(machine: Machine, agent: Agent, seconds: float) -> list[list[CpuState]]:
    """Sample the vCPUs for some seconds; nothing when QEMU's monitor does not answer."""
    end = time.monotonic() + seconds
    samples: list[list[CpuState]] = []
    with agent.running_freely():  # a monitor does not answer while the machine waits for its turn
        while time.monotonic() < end:
            try:
                samples.append(machine.cpus())
            except NvhError:  # it hangs or has gone; one deadline is enough
                return samples
            time.sleep(seconds / LOOKS)
    return samples


def at_rest(machine: Machine) -> bool:
    """Whether the machine wants to execute nothing just now."""
    before, began = machine.work, time.monotonic()
    time.sleep(REST_S)
    return rests(machine.work - before, time.monotonic() - began)
