# SPDX-License-Identifier: GPL-2.0-only
"""Figures that speak decide: TLBIs that are gone, instructions beyond the limit; noise does neither."""

from __future__ import annotations

import dataclasses

import pytest

from harness.accept.cost import CostRow
from harness.accept.cost_limit import LIMIT, judge

ROW = CostRow("ipas2e1is", "l1", (9, 9), (1200.0, 1200.0), (1000, 1000), (1.0, 1.0), (4.0, 4.0), "4K level 3")


def row(**changes: object) -> CostRow:
    return dataclasses.replace(ROW, **changes)  # type: ignore[arg-type]


def test_nothing_changed() -> None:
    assert judge([ROW]) == judge([])


def test_tlbis_that_are_gone_reject_whatever_the_cells_say() -> None:
    gone = row(tlbis=(4.0, 0.0), silent=("cell-a",))
    (reason,) = judge([ROW, gone]).against
    assert "L0 executes no TLBI any more for ipas2e1is 4K level 3 at l1 (4 -> 0" in reason
    assert "cell-a" in reason
    assert judge([gone], None).against  # no limit on instructions is no leave for this


def test_fewer_tlbis_are_told() -> None:
    found = judge([row(tlbis=(4.0, 2.0))])
    assert found.against == ()
    assert "fewer TLBIs of L0" in found.remarks[0]
    assert judge([row(tlbis=(4.0, 3.9))]).remarks == ()
    assert judge([row(tlbis=(0.5, 0.1))]).remarks == ()  # of what L0 refuses, for example


@pytest.mark.parametrize(
    ("change", "speaks"),
    [
        ({"insns_min": (1000, 1300)}, True),
        ({"insns_min": (1000, 1230)}, True),
        ({"insns_min": (1000, 1090)}, False),  # below the limit
        ({"insns_min": (100, 125)}, False),  # a few instructions
        ({"insns_min": (1000, 1300), "count": (2, 2)}, False),  # an interrupt may have been in each
        ({"insns_min": (1000, 1300), "alike": False}, False),  # not the same executions
    ],
)
def test_instructions_beyond_the_limit(change: dict[str, object], speaks: bool) -> None:
    found = judge([row(**change)])
    assert bool(found.against) is speaks
    if speaks:
        assert "beyond the limit of +10%" in found.against[0]


def test_the_limit_is_the_callers() -> None:
    dear = row(insns_min=(1000, 1300))
    assert judge([dear], 0.5).against == ()
    assert judge([dear], None).against == ()
    assert judge([dear], LIMIT).against
    assert judge([row(insns_min=(1000, 1031))], 0.0).against


def test_what_became_cheaper_is_told_and_does_not_reject() -> None:
    found = judge([row(insns_min=(1000, 600))])
    assert found.against == ()
    assert "cheaper: ipas2e1is 4K level 3 at l1 1000 -> 600 (-40%)" in found.remarks[0]


def test_the_worst_come_first_and_the_rest_is_counted() -> None:
    rows = [row(op=f"op{n}", insns_min=(1000, 1200 + n)) for n in range(6)]
    (reason,) = judge(rows).against
    assert reason.index("op5") < reason.index("op4")
    assert "and 3 more" in reason
