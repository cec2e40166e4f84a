# SPDX-License-Identifier: GPL-2.0-only
"""Commands for which L0 unmaps whole shadow contexts, and what a model with 52 bits of PA makes of them.

KVM unmaps a shadow context over the whole PA size of the model in steps of 1 GiB, with a TLBI in each: 46 s
a context with 52 bits, 3 s with 48, 0.15 s with 48 and no FEAT_TLBIRANGE (docs/litmus.md, "Facts about KVM").
For so long L1's vCPU stands still, and L1's watchdog, which waits 10 s (kernel.watchdog_thresh), calls that
a hard lockup: a splat that is the model's size and nobody's defect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import Location
from harness.level import Level
from harness.scenario.language import Run, Step, WaitFor

WHOLE, FEW = "whole", "few"
"""What ``contexts`` of a stack says: they are unmapped whole, or few are, whatever the commands look like."""


@dataclass(frozen=True, slots=True)
class Walker:
    """A kind of command. ``levels`` where it does so; ``but``: what keeps it from it."""

    levels: tuple[Level, ...]
    text: re.Pattern[str]
    why: str
    but: re.Pattern[str] | None = None

    def fits(self, level: Level | None, command: str) -> bool:
        """Whether ``command`` at ``level`` is one."""
        if level not in self.levels or not self.text.search(command):
            return False
        return self.but is None or not self.but.search(command)


_L1 = (Level.L1,)
_L0 = (Level.L0,)
_MANY = re.compile(r"\b(?:for|while|until|xargs|parallel|seq)\b")

WALKERS = (
    Walker(
        _L1,
        re.compile(
            r"\bnvh-kvm\b(?:[^\n;|&]*--case[ =](?:vmid-reuse|all)\b|(?![^\n;|&]*--(?:case|list|caps)\b))"
        ),
        "creates more VMs than L0 has shadow contexts, two per vCPU (S2_MMU_PER_VCPU),",
    ),
    Walker(
        _L1,
        re.compile(rf"(?s){_MANY.pattern}.*\bnvh-kvm\b"),
        "creates and ends a VM in each turn of a loop",
    ),
    Walker(
        _L1,
        re.compile(
            r"\bqemu-system-|\b(?:lkvm|kvmtool|kvm-unit-tests|run_tests\.sh|firecracker|crosvm|"
            r"cloud-hypervisor)\b|/dev/kvm\b"
        ),
        "creates and ends VMs",
    ),
    Walker(
        _L1,
        re.compile(r"(?s)\bnvh-tlbi\b.*\b(?:vmalls12e1|alle1)(?:is|os)?(?:nxs)?\b"),
        "executes an operation for a whole context",
    ),
    Walker(
        _L0,
        re.compile(r"^(?:migrate|balloon|plug|unplug|swap-out|merge|hwpoison) |\bnvh-pages\b"),
        "takes memory from L1, for which KVM walks every context,",
    ),
    Walker(_L0, re.compile(r"\bnvh-reclaim\b"), "takes memory from L1, for which KVM walks every context"),
    Walker(
        _L0,
        re.compile(
            r"\bnvh-litmus\b[^\n;|&]*--case[ =]'?"
            r"(?:(?:nvhe-)?s2-(?:remote-)?all|s2-(?:vmids|recycled)|l0-|vncr-l0)"
        ),
        "runs cases in which KVM walks whole contexts",
        re.compile(r"--quick\b"),
    ),
)


def walking(steps: Iterable[Step]) -> tuple[Location, str] | None:
    """Return the first step for which L0 unmaps whole contexts, and why; None if there is none known."""
    for step in steps:
        if not isinstance(step, Run | WaitFor) or not step.command:
            continue
        for walker in WALKERS:
            if walker.fits(step.level, step.command):
                return step.where, walker.why
    return None
