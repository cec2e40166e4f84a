# SPDX-License-Identifier: GPL-2.0-only
"""Commands that boot a bundle on typical machines, to be pasted in its directory."""

from __future__ import annotations

APPEND = "kvm-arm.mode=nested console=ttyAMA0"
QEMU = "qemu-system-aarch64 -M virt,virtualization=on,gic-version=3"
REST = '-smp 2 -m 2G -nographic -nic none -kernel Image -initrd initrd -append "{append}"'


def commands(mutant: str = "") -> list[dict[str, str]]:
    """Return rows with ``machine`` and ``command``. ``mutant``: the fault that L0's kernel switches on."""
    append = APPEND + (f" kvm.mutant={mutant}" if mutant else "")
    rest = REST.format(append=append)
    return [
        {
            "machine": "QEMU, the device tree; every CPU that has FEAT_NV2",
            "command": f"{QEMU} -cpu max {rest}",
        },
        {
            "machine": "QEMU with 48 bits of PA: also the lists in which KVM walks whole shadow contexts",
            "command": f"{QEMU} -cpu max,lpa2=off {REST.format(append=f'{append} nvh.list=contexts-os')}",
        },
        {
            "machine": "QEMU, a choice of cases, at most 60 s of them",
            "command": f"{QEMU} -cpu max "
            + REST.format(append=f"{append} nvh.cases=s2-unmap/*/4k/*,trap-* nvh.seconds=60"),
        },
        {
            "machine": "an arm64 Linux host whose KVM offers EL2 to guests, as root",
            "command": "tree/run.sh --list=default >bundle.log",
        },
    ]
