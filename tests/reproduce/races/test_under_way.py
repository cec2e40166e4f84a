# SPDX-License-Identifier: GPL-2.0-only
"""A known defect explains what is stale only where a fault met an operation of stage 2."""

from __future__ import annotations

import pytest

from harness.reproduce.races.schedule import arrivals
from harness.reproduce.races.under_way import fault_under_way
from harness.scenario.language import Place
from tests.reproduce.races.two_cpus import Log, end, whole

FAULT, WALK = Place("kvm_handle_guest_abort"), Place("kvm_walk_nested_s2")
IPAS2, ALLE1, OF_STAGE_1 = Place("handle_ipas2e1is"), Place("handle_alle1is"), Place("handle_tlbi_el1")


def inside(cpu: int, outer: Place, other: Log) -> Log:
    """``other``, after the entry of ``outer`` and before its return."""
    return [(cpu, outer), *other, (cpu, end(outer))]


@pytest.mark.parametrize("operation", [IPAS2, ALLE1])
@pytest.mark.parametrize("first", [0, 1])
def test_a_fault_that_meets_an_operation(operation: Place, first: int) -> None:
    """Whichever began first, and when they overlap in part."""
    met = inside(1, FAULT, [*whole(0, operation), (1, WALK)])
    if first == 0:
        met = inside(0, operation, whole(1, FAULT, WALK))
    assert fault_under_way(arrivals(met))
    crossed = [(1, FAULT), (0, operation), (1, end(FAULT)), (0, end(operation))]
    assert fault_under_way(arrivals(crossed))


def test_one_after_the_other_have_not_met() -> None:
    log = [*whole(1, FAULT, WALK), *whole(0, IPAS2), *whole(1, FAULT, WALK), *whole(0, ALLE1)]
    assert not fault_under_way(arrivals(log))


def test_neither_the_own_cpu_nor_stage_1_counts() -> None:
    assert not fault_under_way(arrivals(inside(1, FAULT, whole(1, IPAS2))))
    assert not fault_under_way(arrivals(inside(1, FAULT, whole(0, OF_STAGE_1))))


def test_a_fault_whose_thread_went_to_another_cpu_lasts() -> None:
    """Its return is there; on its own CPU it is not over before another one is."""
    log = [(1, FAULT), (2, end(FAULT)), *whole(0, IPAS2), *whole(1, FAULT)]
    assert fault_under_way(arrivals(log))
    assert fault_under_way(arrivals(log[:-2]))
