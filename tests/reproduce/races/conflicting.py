# SPDX-License-Identifier: GPL-2.0-only
"""Programs of two CPUs for the tests, and what a machine may say of them."""

from __future__ import annotations

import random

from harness.program.addresses import Layout
from harness.program.allowed import allowed_of
from harness.program.program import Program, Sample
from harness.reproduce.races import conflict_programs, conflicts

LAYOUT = Layout(conflict_programs.SHIFT, 0, 0)


def made(name: str, seed: int = 1) -> Program:
    return conflicts.CONFLICTS[name].make(random.Random(seed), LAYOUT, None, "")


def tokens(program: Program, last: str) -> list[str | None]:
    """What a right machine sees, but for ``last`` at the last sample."""
    found = [None if may is None else min(may) for may in allowed_of(program)]
    at = max(i for i, action in enumerate(program.actions) if isinstance(action, Sample))
    found[at] = last
    return found
