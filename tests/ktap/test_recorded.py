# SPDX-License-Identifier: GPL-2.0-only
"""The console of a bundle that booted on QEMU 10.0 by its manifest's command, 28 November 2026."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from harness.ktap.log import render
from harness.ktap.manifest import Bundle
from harness.ktap.read import read
from harness.verdict import Verdict
from tests.ktap.conftest import write_bundle
from tests.ktap.test_fuzz import MUTATIONS, Mutation, verdict

CONSOLE = Path(__file__).parent / "data/qemu-10.0.l0"


@pytest.fixture
def whole(tmp_path: Path) -> tuple[list[str], Bundle]:
    data = CONSOLE.read_bytes()
    log = read(data, "log").log
    names = dict.fromkeys((case.name for family in log.families for case in family.cases), 1)
    text = data.decode().replace("\r", "")
    return text.split("\n"), write_bundle(tmp_path / "bundle", names, log.bundle)


def test_it_passes(whole: tuple[list[str], Bundle]) -> None:
    reading = read(CONSOLE.read_bytes(), "log")
    assert not reading.damage
    assert reading.log.begin["machine"] == "linux,dummy-virt"
    assert reading.log.begin["mode"] == "boot"
    assert reading.log.counts == {"passed": 74, "failed": 0, "skipped": 0}
    assert "[    0.000000] Booting Linux on physical CPU" in reading.text
    assert verdict(CONSOLE.read_bytes(), whole[1]) is Verdict.PASS


@pytest.mark.parametrize("mutation", [each for each in MUTATIONS if each.__name__ != "of_another_bundle"])
def test_damaged_it_does_not(whole: tuple[list[str], Bundle], mutation: Mutation) -> None:
    lines, bundle = whole
    log = read(CONSOLE.read_bytes(), "log").log
    other = render(dataclasses.replace(log, begin={**log.begin, "run": "00000000"}))
    for seed in range(8):
        damaged = mutation(lines, other, random.Random(seed))
        assert verdict("\n".join(damaged).encode("utf-8", "surrogateescape"), bundle) is not Verdict.PASS
