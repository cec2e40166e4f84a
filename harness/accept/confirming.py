# SPDX-License-Identifier: GPL-2.0-only
"""Which of the cells that differ run some more, so that chance can be told from the series.

One cell that differs beyond chance decides as well as ten. Where somebody named the cells all of them run
again; where nvh chose them, within a time, as many as a share of the budget has time for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.accept.compare import CellRuns, improved

SHARE = 0.5
"""Of the budget, as if no two cells ran at once."""


def affordable(
    cells: Iterable[str],
    base: Mapping[str, CellRuns],
    series: Mapping[str, CellRuns],
    more: int,
    within_s: float,
) -> list[str]:
    """Return those of ``cells`` that have time to run ``more`` times on both sides, in ``within_s`` seconds.

    The cheapest come first. Of those that are worse and of those that are better one runs in any case.
    """
    price_s = {cell: more * sum(side[cell].results[-1].seconds for side in (base, series)) for cell in cells}
    found: list[str] = []
    seen: set[bool] = set()
    spent_s = 0.0
    for cell in sorted(price_s, key=lambda cell: price_s[cell]):
        better = improved(base[cell], series[cell])
        if better in seen and spent_s + price_s[cell] > within_s:
            continue
        found.append(cell)
        seen.add(better)
        spent_s += price_s[cell]
    return found
