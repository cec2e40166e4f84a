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
NEXT_SOCKET = f"{RUN}/next.sock"

# loglevel=5 keeps a console quiet but lets WARN splats through; each character costs many exits at L2.
CMDLINE = "console=ttyAMA0 loglevel=5 panic=-1 nokaslr random.trust_cpu=on"
ROOT_ON_DISK = "root=/dev/vda ro init=/sbin/nvh-init"
ROOT_IN_MEMORY = "rdinit=/sbin/nvh-init"
ROOT_BELOW_MODULES = "init=/sbin/nvh-init"


def disk_serials(level: Level, el2: bool = False) -> list[str]:
    """Return the serials of the disks that a VMM gives ``level``: its root, then what deeper levels need.

    An L2 with an EL2 has the kernels, too, of which it may start one as an L3.
    """
    deeper = [f"root-{other}" for other in Level if other > level]
    return [f"root-{level}", *(["boot", *deeper] if deeper or el2 else [])]


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


HUGE_MIB = 2
PRELOAD = "/usr/sbin/nvh-vmm.so"
DEVICES = {
    "balloon": ["-device", "virtio-balloon-device,id=balloon0"],
    "rng": [
        "-object",
        "rng-random,id=random,filename=/dev/urandom",
        "-device",
        "virtio-rng-device,rng=random",
    ],
    "disk": [
        "-drive",
        f"if=none,id=scratch,format=raw,cache=none,aio=threads,file={RUN}/scratch",
        "-device",
        "virtio-blk-device,drive=scratch,serial=scratch",
    ],
}
"""Words of QEMU for each device that a level may have besides its own disks."""
SCRATCH_MIB = 8


def qmp_socket(number: int) -> str:
    """The monitor of the VMM that was started as the one of this number, 0 for the first."""
    return f"{RUN}/vmm-{number}.sock" if number else QMP_SOCKET


def next_socket(number: int) -> str:
    """Where the agent below the VMM of this number finds that of the level above."""
    return f"{RUN}/next-{number}.sock" if number else NEXT_SOCKET


def pid_file(number: int) -> str:
    """Where the VMM of this number says which process it is."""
    return f"{RUN}/vmm-{number}.pid" if number else PID_FILE


def vmm_command(level: Level, spec: LevelSpec, initramfs: bool, number: int = 0, incoming: str = "") -> str:
    """Return the shell command, run one level below, that starts ``level`` and ends when it ends.

    Its standard output is the console of ``level``. L1 gets virtual EL2 (KVM_ARM_VCPU_HAS_EL2), and so
    does an L2 with ``el2``. ``number``: how many VMMs of the level there were before; ``incoming``: where it
    gets the state of the last one.
    """
    nested = ",virtualization=on" if level is Level.L1 or spec.el2 else ""
    memory, plug, before = _memory(spec)
    words = ["qemu-system-aarch64", "-M", f"virt,gic-version=3{nested}{memory}"]
    words += ["-accel", "kvm", "-cpu", "host"]
    words += ["-smp", str(spec.cpus), "-m", _size(spec), "-name", f"{level},debug-threads=on"]
    words += plug
    words += ["-display", "none", "-nodefaults", "-no-user-config", "-monitor", "none", "-no-reboot"]
    words += ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
    words += ["-chardev", f"socket,id=agent,path={next_socket(number)},server=on,wait=off"]
    words += ["-device", "virtio-serial-device", "-device", "virtserialport,chardev=agent,name=nvh.agent"]
    words += ["-qmp", f"unix:{qmp_socket(number)},server=on,wait=off", "-pidfile", pid_file(number)]
    # Linux probes the virt machine's virtio-mmio transports in the reverse order of -device.
    for index, serial in enumerate(reversed(disk_serials(level, spec.el2))):
        words += ["-drive", f"if=none,id=disk{index},format=raw,readonly=on,file={RUN}/disk/{serial}"]
        words += ["-device", f"virtio-blk-device,drive=disk{index},serial={serial}"]
    words += ["-kernel", f"{BOOT_MOUNT}/{level}/Image", "-append", kernel_cmdline(level, spec, initramfs)]
    if initramfs:
        words += ["-initrd", f"{BOOT_MOUNT}/{level}/initramfs.cpio.gz"]
    # After the disks, so that these keep their names.
    words[_first_disk(words) : _first_disk(words)] = [word for name in spec.devices for word in DEVICES[name]]
    if incoming:
        words += ["-incoming", incoming]
    if "disk" in spec.devices:
        before += f"[ -e {RUN}/scratch ] || truncate -s {SCRATCH_MIB}M {RUN}/scratch || exit 1\n"
    return f"{before}exec {_environment(spec)}{shlex.join(words)}"


def _first_disk(words: list[str]) -> int:
    """Linux probes transports in the reverse order of -device: what comes first is found last."""
    return words.index("-drive")


def _size(spec: LevelSpec) -> str:
    if not spec.ram.pluggable_mib:
        return f"{spec.memory_mib}M"
    return f"{spec.memory_mib}M,maxmem={spec.memory_mib + spec.ram.pluggable_mib}M"


def _memory(spec: LevelSpec) -> tuple[str, list[str], str]:
    """What the memory's backing adds to ``-M``, the options that it needs, and what is to be done before."""
    machine, words, before = "", [], ""
    kinds = {"memfd": "memory-backend-memfd,share=on", "hugetlb": "memory-backend-memfd,share=on,hugetlb=on"}
    if kind := kinds.get(spec.ram.backing):
        machine = ",memory-backend=ram0"
        words += ["-object", f"{kind},id=ram0,size={spec.memory_mib}M"]
    if spec.ram.pluggable_mib:
        # KSM may merge what is plugged and nothing else: each page it merges is a walk of every shadow.
        machine += ",mem-merge=off"
        words += ["-object", f"memory-backend-ram,id=plug-ram,size={spec.ram.pluggable_mib}M,merge=on"]
        words += ["-device", "virtio-mem-pci,id=plug0,memdev=plug-ram,requested-size=0,block-size=2M"]
    if spec.ram.backing == "hugetlb":
        need = -(-spec.memory_mib // HUGE_MIB)
        pool = f"/sys/kernel/mm/hugepages/hugepages-{HUGE_MIB * 1024}kB"
        before = (
            f"need=$(({need} - $(cat {pool}/free_hugepages)))\n"
            f"[ $need -le 0 ] || echo $(($(cat {pool}/nr_hugepages) + need)) >{pool}/nr_hugepages\n"
            f"[ $(cat {pool}/free_hugepages) -ge {need} ] || "
            f'{{ echo "no {need} free huge pages of {HUGE_MIB} MiB" >&2; exit 127; }}\n'
        )
    return machine, words, before


def _environment(spec: LevelSpec) -> str:
    """What Debian's QEMU cannot be told by options (images/payloads/vmm/vmm.c)."""
    return f"env LD_PRELOAD={PRELOAD} " if spec.migratable else ""
