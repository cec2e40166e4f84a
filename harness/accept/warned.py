# SPDX-License-Identifier: GPL-2.0-only
"""Which warnings of the compiler a step added."""

from __future__ import annotations

from collections.abc import Collection

from harness.accept.lab import StepBuild


def added(before: StepBuild, after: StepBuild, touched: Collection[str]) -> tuple[tuple[str, ...], bool]:
    """Return the warnings of ``after`` that ``before`` has not, and whether that could be told.

    Objects are compared with themselves. Of an object without a record (a new one, or a kernel that was built
    before warnings were recorded) those count that are in a file of the series, ``touched``.
    """
    if after.warnings is None:
        return (), False
    known = before.warnings
    found: list[str] = []
    for name, texts in after.warnings.items():
        if known is not None and name in known:
            found += [text for text in texts if text not in known[name]]
        else:
            found += [text for text in texts if text.partition(": ")[0] in touched]
    return tuple(dict.fromkeys(found)), known is not None
