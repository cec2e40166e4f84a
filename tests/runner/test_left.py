# SPDX-License-Identifier: GPL-2.0-only
"""What is left of a run: counted, and guessed from what cells usually take as they begin now."""

from __future__ import annotations

import pytest

from harness.runner.left import Left, about


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_count_and_time() -> None:
    clock = Clock()
    left = Left([60.0, 120.0, None, 60.0], 2, clock)
    assert str(left) == "0 of 4 done, about 3 min left"  # (60 + 120 + 80 + 60) / 2 = 160 s
    left.begin(0)
    left.begin(1)
    clock.now = 60.0
    left.end(0)
    assert left.seconds() == pytest.approx((60 + 60 + 60) / 2)  # of the unknown one what the ended one took
    left.begin(2, usual=300.0)  # it boots cold, after all
    assert left.seconds() == pytest.approx(300.0)  # it alone takes longer than all divided by two
    clock.now = 500.0  # longer than ever: no negative time
    left.end(1)
    left.end(2)
    assert str(left) == "3 of 4 done, about 1 min left"
    left.begin(3)
    left.end(3)
    assert str(left) == ""


def test_nothing_is_known() -> None:
    left = Left([None, None], 2, Clock())
    assert str(left) == "0 of 2 done"
    assert str(Left([5.0], 1)) == ""  # one cell is its own line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than 1 min"),
        (29, "less than 1 min"),
        (80, "about 1 min"),
        (310, "about 5 min"),
        (3720, "about 1 h 02 min"),
    ],
)
def test_about(seconds: float, words: str) -> None:
    assert about(seconds) == words
