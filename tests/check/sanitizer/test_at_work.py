# SPDX-License-Identifier: GPL-2.0-only
"""Rule "at work": a TLBI is not late while a PE is still in the kernel that may owe it."""

from __future__ import annotations

import pytest

from tests.check.sanitizer.conftest import Driver
from tests.check.sanitizer.one_page import VA, dsb, leaf, settle, tlbi, use, world

BOUND = 5000
"""More entries of all PEs than anything waits for."""


@pytest.fixture
def begun(driver: Driver) -> Driver:
    """PE 1 has run a task of L0 and comes to the kernel; what PE 0 holds of stage 2 is changed meanwhile."""
    world(driver)
    driver("host", 1)
    use(driver)
    driver("kernel", 1)
    leaf(driver, 0)
    use(driver)
    return driver


def test_nothing_is_late_while_the_kernel_is_at_it(begun: Driver) -> None:
    settle(begun)
    assert begun.found() == []
    tlbi(begun, "ipas2e1is", pe=1, ipa=VA)
    tlbi(begun, "vmalle1is", pe=1)
    dsb(begun, 1)
    begun("host", 1)
    settle(begun)
    assert begun.found() == []


@pytest.mark.parametrize("leaves", [("host", 1), ("enter", 1), ("idle", 1, 1)])
def test_it_is_late_when_the_kernel_is_done(begun: Driver, leaves: tuple[str | int, ...]) -> None:
    begun(*leaves)
    settle(begun)
    assert set(begun.found()) == {"unmapped:combined", "unmapped:stage2"}


def test_a_kernel_that_never_ends_is_not_waited_for_for_good(begun: Driver) -> None:
    begun.many(["enter 0"] * BOUND)
    assert set(begun.found()) == {"unmapped:combined", "unmapped:stage2"}


@pytest.mark.parametrize("before", [("host", 1), ("enter", 1)])
def test_a_pe_that_stays_below_owes_nothing(driver: Driver, before: tuple[str | int, ...]) -> None:
    world(driver)
    driver("host", 0)
    driver(*before)
    use(driver)
    leaf(driver, 0)
    use(driver)
    settle(driver)
    assert set(driver.found()) == {"unmapped:combined", "unmapped:stage2"}


def test_a_program_without_tasks_may_poll_for_good(driver: Driver) -> None:
    world(driver)
    driver("enter", 1)
    use(driver)
    driver("kernel", 1)
    leaf(driver, 0)
    use(driver)
    settle(driver)
    assert set(driver.found()) == {"unmapped:combined", "unmapped:stage2"}
