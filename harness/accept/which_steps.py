# SPDX-License-Identifier: GPL-2.0-only
"""Which patches of a series are built and tested, and the search for the first bad one."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.errors import UserError

ALL = "all"
LAST = "last"


def chosen(words: str, count: int) -> tuple[int, ...]:
    """Return the numbers of the patches to test, of ``count``: ``all``, ``last``, or ``1,3`` and ``2-4``.

    The last one is always among them. ``UserError`` for numbers that the series does not have.
    """
    if words == ALL:
        return tuple(range(1, count + 1))
    numbers = {count}
    for word in words.split(",") if words != LAST else ():
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", word.strip())
        if not match:
            raise UserError(f"--patches {words!r} is neither all, nor last, nor numbers such as 1,3 or 2-4")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= count:
            raise UserError(f"--patches {word}: the series has the patches 1 to {count}")
        numbers |= set(range(first, last + 1))
    return tuple(sorted(numbers))


def first_bad(good: int, bad: int, is_bad: Callable[[int], bool]) -> int:
    """Return the first bad patch after ``good`` up to ``bad``, by bisection.

    ``good`` is known to be good (0: the base) and ``bad`` to be bad. At most log2 of the distance are tried.
    """
    while bad - good > 1:
        middle = (good + bad) // 2
        if is_bad(middle):
            bad = middle
        else:
            good = middle
    return bad
