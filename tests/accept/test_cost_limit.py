# SPDX-License-Identifier: GPL-2.0-only
"""Figures that speak decide: TLBIs that are gone, instructions beyond the limit; noise does neither."""

from __future__ import annotations

import dataclasses

import pytest

from harness.accept.cost import CostRow
from harness.accept.cost_limit import LIMIT, HandlerChange, by_handler, judge

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


def test_fewer_tlbis_are_reported() -> None:
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


def test_a_handler_moves_with_most_of_its_kinds() -> None:
    """One operation that found more to unmap is none; a dearer handler is, and a cheaper one is behind it."""
    alone = [row(op=f"ipas2e1{end}") for end in ("", "os", "isnxs")]
    assert by_handler([row(insns_min=(1000, 9000)), *alone]) == []
    dearer = [row(op=each.op, insns_min=(1000, 1150)) for each in alone]
    other = row(op="vae1is", operand="", insns_min=(1000, 950))
    assert by_handler([ROW, *dearer, other]) == [
        HandlerChange("l1", "ipas2e1 4K level 3", 4, 0.15),
        HandlerChange("l1", "vae1", 1, -0.05),
    ]
    assert by_handler([row(insns_min=(1000, 1150), count=(2, 2))]) == []
    assert by_handler([row(insns_min=(1000, 1150), alike=False)]) == []


def test_the_limit_is_the_callers() -> None:
    dear = row(insns_min=(1000, 1300))
    assert judge([dear], 0.5).against == ()
    assert judge([dear], None).against == ()
    assert judge([dear], LIMIT).against
    assert judge([row(insns_min=(1000, 1031))], 0.0).against


def test_what_became_cheaper_is_reported_and_does_not_reject() -> None:
    found = judge([row(insns_min=(1000, 600))])
    assert found.against == ()
    assert "cheaper: ipas2e1is 4K level 3 at l1 1000 -> 600 (-40%)" in found.remarks[0]


def test_the_worst_come_first_and_the_rest_is_counted() -> None:
    rows = [row(op=f"op{n}", insns_min=(1000, 1200 + n)) for n in range(6)]
    (reason,) = judge(rows).against
    assert reason.index("op5") < reason.index("op4")
    assert "and 3 more" in reason


def test_one_operation_that_moves_alone_is_chance_and_its_siblings_bear_a_rise_out() -> None:
    """ripas2le1os of one class went from 4653 to 50059 under a series that changes nothing: another CPU."""
    quiet = [row(op=op) for op in ("ipas2e1", "ipas2le1is", "ipas2e1os", "ipas2le1nxs")]
    moved = row(op="ipas2le1os", insns_min=(1000, 10000))
    assert judge([*quiet, moved]) == judge([])
    assert judge([*quiet, row(op="ipas2le1os", insns_min=(10000, 1000))]) == judge([])
    dear = [dataclasses.replace(each, insns_min=(1000, 1230)) for each in quiet]
    (reason,) = judge([*dear, moved]).against
    assert "1000 -> 1230 (+23%)" in reason
    other_class = [dataclasses.replace(each, operand="64K level 2") for each in quiet]
    assert judge([*other_class, moved]).against  # of other operands nothing is said
    assert judge([row(op="vae1is"), moved]).against
    assert judge([row(op="alle2is", insns_min=(1000, 1230)), row(op="vmalle1is")]).against
