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
