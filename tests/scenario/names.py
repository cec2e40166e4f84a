# SPDX-License-Identifier: GPL-2.0-only
"""The names that the tests' scenarios may use: small, fixed, and unlike any real registry that may change."""

from __future__ import annotations

from pathlib import Path

from harness.scenario.vocabulary import Vocabulary

HERE = Path(__file__).parent

VOCABULARY = Vocabulary(
    events={
        "l0.tlbi": ["op", "vmid", "ipa"],
        "l1.tlbi": ["op", "vmid", "ipa"],
        "l0.shadow_unmap": ["vmid", "start", "size"],
    },
    kernels=["nv", "debian"],
    models=["qemu", "qemu-10"],
    rootfs=["hypervisor", "guest"],
    guest_mutants=["none", "ipa-no-tlbi"],
    oracles={"barriers": ["limit"]},
    values={"l0.tlbi": {"op": ["ipas2e1", "ipas2e1is", "alle1", "alle2", "vae2is"]}},
)

MINIMAL = """\
scenario: minimal
summary: The least that loads.
steps:
  - boot: l1
expect:
  - existence: seen
    of: {event: l0.tlbi}
"""
