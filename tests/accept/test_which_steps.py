# SPDX-License-Identifier: GPL-2.0-only
"""Which patches are tested, and how the first bad one is found."""

from __future__ import annotations

import math

import pytest

from harness.accept.which_steps import chosen, first_bad
from harness.errors import UserError


def test_chosen() -> None:
    assert chosen("all", 3) == (1, 2, 3)
    assert chosen("last", 5) == (5,)
    assert chosen("1,3", 5) == (1, 3, 5)
    assert chosen("2-4,1", 4) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("words", "message"), [("first", "neither all"), ("0", "1 to 3"), ("2-9", "1 to 3"), ("", "neither")]
)
def test_wrong_numbers(words: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        chosen(words, 3)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 30])
def test_the_first_bad_one_is_found_in_few_steps(count: int) -> None:
    for culprit in range(1, count + 1):
        tried: list[int] = []

        def is_bad(number: int, culprit: int = culprit, tried: list[int] = tried) -> bool:
            tried.append(number)
            return number >= culprit

        assert first_bad(0, count, is_bad) == culprit
        assert len(tried) <= math.ceil(math.log2(count)) if count > 1 else not tried
        assert 0 not in tried
        assert count not in tried
