# SPDX-License-Identifier: GPL-2.0-only
"""Intervals against published values, and against each other."""

from __future__ import annotations

import pytest

from harness.accept.stats import interval
from harness.nightly.history.interval import repeats_needed, wilson


def test_wilson_published_values() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I: score method without continuity correction.
    for count, total, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
    ):
        found = wilson(count, total)
        assert found == pytest.approx((low, high), abs=5e-5)
    assert wilson(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)


def test_exact_published_values() -> None:
    # The same table: exact method.
    for count, total, low, high in (
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
    ):
        assert interval(count, total) == pytest.approx((low, high), abs=5e-5)
    assert interval(29, 29) == pytest.approx((0.8806, 1.0), abs=5e-5)


@pytest.mark.parametrize("total", [1, 7, 100])
def test_intervals_hold_the_rate_and_the_exact_one_is_wider(total: int) -> None:
    for count in range(total + 1):
        low, high = wilson(count, total)
        exact = interval(count, total)
        assert 0 <= low <= count / total <= high <= 1
        assert exact[0] - 1e-9 <= count / total <= exact[1] + 1e-9
        assert exact[1] - exact[0] > (high - low) * 0.97


@pytest.mark.parametrize(("count", "total"), [(0, 0), (3, 2), (-1, 5)])
def test_no_rate_is_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match="no rate"):
        wilson(count, total)
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, 1.0)


def test_repeats_that_a_rate_needs() -> None:
    assert repeats_needed(1.0) == 1
    assert repeats_needed(0.5) == 5  # 0.5**5 = 0.031, 0.5**4 = 0.063
    assert repeats_needed(0.1) == 29
    with pytest.raises(ValueError, match="rate"):
        repeats_needed(0)
