# SPDX-License-Identifier: GPL-2.0-only
"""The judge on small tables in memory: each rule broken and kept, the history, and what is not told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.arch.operand import Fields, encode
from harness.arch.table import by_name
from harness.check.sanitizer.code_places import Places
from harness.check.sanitizer.report_lines import lines
from harness.check.sanitizer.reports import SanitizerReport
from harness.host.paths import IMAGES
from tests.check.sanitizer.conftest import SCOPES, Driver, instruction

PAYLOADS = IMAGES / "payloads"
ROOT, TABLE, OTHER = 0x1000_0000, 0x1000_1000, 0x1000_2000
VA, A, B = 0x20_0000, 0x5000_0000, 0x5000_1000
PAGE = 0x703 | 1 << 11 | 1 << 6  # AF, shareable, EL0 too, nG
VTCR = 25 | 1 << 6 | 1 << 31 | 2 << 16  # T0SZ 25: start at level 1, 4 KB
VMID = 3


def world(driver: Driver, vmid: int = VMID, pes: int = 2) -> None:
    """Stage 2 alone: three levels below ROOT, VA -> A."""
    driver("put", ROOT, TABLE | 3)
    driver("put", TABLE + 8, OTHER | 3)
    leaf(driver, A)
    for pe in range(pes):
        driver("context", pe, 0, 0, 1, 0, vmid, 0, 0, 0, 0, VTCR, ROOT | vmid << 48, 1)


LEAF = (
    0xC0 | 0x400 | 3 | 0x3C | 1 << 11
)  # FnXS: stage 1 is off, so that XS would be 1 and nXS forms not for it


def leaf(driver: Driver, to: int, attributes: int = LEAF) -> None:
    """Write the leaf of VA."""
    driver("put", OTHER, to | attributes if to else 0)


def tlbi(driver: Driver, name: str, pe: int = 0, vmid: int = VMID, el: int = 2, **fields: int) -> str:
    """Execute an operation on a PE."""
    operation = by_name(name)
    xt = encode(operation, Fields(**fields))
    return driver("tlbi", instruction(operation), xt, pe, el, vmid, 1, 0, 0, 0)


def dsb(driver: Driver, pe: int = 0, scope: str = "is") -> None:
    """A full DSB of a domain."""
    driver("dsb", pe, SCOPES[scope], 0)


def use(driver: Driver, pe: int = 0, va: int = VA) -> None:
    """An access."""
    driver("use", pe, va, 0x1234)


def settle(driver: Driver) -> None:
    """More entries than a pending disagreement waits for."""
    driver.many(["enter 0"] * 100)


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


MARK_PROGRAM, MARK_LOOSE, MARK_STRICT = 0x5AF0, 0x5AF1, 0x5AF2


def test_marks_are_the_payloads() -> None:
    """The payload and the plugin are built apart, of one header."""
    pattern = re.compile(r"#define (MARK_\w+) (0x\w+)")
    ours = dict(pattern.findall((PAYLOADS / "arch/marks.h").read_text()))
    for name in ("sanitizer/judge.h", "litmus/shared/shared.h"):
        assert '#include "marks.h"' in (PAYLOADS / name).read_text()
    assert [int(ours[name], 16) for name in ("MARK_PROGRAM", "MARK_LOOSE", "MARK_STRICT")] == [
        MARK_PROGRAM,
        MARK_LOOSE,
        MARK_STRICT,
    ]


@pytest.mark.parametrize("to", [B, 0], ids=["remapped", "unmapped"])
def test_a_guest_takes_a_disagreement_upon_itself(driver: Driver, to: int) -> None:
    world(driver)
    driver("mark", MARK_PROGRAM)
    use(driver)
    leaf(driver, to)
    driver("mark", MARK_LOOSE)
    use(driver)
    driver("mark", MARK_STRICT)
    settle(driver)
    assert driver.found() == []
    assert (driver.counters()["programs"], driver.counters()["excused"]) == (1, 2)


def test_what_a_guest_took_upon_itself_is_not_forgotten(driver: Driver) -> None:
    """The entry is still there: once the guest is strict again it must have been invalidated."""
    world(driver)
    use(driver)
    leaf(driver, B)
    driver("mark", MARK_LOOSE)
    use(driver)
    driver("mark", MARK_PROGRAM)
    assert driver.found() == []
    use(driver)
    assert sorted(driver.found()) == ["remapped:combined", "remapped:stage2"]
    assert driver.reports[0]["program"] == 1


def test_a_guest_cannot_excuse_a_missing_barrier(driver: Driver) -> None:
    world(driver)
    driver("mark", MARK_LOOSE)
    tlbi(driver, "vmalls12e1is")
    driver("enter", 0)
    assert driver.found() == ["not-completed"]


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


@pytest.mark.parametrize(
    ("mair", "hcr", "leaf_more", "taken"),
    [
        (0xFF, 0, 0, True),  # Normal Write-Back
        (0x44, 0, 0, False),  # Normal Non-cacheable: XS = 1 ...
        (0x40, 0, 0, True),  # ... but for its own encoding
        (0x04, 0, 0, False),  # Device-nGnRE, and with XS = 0
        (0x05, 0, 0, True),
        (0x44, 0, 1 << 11, True),  # FnXS in stage 2
        (0x44, 1 << 46, 0x18 - 0x3C, True),  # HCR_EL2.FWB, MemAttr 0b0110: Write-Back whatever stage 1 says
    ],
)
def test_nxs_forms_leave_what_has_xs(
    driver: Driver, mair: int, hcr: int, leaf_more: int, taken: bool
) -> None:
    """R_KBSSD, R_TDMCS, R_FQWJG: an nXS form need not take a translation whose XS attribute is 1."""
    s1 = 0x2000_0000
    for at, value in (
        (s1, (s1 + 0x1000) | 3),
        (s1 + 0x1010, (s1 + 0x2000) | 3),
        (s1 + 0x2000, 0x20_0000 | 0xF03),
    ):
        driver("put", at, value)
    for block in (0, 1 << 29):
        driver("put", ROOT + 8 * (block >> 30), (0xC0 | 0x400 | 1 | 0x3C) + leaf_more)
    driver(
        "context",
        0,
        0,
        1,
        1,
        0,
        VMID,
        5,
        25 | 1 << 23,
        s1 | 5 << 48,
        0,
        VTCR,
        ROOT | VMID << 48,
        1 | hcr,
        mair,
    )
    use(driver, va=0x40_0000)
    assert tlbi(driver, "vae1isnxs", va=0x40_0000, asid=5) == ("gone" if taken else "nothing")
    assert tlbi(driver, "vae1is", va=0x40_0000, asid=5) == "gone"


def test_stage_1_off_has_xs(driver: Driver) -> None:
    """R_WFZPW: but with HCR_EL2.DC."""
    for hcr, answer in ((1, "nothing"), (1 | 1 << 12, "gone")):
        driver("put", ROOT, 0xC0 | 0x400 | 1 | 0x3C)
        driver("context", 0, 0, 0, 1, 0, hcr, 0, 0, 0, 0, VTCR, ROOT | hcr << 48, hcr)
        use(driver, va=0x40_0000)
        assert tlbi(driver, "vaae1isnxs", va=0x40_0000, vmid=hcr) == answer
