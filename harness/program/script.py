# SPDX-License-Identifier: GPL-2.0-only
"""A program as nvh-litmus gets it: what may be observed, and where L1 still owes an invalidation."""

from __future__ import annotations

from harness.program.allowed import allowed_of, loose_of
from harness.program.program import Program
from harness.program.render import render


def script(program: Program, name: str, fresh: bool = False) -> str:
    """The text of ``program``, with all that follows from the reference model."""
    return render(program, name, allowed_of(program), fresh, loose_of(program))
