# SPDX-License-Identifier: GPL-2.0-only
"""The command that a level runs to start the level above it: Debian's QEMU arm64 with KVM.

Every level finds its disks by serial under ``/run/nvh/disk/`` and hands the deeper ones on. L0's are files of
its initramfs.
"""

from __future__ import annotations

import shlex

from harness.artefacts.initrd import DISKS
from harness.level import Level
from harness.scenario.language import LevelSpec

RUN = "/run/nvh"
BOOT_MOUNT = f"{RUN}/boot"
QMP_SOCKET = f"{RUN}/vmm.sock"
PID_FILE = f"{RUN}/vmm.pid"

# loglevel=5 keeps a console quiet but lets WARN splats through; each character costs many exits at L2.
CMDLINE = "console=ttyAMA0 loglevel=5 panic=-1 nokaslr random.trust_cpu=on"
ROOT_ON_DISK = "root=/dev/vda ro init=/sbin/nvh-init"
ROOT_IN_MEMORY = "rdinit=/sbin/nvh-init"
ROOT_BELOW_MODULES = "init=/sbin/nvh-init"


def disk_serials(level: Level) -> list[str]:
    """Return the serials of the disks that a VMM gives ``level``: its root, then what deeper levels need."""
    deeper = [f"root-{other}" for other in Level if other > level]
    return [f"root-{level}", *(["boot", *deeper] if deeper else [])]


def kernel_cmdline(level: Level, spec: LevelSpec, initramfs: bool, turns: bool = False) -> str:
    """Return the kernel command line of ``level``; L0 runs KVM with nested virtualisation.

    ``initramfs``: the kernel's own initramfs runs first. ``turns``: how the agent of L0 is to talk.
    """
    words = [CMDLINE, f"nvh.level={level}"]
    if level is Level.L0:
        words += [ROOT_BELOW_MODULES if initramfs else ROOT_IN_MEMORY, "kvm-arm.mode=nested"]
    else:
        words.append(ROOT_ON_DISK)
    if turns:
        words.append("nvh.link=turns")
    if spec.cmdline:
        words.append(spec.cmdline)
    return " ".join(words)


def prepare_script(level: Level) -> str:
    """Return the script that names a level's disks, mounts the boot disk and loads our module."""
    options = "ro,loop" if level is Level.L0 else "ro"
    return (
        f"mkdir -p {RUN}/disk {BOOT_MOUNT} || exit 1\n"
        f"for file in /{DISKS}/*; do [ ! -e $file ] || ln -sf $file {RUN}/disk/${{file##*/}}; done\n"
        "for block in /sys/block/vd*; do\n"
        "  serial=; read -r serial <$block/serial; [ $serial ] || continue\n"  # the file has no newline
        f"  ln -sf /dev/${{block##*/}} {RUN}/disk/$serial\n"
        "done\n"
        f"[ ! -e {RUN}/disk/boot ] || mount -t ext4 -o {options} {RUN}/disk/boot {BOOT_MOUNT} || exit 1\n"
        f"module={BOOT_MOUNT}/{level}/nvh.ko\n"
        '[ ! -e "$module" ] || insmod "$module"\n'
    )


def vmm_command(level: Level, spec: LevelSpec, initramfs: bool) -> str:
    """Return the shell command, run one level below, that starts ``level`` and ends when it ends.

    Its standard output is the console of ``level``. L1 gets virtual EL2 (KVM_ARM_VCPU_HAS_EL2).
    """
    nested = ",virtualization=on" if level is Level.L1 else ""
    words = ["qemu-system-aarch64", "-M", f"virt,gic-version=3{nested}", "-accel", "kvm", "-cpu", "host"]
    words += ["-smp", str(spec.cpus), "-m", f"{spec.memory_mib}M", "-name", f"{level},debug-threads=on"]
    words += ["-display", "none", "-nodefaults", "-no-user-config", "-monitor", "none", "-no-reboot"]
    words += ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
    words += ["-chardev", f"socket,id=agent,path={RUN}/next.sock,server=on,wait=off"]
    words += ["-device", "virtio-serial-device", "-device", "virtserialport,chardev=agent,name=nvh.agent"]
    words += ["-qmp", f"unix:{QMP_SOCKET},server=on,wait=off", "-pidfile", PID_FILE]
    # Linux probes the virt machine's virtio-mmio transports in the reverse order of -device.
    for index, serial in enumerate(reversed(disk_serials(level))):
        words += ["-drive", f"if=none,id=disk{index},format=raw,readonly=on,file={RUN}/disk/{serial}"]
        words += ["-device", f"virtio-blk-device,drive=disk{index},serial={serial}"]
    words += ["-kernel", f"{BOOT_MOUNT}/{level}/Image", "-append", kernel_cmdline(level, spec, initramfs)]
    if initramfs:
        words += ["-initrd", f"{BOOT_MOUNT}/{level}/initramfs.cpio.gz"]
    return "exec " + shlex.join(words)
