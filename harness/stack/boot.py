# SPDX-License-Identifier: GPL-2.0-only
"""A level that was just started, until its agent answers and its disks have names."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from harness.level import Level
from harness.machine.console import Console
from harness.machine.qemu import Machine
from harness.stack import vmm
from harness.stack.agent import Agent
from harness.stack.broken import LevelBroken, LevelFailed
from harness.stack.level_command import Completed
from harness.stack.patience import NEEDS, STRETCH, BootNeed, MachineSample, Patience

DEADLINE_S = {Level.L0: 120.0, Level.L1: 240.0, Level.L2: 480.0}
PREPARE_DEADLINE_S = 60.0
NOT_ANSWERED = (2, 127)  # an nvh-kvm without --caps, or none


class BootedStack(Protocol):
    """What a boot asks of ``harness.stack.stack.Stack``, whose methods say what they do."""

    slowdown: float
    needs: Mapping[Level, BootNeed]
    took: dict[Level, BootNeed]

    @property
    def machine(self) -> Machine: ...
    @property
    def agent(self) -> Agent: ...
    def console(self, level: Level) -> Console: ...
    def run(self, level: Level, command: str, timeout_s: float) -> Completed: ...
    def end_of(self, timeout_s: float) -> tuple[float, str]: ...
    def check_alive(self) -> None: ...
    def explained(self, level: Level) -> AbstractContextManager[None]: ...
    def places(self, level: Level) -> Sequence[int]: ...
    def broken(self, level: Level, cause: str) -> LevelBroken: ...
    def hung(self, level: Level, cause: str) -> LevelBroken: ...


def require_virtual_el2(stack: BootedStack) -> None:
    """Refuse a kernel that cannot run L1 as a hypervisor, before L1 would wait for its deadline.

    KVM_CAP_ARM_EL2 is offered with FEAT_NV2 and kvm-arm.mode=nested only. A root file system without
    nvh-kvm says nothing; the VMM then fails by itself. Raises ``LevelBroken``.
    """
    done = stack.run(Level.L0, "nvh-kvm --caps", PREPARE_DEADLINE_S)
    words = (done.stdout + done.stderr).decode(errors="replace").strip()
    if done.status == 0 and "arm_el2=1" in words:
        return
    if done.status in NOT_ANSWERED:
        return
    log = stack.run(Level.L0, "dmesg | grep 'kvm \\[' | tail -n 3", PREPARE_DEADLINE_S).text.strip()
    raise stack.broken(
        Level.L1,
        f"the KVM of L0's kernel offers no virtual EL2 ({words}), so it cannot run L1 as a hypervisor. "
        "Use a kernel with the nested-virtualisation series (v6.16 or later has it), and leave "
        f"kvm-arm.mode=nested on its command line. Its log says: {log or 'nothing about KVM'}",
    )


def await_agent(stack: BootedStack, level: Level) -> None:
    """Wait for the agent, but no longer than it may still come (see ``patience``): ``LevelBroken`` then.

    ``LevelFailed`` when the host gave the machine less than a boot takes. What the boot took is noted.
    """
    began, work, turns = time.monotonic(), stack.machine.work, stack.agent.turns
    console = stack.console(level)
    end, limit = stack.end_of(DEADLINE_S[level] * STRETCH)
    need = stack.needs.get(level, NEEDS[level])
    patience = Patience(DEADLINE_S[level] * stack.slowdown, need, stack.slowdown)
    why = ""

    def watch() -> bool:
        nonlocal why
        stack.check_alive()
        why = patience.over(
            MachineSample(
                time.monotonic() - began,
                stack.machine.work - work,
                len(console.text),
                stack.agent.turns - turns,
                stack.places(level) if patience.looks else (),
            )
        )
        return not why

    with stack.explained(level):
        ready = stack.agent.wait_ready(level, max(0.0, end - time.monotonic()), watch)
    spent = stack.machine.work - work
    if ready:
        stack.took[level] = BootNeed(stack.agent.turns - turns, round(spent.got / stack.slowdown, 2))
        return
    cause = why or f"its agent did not answer within {limit}"
    if patience.starved:
        seconds = need.cpu_s * stack.slowdown
        told = f"the host gave the machine {spent.got:.1f} s of CPU time, and a boot takes {seconds:.1f}"
        raise LevelFailed(level, f"{cause}, but {told}; run fewer cells at a time")
    raise stack.hung(level, cause)


def prepare(stack: BootedStack, level: Level) -> None:
    """Name the level's disks and load nvh's module there; ``LevelFailed`` when that cannot be done."""
    done = stack.run(level, vmm.prepare_script(level), PREPARE_DEADLINE_S)
    if done.status != 0:
        words = done.stderr.decode(errors="replace").strip()
        raise LevelFailed(level, f"cannot be prepared: {words}", words)
