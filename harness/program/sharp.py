# SPDX-License-Identifier: GPL-2.0-only
"""What a program can show: observations that its own operations decide, and what known defects change."""

from __future__ import annotations

from collections.abc import Sequence

from harness.program.allowed import allowed_of, observations_of
from harness.program.kernel_defects import DEFECTS, KernelDefect
from harness.program.program import Access, Host, Program, Sample


def sharp_actions(program: Program) -> list[bool]:
    """For each action whether its observation is sharp: one is allowed, and without operations others are."""
    found = []
    each = zip(program.actions, observations_of(program, ()), observations_of(program, (), True), strict=True)
    for action, may, could in each:
        looks = isinstance(action, Access | Sample)
        found.append(looks and may is not None and could is not None and len(may) == 1 < len(could))
    return found


def shows_known(program: Program, defects: Sequence[KernelDefect] = DEFECTS) -> bool:
    """Whether some of ``defects`` changes what may be observed of ``program``."""
    return allowed_of(program) != allowed_of(program, defects)


def host_actions(program: Program) -> set[str]:
    """What L0's VMM does in ``program``."""
    return {action.action for action in program.actions if isinstance(action, Host)}


def reports_known(program: Program) -> bool:
    """Whether the TLB sanitizer reports a known defect of what L0's VMM does in ``program``."""
    return any(defect.reports and host_actions(program) & defect.events for defect in DEFECTS)
