# SPDX-License-Identifier: GPL-2.0-only
"""Reads the recorded traces of tests/trace/data: one file per level, setup output then collection."""

from __future__ import annotations

from pathlib import Path

from harness.level import Level
from harness.trace.clock import ClockRelation
from harness.trace.from_raw import RawTrace, build_timeline
from harness.trace.timeline import Timeline

DATA = Path(__file__).with_name("data")
# L1 of the two-level recordings booted 30 s after L0.
L1_CLOCK = ClockRelation(30 * 10**9, 2_000)


def raw(name: str, level: Level) -> RawTrace:
    text = (DATA / f"{name}.{level}").read_text()
    setup, separator, collected = text.partition("nvh-section begin\n")
    assert separator
    return RawTrace(setup, separator + collected)


def load(name: str, l1_clock: ClockRelation | None = L1_CLOCK) -> Timeline:
    levels = [level for level in Level if (DATA / f"{name}.{level}").exists()]
    assert levels, name
    clocks = {Level.L1: l1_clock} if l1_clock is not None else {}
    return build_timeline({level: raw(name, level) for level in levels}, clocks)
