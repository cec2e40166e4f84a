# SPDX-License-Identifier: GPL-2.0-only
"""PEs in parallel: what one used before another changed the tables, and what waits while one stands still."""

from __future__ import annotations

import pytest

from tests.check.sanitizer.conftest import Driver
from tests.check.sanitizer.one_page import VA, A, B, dsb, leaf, tlbi, use, world

READ = 1
PC = 0x1234
ENTRIES = 200
"""More entries to a guest than a disagreement waits for."""


@pytest.fixture
def parallel(driver: Driver) -> Driver:
    """Two PEs in threads of their own; the tables of both say VA -> A."""
    world(driver)
    driver("parallel")
    return driver


def used(driver: Driver, out: int, pe: int = 0) -> None:
    """An access that came to the page ``out``."""
    driver("used", pe, VA, out, READ, 0, PC)


def both_run(driver: Driver, entries: int = ENTRIES) -> None:
    driver.many(["enter 0", "step 1"] * entries)


def state(driver: Driver) -> tuple[int, int]:
    """``raced`` and ``disagreed``."""
    counters = driver.counters()
    return counters["raced"], counters["disagreed"]


def by_the_rule(driver: Driver, pe: int = 1) -> None:
    """What stage 2 owes after its descriptor was made invalid."""
    tlbi(driver, "ipas2e1is", pe=pe, ipa=VA)
    dsb(driver, pe)
    tlbi(driver, "vmalle1is", pe=pe)
    dsb(driver, pe)


def test_a_first_use_that_raced_with_a_change_is_no_doubt(parallel: Driver) -> None:
    """The model's walk, then another PE's store, then ours; the TLBI for the change comes."""
    leaf(parallel, 0)
    used(parallel, A)
    by_the_rule(parallel)
    leaf(parallel, B)
    used(parallel, B)
    both_run(parallel)
    assert parallel.found() == []
    assert state(parallel) == (1, 0)


def test_one_pe_at_a_time_cannot_race(driver: Driver) -> None:
    world(driver)
    leaf(driver, 0)
    used(driver, A)
    assert state(driver) == (0, 1)


def test_without_its_tlbi_it_is_a_doubt_after_all(parallel: Driver) -> None:
    leaf(parallel, 0)
    used(parallel, A)
    both_run(parallel, 32)
    assert state(parallel) == (1, 0)
    both_run(parallel)
    assert state(parallel) == (1, 1)
    assert parallel.found() == []


def test_a_tlbi_of_another_page_or_vmid_does_not_explain_it(parallel: Driver) -> None:
    leaf(parallel, 0)
    used(parallel, A)
    tlbi(parallel, "vmalls12e1is", pe=1, vmid=9)
    dsb(parallel, 1)
    both_run(parallel)
    assert state(parallel) == (1, 1)


def test_an_output_that_the_tables_exchange_is_a_doubt_at_once(parallel: Driver) -> None:
    """From A to B without a TLBI between is no race of a program that keeps the rules."""
    leaf(parallel, B)
    used(parallel, A)
    assert state(parallel) == (0, 1)


def test_what_raced_is_an_entry_that_must_not_outlive_its_translation(parallel: Driver) -> None:
    """Without the TLBI the PE may use A for B, and nothing else than the raced use has filled A."""
    leaf(parallel, 0)
    used(parallel, A)
    leaf(parallel, B)
    use(parallel)
    assert parallel.found() == ["remapped:combined"]


def test_a_tlbi_under_way_covers_what_raced_with_it(parallel: Driver) -> None:
    """The operation was issued between the model's walk and ours, so its DSB completes for the entry, too."""
    leaf(parallel, 0)
    tlbi(parallel, "vmalls12e1is", pe=1)
    used(parallel, A)
    dsb(parallel, 1)
    leaf(parallel, B)
    used(parallel, B)
    assert parallel.found() == []
    assert state(parallel) == (1, 0)


def test_back_again_is_no_doubt(parallel: Driver) -> None:
    leaf(parallel, 0)
    used(parallel, A)
    leaf(parallel, A)
    used(parallel, A)
    both_run(parallel)
    assert state(parallel) == (1, 0)
    leaf(parallel, 0)  # from here on it is an entry with a leaf
    used(parallel, A)
    both_run(parallel)
    assert "unmapped:combined" in parallel.found()


def test_nothing_is_late_while_the_pe_that_owes_it_stands_still(parallel: Driver) -> None:
    use(parallel)
    leaf(parallel, 0)
    parallel("step", 1)
    use(parallel)
    parallel.many(["enter 0"] * 5000)
    assert parallel.found() == []
    by_the_rule(parallel)
    both_run(parallel)
    assert parallel.found() == []


def test_it_is_late_when_every_pe_has_gone_on(parallel: Driver) -> None:
    use(parallel)
    leaf(parallel, 0)
    parallel("step", 1)
    use(parallel)
    both_run(parallel)
    assert sorted(parallel.found()) == ["unmapped:combined", "unmapped:stage2"]


def test_a_halted_pe_owes_nothing_and_one_that_woke_may(parallel: Driver) -> None:
    use(parallel)
    leaf(parallel, 0)
    parallel("step", 1)
    parallel("idle", 1, 1)
    parallel.many(["enter 0"] * 32)
    parallel("idle", 1, 0)  # awake, and without a step from here on
    use(parallel)
    parallel.many(["enter 0"] * 5000)
    assert parallel.found() == []
    parallel("idle", 1, 1)
    parallel.many(["enter 0"] * ENTRIES)
    assert sorted(parallel.found()) == ["unmapped:combined", "unmapped:stage2"]
