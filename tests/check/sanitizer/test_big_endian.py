# SPDX-License-Identifier: GPL-2.0-only
"""Tables of either endianness: the regime's SCTLR_ELx.EE for stage 1, SCTLR_EL2.EE for stage 2 (J1.1.4)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from harness.arch.registers import mask
from tests.check.sanitizer.conftest import SOURCES, Driver, build_driver
from tests.check.sanitizer.one_page import (
    LEAF,
    OTHER,
    ROOT,
    TABLE,
    VA,
    VMID,
    VTCR,
    A,
    B,
    dsb,
    settle,
    tlbi,
    use,
)
from tests.check.sanitizer.test_model import S1_LAST, S1_ROOT, S1_TABLE, TCR

EE = mask("SCTLR.EE")
BLOCKS = 0xC0 | 0x400 | 0x3C | 1
PAGE = 0x703 | 1 << 6


class Tables:
    """Both stages, VA -> A: what is written is big-endian or not by stage, and so is what it is taken for."""

    def __init__(self, driver: Driver, big1: bool, big2: bool) -> None:
        self.driver, self.big = driver, (big1, big2)
        self.put(1, S1_ROOT, S1_TABLE | 3)
        self.put(1, S1_TABLE + 8, S1_LAST | 3)
        self.put(1, S1_LAST, VA | PAGE)
        self.put(2, ROOT, TABLE | 3)
        self.put(2, ROOT + 8, 0x4000_0000 | BLOCKS)
        self.put(2, TABLE + 8 * 136, 0x1100_0000 | BLOCKS)
        self.put(2, TABLE + 8, OTHER | 3)
        self.put(2, OTHER, A | LEAF)
        driver("context", 0, 0, 1, 1, 0, VMID, 0, TCR, S1_ROOT, S1_ROOT, VTCR, ROOT | VMID << 48, 1)
        self.taken_for(big1, big2)

    def put(self, stage: int, where: int, descriptor: int) -> None:
        """Write a descriptor of this stage."""
        if self.big[stage - 1]:
            descriptor = int.from_bytes(descriptor.to_bytes(8, "big"), "little")
        self.driver("put", where, descriptor)

    def taken_for(self, big1: bool, big2: bool) -> None:
        """Set SCTLR_EL1.EE and SCTLR_EL2.EE."""
        self.driver("sctlr", 0, EE if big1 else 0)
        self.driver("ee2", 0, int(big2))


BOOLS = (False, True)
BOTH_STAGES = tuple(product(BOOLS, BOOLS))


@pytest.mark.parametrize(("big1", "big2"), BOTH_STAGES)
def test_each_stage_has_its_own(driver: Driver, big1: bool, big2: bool) -> None:
    tables = Tables(driver, big1, big2)
    for taken1, taken2 in product(BOOLS, BOOLS):
        tables.taken_for(taken1, taken2)
        answer = driver("walk", 0, VA)
        if (taken1, taken2) == (big1, big2):
            assert answer.startswith(f"mapped stage 2 pa {A:#x} ipa {VA:#x} level 3"), answer
        else:  # another stage 2 does not find the first table
            assert answer.startswith(f"no translation stage {1 if taken2 == big2 else 2}"), answer


def back_again(tables: Tables) -> list[str]:
    """Rule "back again": each leaf goes, is missed, and comes again."""
    driver = tables.driver
    use(driver)
    for stage, where, descriptor in ((1, S1_LAST, VA | PAGE), (2, OTHER, A | LEAF)):
        tables.put(stage, where, 0)
        use(driver)
        tables.put(stage, where, descriptor)
    settle(driver)
    return driver.found()


def replaced(tables: Tables) -> list[str]:
    """Stage 2 without a break; EL2 executes the operation with SCTLR_ELx.EE as it likes."""
    use(tables.driver)
    tables.put(2, OTHER, B | LEAF)
    return invalidated(tables)


def replaced_stage1(tables: Tables) -> list[str]:
    """The same of stage 1."""
    tables.put(2, OTHER + 8, B | LEAF)
    use(tables.driver)
    tables.put(1, S1_LAST, (VA + 0x1000) | PAGE)
    tables.taken_for(False, False)
    tlbi(tables.driver, "vae1is", va=VA)
    return tables.driver.found()


def broken(tables: Tables) -> list[str]:
    """Break-before-make as it should be."""
    use(tables.driver)
    tables.put(2, OTHER, 0)
    return invalidated(tables)


def invalidated(tables: Tables) -> list[str]:
    tables.taken_for(False, False)
    tlbi(tables.driver, "ipas2e1is", ipa=VA)
    dsb(tables.driver)
    return tables.driver.found()


def walked(tables: Tables) -> list[str]:
    return [tables.driver("walk", 0, VA).split()[0]]


Play = Callable[[Tables], list[str]]
PLAYS: dict[Play, list[str]] = {
    walked: ["mapped"],
    back_again: [],
    replaced: ["no-break:stage2"],
    replaced_stage1: ["no-break:combined"],
    broken: [],
}


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.__name__)
@pytest.mark.parametrize(("big1", "big2"), BOTH_STAGES)
def test_the_rules_do_not_depend_on_it(driver: Driver, big1: bool, big2: bool, play: Play) -> None:
    assert play(Tables(driver, big1, big2)) == PLAYS[play]


ERRORS: dict[str, tuple[str, str, str, Play, tuple[bool, bool]]] = {
    "stage 1 ignores EE": ("walk.c", "context->sctlr & SCTLR_EE, &", "false, &", walked, (True, False)),
    "stage 2 ignores EE": ("walk.c", "context->ee2, &", "false, &", walked, (False, True)),
    "stage 2 has EL1's": ("walk.c", "context->ee2, &", "context->sctlr & SCTLR_EE, &", walked, (True, False)),
    "stage 1 has EL2's": ("walk.c", "context->sctlr & SCTLR_EE, &", "context->ee2, &", walked, (False, True)),
    "what differs": ("pending.c", "entry->big >> stage & 1", "false", back_again, (True, True)),
    "a break by EL2's own, stage 1": (
        "break.c",
        "entry->big & 1 ?",
        "false ?",
        replaced_stage1,
        (True, True),
    ),
    "a break by EL2's own, stage 2": (
        "break.c",
        "filled.ee2 = entry->big & 2",
        "(void)0",
        replaced,
        (True, True),
    ),
}
"""A wrong line in a file, and the play that shows it, with the endianness of both stages."""


@pytest.mark.parametrize("error", ERRORS)
def test_a_seeded_error_is_found(tmp_path: Path, error: str) -> None:
    file, right, wrong, play, big = ERRORS[error]
    copy = tmp_path / "sanitizer"
    shutil.copytree(SOURCES, copy)
    text = (copy / file).read_text()
    assert text.count(right) == 1, f"{file} has changed: seed this error anew"
    (copy / file).write_text(text.replace(right, wrong))
    driver = Driver(build_driver(tmp_path, copy, "-O0"))
    assert play(Tables(driver, *big)) != PLAYS[play]
    driver.close()
