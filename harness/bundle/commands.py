# SPDX-License-Identifier: GPL-2.0-only
"""Commands that boot a bundle on typical machines, to be pasted in its directory."""

from __future__ import annotations

from collections.abc import Sequence

QEMU = "qemu-system-aarch64 -M virt,virtualization=on,gic-version=3"
BARE_REST = "-smp 2 -icount shift=0,sleep=off -m 512M -nographic -nic none -kernel bare/nvh-bare.img"
REST = '-smp 2 -m 2G -nographic -nic none -kernel Image -initrd initrd -append "{append}"'


def append(console: str, options: Sequence[str] = (), mutant: str = "") -> str:
    """Return the kernel's command line; ``options`` are words ``KEY=VALUE`` of the bundle."""
    words = ["kvm-arm.mode=nested", f"console={console}", *(f"nvh.{word}" for word in options)]
    return " ".join([*words, f"kvm.mutant={mutant}"] if mutant else words)


def commands(mutant: str = "") -> list[dict[str, str]]:
    """Return rows with ``machine`` and ``command``. ``mutant``: the fault that L0's kernel switches on."""

    def rest(*options: str) -> str:
        return REST.format(append=append("ttyAMA0", options, mutant))

    return [
        {
            "machine": "QEMU, the device tree; every CPU that has FEAT_NV2",
            "command": f"{QEMU} -cpu max {rest()}",
        },
        {
            "machine": "QEMU, instructions as its clock: on a busy host no control of another PE is lost; "
            "its TLB made large, so that no range operation forgets more than it has to",
            "command": f"{QEMU} -cpu max -icount shift=0,sleep=off {rest('pressure=1024')}",
        },
        {
            "machine": "QEMU with 48 bits of PA: also the lists in which KVM walks whole shadow contexts",
            "command": f"{QEMU} -cpu max,lpa2=off {rest('list=contexts-os')}",
        },
        {
            "machine": "QEMU, a choice of cases, at most 60 s of them",
            "command": f"{QEMU} -cpu max {rest('cases=s2-unmap/*/4k/*,trap-*', 'seconds=60')}",
        },
        {
            "machine": "QEMU without any kernel: the questions to the model itself, as a flat Image",
            "command": f"{QEMU} -cpu max {BARE_REST}",
        },
        {
            "machine": "QEMU with UEFI (Debian's qemu-efi-aarch64): the same file as an application",
            "command": f"{QEMU} -cpu max -bios /usr/share/qemu-efi-aarch64/QEMU_EFI.fd {BARE_REST}",
        },
        {
            "machine": "an arm64 Linux host whose KVM offers EL2 to guests, as root",
            "command": "tree/run.sh --list=default >bundle.log",
        },
    ]
