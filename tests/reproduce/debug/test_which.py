# SPDX-License-Identifier: GPL-2.0-only
"""Which level a CPU executes, from its registers: every row of the decision, with real values."""

from __future__ import annotations

import pytest

from harness.reproduce.debug.which import UNKNOWN, decide, label, vmid

EL0, EL1, EL2, EL3 = 0x0, 0x3C5, 0x3C9, 0x3CD  # PSTATE.M: EL0t, EL1h, EL2h, EL3h
HOST = 0x4_8800_0038  # E2H, TGE: what L0 runs itself with
VEL2 = 0x2773C827D263F | 1 << 42  # the guest hypervisor: VM, NV
NESTED = VEL2 & ~(1 << 42)
VTTBR = 3 << 48 | 0x422C_0000 | 1
KNOWN = {0x422C_0000: (2, "VM 0, nested 1"), 0x4119_C000: (1, "VM 1, own")}


@pytest.mark.parametrize(
    ("pstate", "hcr", "level", "why"),
    [
        (EL2, HOST, 0, "EL2"),
        (EL2, NESTED, 0, "EL2"),  # KVM's own code between entry and exit
        (EL0, HOST, 0, "EL0, HCR_EL2.TGE: a process of L0"),
        (EL1, 0, 0, "EL1 without stage 2"),  # a host kernel that is not at EL2
        (EL1, VEL2, 1, "EL1, HCR_EL2.NV: the guest hypervisor, VMID 3 BADDR 0x422c0000"),
        (EL0, VEL2, 1, "EL0, HCR_EL2.NV: the guest hypervisor, VMID 3 BADDR 0x422c0000"),
        (EL1, NESTED, 2, "EL1, VMID 3 BADDR 0x422c0000: VM 0, nested 1"),
        (EL0, NESTED, 2, "EL0, VMID 3 BADDR 0x422c0000: VM 0, nested 1"),
        (EL3, HOST, UNKNOWN, "EL3"),
    ],
)
def test_levels(pstate: int, hcr: int, level: int, why: str) -> None:
    assert decide(pstate, hcr, VTTBR, KNOWN) == (level, why)


def test_plain_vm_of_l0_is_recognised_by_its_tables() -> None:
    level, why = decide(EL1, NESTED, 7 << 48 | 0x4119_C000, KNOWN)
    assert (level, why) == (1, "EL1, VMID 7 BADDR 0x4119c000: VM 1, own")
    level, why = decide(EL1, NESTED, VTTBR, {})
    assert level == 2
    assert "or a VM of L0 without virtual EL2" in why


def test_words() -> None:
    assert vmid(0xFFFF << 48 | 1) == 0xFFFF
    assert [label(level) for level in (0, 2, UNKNOWN)] == ["l0", "l2", "unknown level"]
