# SPDX-License-Identifier: GPL-2.0-only
"""Programs for the tests: some of each kind, made once."""

from __future__ import annotations

import functools

from harness.program.generate import generate
from harness.program.kinds import KINDS
from harness.program.program import Program

EACH = 24


@functools.cache
def sample() -> tuple[tuple[str, Program], ...]:
    """Kind and program."""
    return tuple((kind, generate("tests", kind, i)) for kind in KINDS for i in range(EACH))
