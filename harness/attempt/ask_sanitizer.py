# SPDX-License-Identifier: GPL-2.0-only
"""Asks the sanitizer of a cell's machine after the last step, for the oracle ``break-before-make``."""

from __future__ import annotations

from collections.abc import Sequence

from harness.attempt.sanitize import Sanitizer
from harness.check.breaks import Breaks
from harness.check.oracle import named
from harness.errors import NvhError
from harness.scenario.language import Expectation
from harness.stack.stack import Stack


def breaks(stack: Stack, checker: Sanitizer | None, expectations: Sequence[Expectation]) -> Breaks | None:
    """Read what it has left so far while the machine stands still; None if no expectation asks for it.

    What cannot be read says why and is no error of the cell. The machine runs afterwards.
    """
    if checker is None or not any(each.sanitized for each in named(expectations)):
        return None
    try:
        with stack.halted():
            return checker.breaks()
    except NvhError as error:
        return Breaks(problem=f"the machine could not be stopped: {error}")
