# SPDX-License-Identifier: GPL-2.0-only
"""Break-before-make in the judge's counters, and from what the plugin leaves to the data of the oracle."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from harness.check.sanitizer.reports import SanitizerReport
from harness.check.sanitizer.to_breaks import breaks_in, keeper
from harness.level import Level
from tests.check.sanitizer.conftest import Driver
from tests.check.sanitizer.one_page import (
    MARK_LOOSE,
    ROOT,
    VA,
    VMID,
    VTCR,
    A,
    B,
    dsb,
    leaf,
    tlbi,
    use,
    world,
)
from tests.check.sanitizer.test_judgement import ENTRY, NOW, QUIET, REPORT, leave

NV, S1_ROOT, S1_TABLE, S1_LEAVES = 1 << 42, 0x2000_0000, 0x2000_1000, 0x2000_2000
S1_VA, IPA, OTHER_IPA, ASID = 0x40_0000, 0x20_0000, 0x20_1000, 5
PAGE = 0x703 | 1 << 11 | 1 << 6  # AF, shareable, EL0 too, nG
TCR = 25 | 1 << 23


def broken(driver: Driver) -> tuple[int, ...]:
    """The counters of L0, L1 and L2."""
    counters = driver.counters()
    return tuple(counters[f"broken_{level}"] for level in Level)


def stage1(driver: Driver, hcr: int) -> None:
    """Stage 1 alone, S1_VA -> IPA."""
    driver("put", S1_ROOT, S1_TABLE | 3)
    driver("put", S1_TABLE + 8 * (S1_VA >> 21), S1_LEAVES | 3)
    page(driver, IPA)
    for pe in range(2):
        driver("context", pe, 0, 1, 0, 0, 3, ASID, TCR, S1_ROOT | ASID << 48, 0, 0, 0, hcr)


def page(driver: Driver, to: int) -> None:
    """Write the leaf of S1_VA."""
    driver("put", S1_LEAVES, to | PAGE if to else 0)


def test_a_broken_stage_2_is_counted(driver: Driver) -> None:
    world(driver)
    use(driver)
    leaf(driver, 0)
    tlbi(driver, "ipas2e1is", ipa=VA)
    assert broken(driver) == (1, 0, 0)
    tlbi(driver, "ipas2e1is", ipa=VA)  # the entry is gone once the first one is complete: counted once
    dsb(driver)
    leaf(driver, B)
    use(driver)
    assert broken(driver) == (1, 0, 0)


@pytest.mark.parametrize(("hcr", "counted"), [(1 << 31, (0, 0, 1)), (1 << 31 | NV, (0, 1, 0))])
def test_a_broken_stage_1_is_counted_for_its_keeper(
    driver: Driver, hcr: int, counted: tuple[int, ...]
) -> None:
    stage1(driver, hcr)
    use(driver, va=S1_VA)
    use(driver, pe=1, va=S1_VA)
    page(driver, 0)
    tlbi(driver, "vae1", va=S1_VA, asid=ASID)  # local
    assert broken(driver) == counted
    tlbi(driver, "vae1is", va=S1_VA, asid=ASID)
    assert broken(driver) == tuple(2 * each for each in counted)
    assert driver.found() == []


@pytest.mark.parametrize("hcr", [1 << 31, 1 << 31 | NV])
def test_a_replaced_stage_1_is_reported_and_not_counted(driver: Driver, hcr: int) -> None:
    stage1(driver, hcr)
    use(driver, va=S1_VA)
    page(driver, OTHER_IPA)
    tlbi(driver, "vae1is", va=S1_VA, asid=ASID)
    assert driver.found() == ["no-break:combined"]
    assert broken(driver) == (0, 0, 0)
    assert keeper(SanitizerReport("no-break", driver.reports[0])) is (Level.L1 if hcr & NV else Level.L2)


READ_ONLY = 1 << 7


def swap(driver: Driver, old_more: int, new_more: int, contents: int) -> list[str]:
    """Read, change the leaf with no break to a page whose last word is ``contents`` (the old one's is 7),
    invalidate."""
    stage1(driver, 0)
    driver("put", IPA + 0xFF8, 7)
    driver("put", OTHER_IPA + 0xFF8, contents)
    driver("put", S1_LEAVES, IPA | PAGE | old_more)
    use(driver, va=S1_VA)
    driver("put", S1_LEAVES, OTHER_IPA | PAGE | new_more)
    tlbi(driver, "vae1is", va=S1_VA, asid=ASID)
    return driver.found()


def test_a_read_only_copy_needs_no_break(driver: Driver) -> None:
    """R_WHZWS (DDI 0487 M.a.a): neither translation grants write, and the memory is the same."""
    assert swap(driver, READ_ONLY, READ_ONLY, 7) == []
    assert broken(driver) == (0, 0, 0)


@pytest.mark.parametrize(
    ("old", "new", "contents"), [(READ_ONLY, READ_ONLY, 8), (0, READ_ONLY, 7), (READ_ONLY, 0, 7)]
)
def test_what_is_writable_or_differs_needs_one(driver: Driver, old: int, new: int, contents: int) -> None:
    assert swap(driver, old, new, contents) == ["no-break:combined"]


@pytest.mark.parametrize("invalidated", [True, False])
def test_a_use_between_a_read_only_swap_and_its_invalidation(driver: Driver, invalidated: bool) -> None:
    """R_WHZWS: either page may be used until then. Without an invalidation it is told later."""
    stage1(driver, 0)
    driver("put", S1_LEAVES, IPA | PAGE | READ_ONLY)
    use(driver, va=S1_VA)
    driver("put", S1_LEAVES, OTHER_IPA | PAGE | READ_ONLY)
    use(driver, va=S1_VA)
    if invalidated:
        tlbi(driver, "vae1is", va=S1_VA, asid=ASID)
        dsb(driver)
    for _ in range(200):
        driver("enter", 0)
    assert driver.found() == ([] if invalidated else ["remapped:combined"])


@pytest.mark.parametrize("what", ["unchanged", "replaced", "no-address", "other-vmid", "excused", "no-entry"])
def test_nothing_else_is_counted(driver: Driver, what: str) -> None:
    """An operation that takes nothing broken, or of which the judge does not know that, exercises no rule."""
    world(driver)
    if what != "no-entry":
        use(driver)
    leaf(driver, {"unchanged": A, "replaced": B}.get(what, 0))
    if what == "excused":
        driver("mark", MARK_LOOSE)
    if what == "no-address":
        tlbi(driver, "vmalls12e1is")
    else:
        tlbi(driver, "ipas2e1is", ipa=VA, vmid=9 if what == "other-vmid" else 3)
    assert broken(driver) == (0, 0, 0)


def test_a_fault_of_stage_2_is_no_break_of_stage_1(driver: Driver) -> None:
    """The combined entry goes by its VA, while it is stage 2 that has lost the page."""
    stage1(driver, 0)
    driver("put", ROOT, 0xC0 | 0x400 | 1 | 0x3C)  # the first GB, tables of stage 1 included, as it is
    stage_2 = (VTCR, ROOT | VMID << 48, 1)
    driver("context", 0, 0, 1, 1, 0, VMID, ASID, TCR, S1_ROOT | ASID << 48, 0, *stage_2)
    use(driver, va=S1_VA)
    driver("put", ROOT, 0)
    assert tlbi(driver, "vae1is", va=S1_VA, asid=ASID) == "gone"
    assert broken(driver) == (0, 0, 0)


def changed(finding: str = "remapped", **parts: Any) -> dict[str, Any]:
    """A report with a part of its entry, or of itself, changed; the new IPA is another one."""
    entry = {**ENTRY, **{key: value for key, value in parts.items() if key in ENTRY}}
    rest = {key: value for key, value in parts.items() if key not in ENTRY and key != "ipa_now"}
    now = {**NOW, "ipa": parts.get("ipa_now", "0x5000")}
    return {**REPORT, "finding": finding, "entry": entry, "now": now, **rest}


@pytest.mark.parametrize(
    ("report", "level"),
    [
        (changed(kind="stage2"), Level.L0),
        (changed(kind="stage2", finding="no-break", hcr="0x0"), Level.L0),
        (changed(regime="el2"), Level.L0),
        (changed(ipa_now=ENTRY["ipa"]), Level.L0),
        (changed(hcr=hex(NV | 1)), Level.L1),
        (changed(hcr="0x80000001"), Level.L2),
    ],
    ids=["stage2", "no-break-stage2", "vncr-page", "behind-the-ipa", "vel2", "guest"],
)
def test_who_keeps_the_tables(report: dict[str, Any], level: Level) -> None:
    assert keeper(SanitizerReport(report["finding"], report)) is level


def test_reports_and_counters_become_data(tmp_path: Path) -> None:
    state = dataclasses.replace(QUIET, written=3, reports=3, broken_l0=4, broken_l1=5, broken_l2=6)
    leave(tmp_path, state, [changed(), changed("unmapped"), changed("no-break", kind="stage2")])
    breaks = breaks_in(tmp_path, {})
    assert breaks.broken == {Level.L0: 4, Level.L1: 5, Level.L2: 6}
    assert [each.keeper for each in breaks.unbroken] == [Level.L1, Level.L0]
    assert breaks.unbroken[1].text.startswith("no-break:stage2: a valid translation was replaced")
    assert (breaks.doubts, breaks.problem) == ((), "")


def test_what_was_lost_is_a_doubt(tmp_path: Path) -> None:
    leave(tmp_path, dataclasses.replace(QUIET, written=1, lost=2), [])
    assert breaks_in(tmp_path, {}).doubts == ("2 reports were lost", "1 reports were written and 0 found")


@pytest.mark.parametrize("line", ["", json.dumps({"finding": "odd"})])
def test_a_sanitizer_that_did_not_run_is_a_problem(tmp_path: Path, line: str) -> None:
    if line:
        leave(tmp_path, QUIET, [])
        (tmp_path / "sanitizer.jsonl").write_text(line + "\n")
    assert breaks_in(tmp_path, {}).problem
