# SPDX-License-Identifier: GPL-2.0-only
"""The command that starts a level: what a stack says beside the usual, and nothing of it without."""

from __future__ import annotations

import dataclasses
import shlex

import pytest

from harness.level import Level
from harness.scenario.defaults import LEVELS
from harness.scenario.language import GuestRam, LevelSpec
from harness.stack import vmm

PLAIN = LEVELS[Level.L1]


def words(spec: LevelSpec, level: Level = Level.L1, **more: object) -> list[str]:
    """The words of the last line, which becomes the VMM."""
    command = vmm.vmm_command(level, spec, initramfs=False, **more)  # type: ignore[arg-type]
    return shlex.split(command.splitlines()[-1])


def after(found: list[str], option: str) -> list[str]:
    """What follows each ``option``."""
    return [found[i + 1] for i, word in enumerate(found) if word == option]


@pytest.mark.parametrize("level", [Level.L1, Level.L2])
def test_usual_machine_has_none_of_it(level: Level) -> None:
    command = vmm.vmm_command(level, LEVELS[level], initramfs=False)
    assert command.startswith("exec qemu-system-aarch64 ")
    for part in (
        "memory-backend",
        "hugepages",
        "maxmem",
        "balloon",
        "rng",
        "scratch",
        "LD_PRELOAD",
        "-incoming",
    ):
        assert part not in command


def test_devices_come_before_the_disks_so_that_the_root_stays_vda() -> None:
    spec = dataclasses.replace(PLAIN, devices=("disk", "rng", "balloon"))
    devices = after(words(spec), "-device")
    assert devices[-1].endswith("serial=root-l1")
    disks = [device for device in devices if device.startswith("virtio-blk")]
    assert disks[0].endswith("serial=scratch")
    assert len(disks) == 1 + len(after(words(PLAIN), "-drive"))
    assert vmm.vmm_command(Level.L1, spec, initramfs=False).startswith("[ -e /run/nvh/scratch ] ||")


@pytest.mark.parametrize(
    ("backing", "object_words"),
    [
        ("memfd", ["memory-backend-memfd,share=on,id=ram0,size=1024M"]),
        ("hugetlb", ["memory-backend-memfd,share=on,hugetlb=on,id=ram0,size=1024M"]),
        ("anonymous", []),
    ],
)
def test_memory_is_backed_as_said(backing: str, object_words: list[str]) -> None:
    spec = dataclasses.replace(PLAIN, ram=GuestRam(backing))
    found = words(spec)
    assert after(found, "-object") == object_words
    assert after(found, "-M")[0].endswith(",memory-backend=ram0") == bool(object_words)
    command = vmm.vmm_command(Level.L1, spec, initramfs=False)
    assert ("need=$((512 - " in command) == (backing == "hugetlb")


def test_ksm_may_have_what_is_plugged_and_nothing_else() -> None:
    found = words(dataclasses.replace(PLAIN, ram=GuestRam(pluggable_mib=256)))
    assert after(found, "-m") == ["1024M,maxmem=1280M"]
    assert after(found, "-M")[0].endswith(",mem-merge=off")
    assert after(found, "-object") == ["memory-backend-ram,id=plug-ram,size=256M,merge=on"]
    assert [each for each in after(found, "-device") if each.startswith("virtio-mem-pci,id=plug0,")]


@pytest.mark.parametrize(("level", "el2"), [(Level.L1, True), (Level.L2, False)])
def test_l1_has_el2_and_l2_where_it_is_said(level: Level, el2: bool) -> None:
    assert after(words(LEVELS[level], level), "-M")[0].endswith(",virtualization=on") == el2
    given = dataclasses.replace(LEVELS[level], el2=True)
    assert after(words(given, level), "-M")[0].endswith(",virtualization=on")


def test_l2_has_the_kernels_if_it_has_an_el2() -> None:
    for el2 in (False, True):
        devices = after(words(dataclasses.replace(LEVELS[Level.L2], el2=el2), Level.L2), "-device")
        disks = [each.rpartition("serial=")[2] for each in devices if each.startswith("virtio-blk")]
        assert disks == (["boot", "root-l2"] if el2 else ["root-l2"])


def test_next_vmm_shares_no_name_with_the_one_before() -> None:
    spec = dataclasses.replace(PLAIN, migratable=True)
    first, second = words(spec), words(spec, number=1, incoming="unix:/run/nvh/l1.move")
    assert first[:3] == ["exec", "env", "LD_PRELOAD=/usr/sbin/nvh-vmm.so"]
    assert after(second, "-incoming") == ["unix:/run/nvh/l1.move"]
    for option in ("-qmp", "-pidfile"):
        assert not set(after(first, option)) & set(after(second, option))
    sockets = [each for found in (first, second) for each in after(found, "-chardev") if "path=" in each]
    assert sockets[0] != sockets[1]
    assert after(first, "-drive") == after(second, "-drive")
