# SPDX-License-Identifier: GPL-2.0-only
"""Marks of a guest for the judge: what it takes upon itself, and what it cannot."""

from __future__ import annotations

import re

import pytest

from harness.host.paths import IMAGES
from tests.check.sanitizer.conftest import Driver
from tests.check.sanitizer.one_page import (
    MARK_LOOSE,
    MARK_PROGRAM,
    MARK_STRICT,
    B,
    leaf,
    settle,
    tlbi,
    use,
    world,
)

PAYLOADS = IMAGES / "payloads"


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
