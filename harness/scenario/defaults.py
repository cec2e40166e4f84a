# SPDX-License-Identifier: GPL-2.0-only
"""What a scenario means when it does not say: the only place for such values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.level import Level
from harness.scenario.language import LevelSpec

MODEL: Final = "qemu"
TIMING: Final = "icount"
KERNEL: Final = "nv"
MUTANT_KERNEL: Final = "nv-mutants"
"""What L0 runs when an injected fault is asked for."""
WITH_MUTANTS: Final = frozenset({MUTANT_KERNEL, "nv-host"})
"""Kernels that have the injected faults: a cell that runs one of them at L0 keeps it."""
MUTANT_KERNELS: Final[Mapping[Level, str]] = {Level.L0: MUTANT_KERNEL, Level.L1: "nv-guest-mutants"}
"""The same by level: at L1 the faults are those of a guest hypervisor."""
SANITIZER: Final = "tlb"
SANITIZERS: Final = (SANITIZER, "model")
"""What watches the model when an oracle judges by a sanitizer."""

LEVELS: Final[Mapping[Level, LevelSpec]] = {
    Level.L0: LevelSpec(kernel=KERNEL, rootfs="hypervisor", cpus=2, memory_mib=3072),
    Level.L1: LevelSpec(kernel=KERNEL, rootfs="hypervisor", cpus=2, memory_mib=1024),
    Level.L2: LevelSpec(kernel=KERNEL, rootfs="guest", cpus=2, memory_mib=256),
}

SCENARIO_TIMEOUT: Final = 900.0
"""Deadline of a whole cell in s, before the model's slowdown factor."""

HOLD_US: Final = 20_000
"""How long a vCPU is held at most, in microseconds of guest time."""

STEP_TIMEOUTS: Final[Mapping[str, float]] = {
    "boot": 420.0,  # Debian's own kernel needs up to 317 s to L2's shell
    "run": 60.0,
    "copy": 60.0,
    "hold": 10.0,
    "mark": 10.0,
    "migrate": 300.0,
    "balloon": 120.0,
    "plug": 120.0,
    "unplug": 120.0,
    "swap-out": 60.0,
    "merge": 120.0,
    "hwpoison": 60.0,
    "send": 10.0,
    "snapshot": 60.0,
    "wait-for": 120.0,
}
"""Deadline of one step in s, by verb, before the model's slowdown factor."""
