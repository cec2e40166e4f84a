# SPDX-License-Identifier: GPL-2.0-only
"""Costs of both sides are joined by operation and level; the cheapest execution is the figure."""

from __future__ import annotations

from harness.accept import cost
from harness.trace.executed.counts import OperationCost, Trace

IPAS2E1IS = 0xD50C8020
VAE1IS = 0xD5088320


def one(word: int, from_l1: bool, count: int, each: int, least: int) -> OperationCost:
    return OperationCost(word, from_l1, count, count * each, least, each + 5, count, 1, 1, 2 * count)


def trace(*costs: OperationCost) -> Trace:
    return Trace(0, 4, 0, costs, b"\0")


def test_rows() -> None:
    base = {"a": trace(one(IPAS2E1IS, True, 2, 1000, 900)), "b": trace(one(IPAS2E1IS, True, 2, 2000, 800))}
    series = {"a": trace(one(IPAS2E1IS, True, 4, 1500, 1000)), "b": trace(one(VAE1IS, False, 1, 300, 300))}
    first, second = cost.compare(base, series)
    assert (first.op, first.level, first.count) == ("ipas2e1is", "l1", (4, 4))
    assert first.insns == (1500.0, 1500.0)
    assert first.insns_min == (800, 1000)
    assert first.change == 0.25
    assert first.tlbis == (2.0, 2.0)
    assert (second.op, second.level, second.count, second.change) == ("vae1is", "l2", (0, 1), 0.0)


def test_cells_of_one_side_alone_are_not_compared() -> None:
    assert (
        cost.compare({"a": trace(one(VAE1IS, True, 1, 1, 1))}, {"b": trace(one(VAE1IS, True, 1, 1, 1))}) == ()
    )


def test_names() -> None:
    assert cost.name_of(IPAS2E1IS) == "ipas2e1is"
    assert cost.name_of(VAE1IS) == "vae1is"
    assert cost.name_of(0xD5088F20) == "sys #0, c8, c15, #1"


def classed(operand: int, count: int, least: int, tlbis: int, word: int = IPAS2E1IS) -> OperationCost:
    return OperationCost(word, True, count, count * least, least, least, count, 1, 1, tlbis, operand)


RIPAS2E1IS = 0xD50C8040
PAGE, BLOCK = 0b0111, 0b0110  # TTL: 4K, levels 3 and 2


def test_operands_of_another_class_are_another_row() -> None:
    """One side has more executions for a block, which costs more: nothing became dearer."""
    base = {"a": trace(classed(PAGE, 3, 1000, 3), classed(BLOCK, 3, 2700, 3))}
    rows = cost.compare(base, base)
    assert [(row.operand, row.insns_min) for row in rows] == [
        ("4K level 2", (2700, 2700)),
        ("4K level 3", (1000, 1000)),
    ]
    assert [row.change for row in rows] == [0.0, 0.0]


def test_cells_that_executed_it_less_often_are_not_compared() -> None:
    """The cheapest of one side may be of an execution that the other side does not have."""
    base = {"a": trace(classed(PAGE, 3, 1000, 3)), "b": trace(classed(PAGE, 3, 400, 3))}
    series = {"a": trace(classed(PAGE, 3, 1000, 3)), "b": trace(classed(PAGE, 2, 1100, 2))}
    (row,) = cost.compare(base, series)
    assert (row.insns_min, row.count, row.alike) == ((1000, 1000), (3, 3), True)
    (alone,) = cost.compare({"b": base["b"]}, {"b": series["b"]})
    assert (alone.insns_min, alone.alike) == ((400, 1100), False)


def test_tlbis_that_are_gone_in_one_cell_are_seen_behind_another() -> None:
    base = {"a": trace(classed(PAGE, 3, 1000, 12)), "b": trace(classed(PAGE, 3, 1000, 12))}
    series = {"a": trace(classed(PAGE, 3, 1000, 12)), "b": trace(classed(PAGE, 2, 900, 0))}
    (row,) = cost.compare(base, series)
    assert row.silent == ("b",)
    (refused,) = cost.compare({"a": trace(classed(PAGE, 3, 90, 2))}, {"a": trace(classed(PAGE, 3, 90, 0))})
    assert refused.silent == ()  # not each was followed by one on the base


def test_classes_in_words() -> None:
    assert cost.operand_of(IPAS2E1IS, 0) == ""
    assert cost.operand_of(IPAS2E1IS, 0b1010) == "16K level 2"
    assert cost.operand_of(IPAS2E1IS, 0b0100) == ""  # level 0 is no hint
    assert cost.operand_of(RIPAS2E1IS, 1 << 4 | 2 << 6 | 3 << 8) == "4K SCALE=2 NUM=4-7"
    assert cost.operand_of(RIPAS2E1IS, 3 << 4 | 3) == "64K SCALE=0 NUM=0 TTL=3"
    assert cost.operand_of(0xD50C8300, 5) == ""  # ALLE2IS has no operand
