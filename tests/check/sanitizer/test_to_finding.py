# SPDX-License-Identifier: GPL-2.0-only
"""The judge on small tables in memory: each rule broken and kept, the history, and what is not told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.check.sanitizer.code_places import Places
from harness.check.sanitizer.report_lines import lines
from harness.check.sanitizer.reports import SanitizerReport
from tests.check.sanitizer.conftest import Driver
from tests.check.sanitizer.one_page import (
    OTHER,
    ROOT,
    TABLE,
    VA,
    VMID,
    VTCR,
    A,
    B,
    dsb,
    leaf,
    settle,
    tlbi,
    use,
    world,
)


def test_walks_what_was_put(driver: Driver) -> None:
    world(driver)
    answer = driver("walk", 0, VA + 0x123)
    assert answer == "mapped stage 2 pa 0x50000000 ipa 0x200000 level 3 size 0x1000 perms 0x3f steps 1"
    assert driver("walk", 0, VA + 0x1000).startswith("no translation stage 2")


def test_a_changed_translation_is_reported_with_its_history(driver: Driver) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    tlbi(driver, "vmalle1is")
    tlbi(driver, "ipas2e1is", ipa=VA + 0x1000)
    tlbi(driver, "ipas2e1is", vmid=9, ipa=VA)
    dsb(driver)
    leaf(driver, B)
    use(driver)
    assert driver.found() == ["remapped:stage2"]
    (report,) = driver.reports
    assert (report["entry"]["out"], report["now"]["out"]) == (hex(A), hex(B))
    assert report["entry"]["vmid"] == VMID
    assert report["va"] == hex(VA)
    assert report["entry"]["filled"]["pc"] == "0x1234"
    assert {near["op"]: near["why"] for near in report["near"]} == {
        "ipas2e1is": "its address or range is another one",
        "vmalle1is": "it is for the other stage",
    }
    assert "another VMID was loaded" in {near["why"] for near in report["near"]}
    use(driver)
    assert len(driver.reports) == 1, "the entry is told once"


def of_stage2(driver: Driver) -> dict[str, Any]:
    """The one report about the entry of stage 2; there is one about the combined entry beside it."""
    (report,) = [each for each in driver.reports if each.get("entry", {}).get("kind") == "stage2"]
    return report


FARTHER = 0x40_0000
"""More than a neighbour of VA."""


@pytest.mark.parametrize(
    ("others", "operation", "why"),
    [
        ([], ("ipas2e1is", {"ipa": VA + FARTHER}), "its address or range is another one"),
        # Of all that ran the one that lacks least, not the last one.
        (
            [("ipas2e1", {"ipa": VA + FARTHER, "vmid": 9, "pe": 1})],
            ("ipas2e1is", {"ipa": VA + FARTHER}),
            "its address or range is another one",
        ),
        (
            [],
            ("ipas2e1", {"ipa": VA + FARTHER, "vmid": 9, "pe": 1}),
            "it is for the executing PE alone, and another VMID was loaded, "
            "and its address or range is another one",
        ),
        (
            [],
            ("ripas2e1is", {"ipa": VA + FARTHER, "tg": 2, "vmid": 9}),
            "another VMID was loaded, and its address or range is another one, "
            "and its TG or TTL names another granule",
        ),
        (
            [("vae2is", {"va": VA + FARTHER})],
            ("ipas2e1is", {"ipa": VA + FARTHER, "vmid": 9}),
            "another VMID was loaded, and its ",
        ),
    ],
)
def test_where_none_came_close_the_nearest_says_what_it_lacks(
    driver: Driver, others: list[tuple[str, dict[str, int]]], operation: tuple[str, dict[str, int]], why: str
) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    for name, fields in [operation, *others]:
        tlbi(driver, name, **fields)
    dsb(driver)
    dsb(driver, pe=1)
    leaf(driver, B)
    use(driver)
    settle(driver)
    report = of_stage2(driver)
    (near,) = report["near"]
    assert near["far"] is True
    assert near["op"] == operation[0]
    assert near["why"].startswith(why)
    told = "\n".join(lines(SanitizerReport(report["finding"], report), Places({})))
    assert f"nearest of all that ran since then: {near['seq']}: {operation[0]}" in told


def test_a_close_one_is_reported_before_any_that_is_far(driver: Driver) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    tlbi(driver, "ipas2e1is", ipa=VA + 0x1000)
    tlbi(driver, "ipas2e1is", ipa=VA + FARTHER)
    dsb(driver)
    leaf(driver, B)
    use(driver)
    settle(driver)
    (near,) = of_stage2(driver)["near"]
    assert "far" not in near
    assert near["why"] == "its address or range is another one"


def test_where_nothing_ran_that_is_said(driver: Driver) -> None:
    world(driver)
    tlbi(driver, "ipas2e1is", ipa=VA + FARTHER)  # before the entry: nothing that could have taken it
    dsb(driver)
    use(driver)
    leaf(driver, B)
    use(driver)
    settle(driver)
    report = of_stage2(driver)
    assert report["near"] == []
    assert "no operation was executed since then" in "\n".join(
        lines(SanitizerReport(report["finding"], report), Places({}))
    )


RIGHT: list[Callable[[Driver], object]] = [
    lambda d: (tlbi(d, "ipas2e1is", ipa=VA), tlbi(d, "vmalle1is")),
    lambda d: tlbi(d, "vmalls12e1is"),
    lambda d: tlbi(d, "vmalls12e1"),
    lambda d: tlbi(d, "alle1os"),
    lambda d: (tlbi(d, "ripas2e1is", ipa=VA, tg=1), tlbi(d, "vmalle1nxs")),
]


@pytest.mark.parametrize("invalidate", RIGHT)
def test_done_right_nothing_is_reported(driver: Driver, invalidate: Callable[[Driver], object]) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    invalidate(driver)
    dsb(driver, scope="os")
    leaf(driver, B)
    use(driver)
    settle(driver)
    assert driver.found() == []
    assert driver.counters()["invalidated"] == 2


def test_an_invalidation_counts_from_its_dsb(driver: Driver) -> None:
    world(driver)
    use(driver, 1)
    leaf(driver, 0)
    tlbi(driver, "vmalls12e1is")
    dsb(driver, pe=1)  # another PE's, which completes nothing of PE 0
    leaf(driver, B)
    use(driver, 1)
    assert sorted(driver.found()) == ["remapped:combined", "remapped:stage2"]
    assert {near["why"] for near in driver.reports[0]["near"]} == {
        "it covers it, but no DSB of that PE has completed it"
    }


def test_a_dsb_of_a_smaller_domain_is_not_enough(driver: Driver) -> None:
    world(driver)
    use(driver, 1)
    leaf(driver, 0)
    tlbi(driver, "vmalls12e1os")
    dsb(driver, scope="local")
    leaf(driver, B)
    use(driver, 1)
    assert len(driver.found()) == 2


def test_a_dsb_ish_completes_an_outer_shareable_operation(driver: Driver) -> None:
    """It is complete for the PEs of the barrier's domain, and all PEs of a machine are in one."""
    world(driver)
    use(driver, 1)
    leaf(driver, 0)
    tlbi(driver, "vmalls12e1os")
    dsb(driver, scope="is")
    leaf(driver, B)
    use(driver, 1)
    assert driver.found() == []


def test_what_is_filled_after_the_operation_stays(driver: Driver) -> None:
    world(driver)
    tlbi(driver, "vmalls12e1is")
    use(driver)
    dsb(driver)
    leaf(driver, B)
    use(driver)
    assert sorted(driver.found()) == ["remapped:combined", "remapped:stage2"]


def test_unmapped_waits_for_the_invalidation(driver: Driver) -> None:
    """Between the change and the TLBI another PE may fault: legal, and told only if no TLBI comes."""
    world(driver)
    use(driver)
    leaf(driver, 0)
    use(driver)
    assert driver.found() == []
    tlbi(driver, "vmalls12e1is")
    dsb(driver)
    settle(driver)
    assert driver.found() == []
    assert (driver.counters()["pending"], driver.counters()["waiting"]) == (2, 0)


def test_what_is_open_is_what_no_invalidation_has_resolved_and_how_long(driver: Driver) -> None:
    """Whether or not enough entries have passed for the rule "pending" to review it."""
    world(driver)
    use(driver)
    leaf(driver, 0)
    use(driver)
    first = driver.counters()
    assert (first["pending"], first["waiting"], first["oldest"]) == (2, 2, first["steps"])
    driver.many(["use 1 0x200000 0x1234"] * 10)  # another PE, without an entry
    later = driver.counters()
    assert (later["waiting"], later["oldest"], later["steps"]) == (2, first["oldest"], first["steps"] + 10)
    tlbi(driver, "vmalls12e1is")
    assert driver.counters()["waiting"] == 2, "it counts from its DSB"
    dsb(driver)
    assert (driver.counters()["waiting"], driver.counters()["oldest"]) == (0, 0)


def test_what_is_right_again_is_not_open(driver: Driver) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    use(driver)
    leaf(driver, A)
    assert driver.counters()["waiting"] == 0
    leaf(driver, 0)
    assert driver.counters()["waiting"] == 2


def test_unmapped_without_an_invalidation_is_reported(driver: Driver) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    use(driver)
    settle(driver)
    assert sorted(driver.found()) == ["unmapped:combined", "unmapped:stage2"]


def test_a_translation_that_comes_back_is_no_fault(driver: Driver) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    use(driver)
    leaf(driver, A)
    settle(driver)
    assert driver.found() == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(0x4FF, 0x47F, ["narrowed:combined", "narrowed:stage2"]), (0x47F, 0x4FF, []), (0x4FF, 0xFF, [])],
    ids=["write-protected", "widened", "access flag cleared"],
)
def test_permissions(driver: Driver, before: int, after: int, told: list[str]) -> None:
    world(driver)
    leaf(driver, A, before)
    use(driver)
    leaf(driver, A, after)
    use(driver)
    settle(driver)
    assert sorted(driver.found()) == told


def test_a_vmid_with_other_tables(driver: Driver) -> None:
    world(driver)
    use(driver)
    root, table, other = (at + 0x10_0000 for at in (ROOT, TABLE, OTHER))
    driver.many([f"put {root} {table | 3}", f"put {table + 8} {other | 3}", f"put {other} {B | 0x4FF}"])
    driver("context", 0, 0, 0, 1, 0, VMID, 0, 0, 0, 0, VTCR, root | VMID << 48, 1)
    use(driver)
    assert sorted(driver.found()) == ["vmid-reused:combined", "vmid-reused:stage2"]


def test_no_break_before_make(driver: Driver) -> None:
    world(driver)
    use(driver)
    leaf(driver, B)
    tlbi(driver, "ipas2e1is", ipa=VA)
    dsb(driver)
    assert driver.found() == ["no-break:stage2"]
    assert driver.reports[0]["tlbi"]["op"] == "ipas2e1is"


def test_a_lower_el_is_entered_before_the_dsb(driver: Driver) -> None:
    world(driver)
    tlbi(driver, "vmalle1is")
    driver("enter", 0)
    assert driver.found() == ["not-completed"]
    driver("enter", 0)
    assert len(driver.reports) == 1
    tlbi(driver, "vmalle1is", el=1)
    driver("enter", 0)
    tlbi(driver, "vmalle1is")
    dsb(driver)
    driver("enter", 0)
    assert len(driver.reports) == 1


def test_self_test_drops_every_nth(driver: Driver) -> None:
    world(driver)
    driver("left-out", 2)
    assert [tlbi(driver, "vmalls12e1is") for _ in range(4)] == ["nothing"] * 4
    assert driver.counters()["left_out"] == 2


def test_a_block_goes_by_any_of_its_addresses(driver: Driver) -> None:
    world(driver)
    driver("put", TABLE + 16, 0x5020_0000 | 0x4FD)  # a block of 2 MB at 0x400000
    use(driver, va=0x40_3000)
    assert tlbi(driver, "ipas2e1is", ipa=0x60_0000) == "nothing"
    assert tlbi(driver, "ipas2e1is", ipa=0x5F_F000) == "gone"


def test_entries_without_room_are_counted(driver_program: Path) -> None:
    small = Driver(driver_program, "1")
    world(small)
    use(small)
    assert small.counters()["overflowed"] == 1
    assert small.close() == 0


def test_who_owes_a_tlbi_may_be_preempted(driver: Driver) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    use(driver)
    driver.many(["host 0"] * 10000)
    assert not driver.reports, "L0's own EL0 does not count"
    settle(driver)
    assert "unmapped:stage2" in driver.found()


def test_l0_s_own_el0_is_entered_before_the_dsb(driver: Driver) -> None:
    world(driver)
    tlbi(driver, "vmalls12e1is")
    driver("host", 0)
    assert driver.found() == ["not-completed"]
