# SPDX-License-Identifier: GPL-2.0-only
"""nvh-vmm.so, built for this machine, before a stand-in for QEMU, GLib and KVM: what it changes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PAYLOADS, need

CROSS = "aarch64-linux-gnu-"
KVM_SIDE = r"""
#include <stdarg.h>
#include <stddef.h>
void *g_slist_prepend(void *list, void *data) { return list == data ? NULL : data; }
int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	long argument;
	va_start(arguments, request);
	argument = va_arg(arguments, long);
	va_end(arguments);
	return fd * 1000 + (int)argument + (request == 0xae03 ? 0 : 100000);
}
"""
QEMU_SIDE = r"""
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
void *g_slist_prepend(void *list, void *data);
struct error { const char *text; int kind; };
int main(void)
{
	struct error nested = { "Live migration disabled because KVM nested virt is enabled", 0 };
	struct error other = { "Live migration disabled because KVM nested virt is enabled too", 0 };
	struct error vfio = { "VFIO device doesn't support migration", 0 };
	struct kvm_vcpu_init plain = { .features = { 1 << 3 } }, el2 = { .features = { 1 << 7 } };
	int list;

	printf("manual=%d ", ioctl(7, KVM_CHECK_EXTENSION, (void *)KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2));
	printf("one-reg=%d ", ioctl(7, KVM_CHECK_EXTENSION, (void *)KVM_CAP_ONE_REG));
	printf("run=%d ", ioctl(7, KVM_RUN, (void *)KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2));
	printf("nested=%d ", g_slist_prepend(&list, &nested) != &list);
	printf("other=%d ", g_slist_prepend(&list, &other) != &list);
	printf("vfio=%d ", g_slist_prepend(&list, &vfio) != &list);
	ioctl(7, KVM_ARM_VCPU_INIT, &plain);
	ioctl(7, KVM_ARM_VCPU_INIT, &el2);
	printf("plain=%u el2=%u ", plain.features[0], el2.features[0]);
	printf("number=%d\n", g_slist_prepend(&list, (void *)5) != &list);
	return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in; nvh-vmm.so lies beside it."""
    need("gcc", "gcc")
    need(f"{CROSS}gcc", "gcc-aarch64-linux-gnu (and libc6-dev-arm64-cross)")
    place = tmp_path_factory.mktemp("preload")
    (place / "kvm.c").write_text(KVM_SIDE)
    (place / "qemu.c").write_text(QEMU_SIDE)
    (place / "uapi").mkdir()
    for root in (Path("/usr/aarch64-linux-gnu/include"), Path("/usr/include/aarch64-linux-gnu")):
        if (root / "asm/kvm.h").exists():
            (place / "uapi/asm").symlink_to(root / "asm")
            break
    else:
        pytest.fail("no asm/kvm.h of arm64")
    shared = ["gcc", "-D_GNU_SOURCE", "-isystem", "uapi", "-fPIC"]
    for command in (
        [*shared, "-shared", "-o", "libkvm-side.so", "kvm.c"],
        [*shared, "-fvisibility=hidden", "-shared", "-o", "nvh-vmm.so", str(PAYLOADS / "vmm/vmm.c")],
        [*shared, "-o", "qemu", "qemu.c", "-L.", "-lkvm-side", f"-Wl,-rpath,{place}"],
    ):
        subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
    return place / "qemu"


def said(program: Path, preload: bool, **environment: str) -> dict[str, str]:
    """What the stand-in saw."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("LD_", "NVH_VMM"))}
    clean |= environment
    if preload:
        clean["LD_PRELOAD"] = str(program.with_name("nvh-vmm.so"))
    done = subprocess.run([program], env=clean, capture_output=True, text=True, check=True, timeout=30)
    return dict(word.split("=") for word in done.stdout.split())


def test_one_blocker_and_one_capability_are_gone_and_nothing_else(program: Path) -> None:
    """KVM's side answers 1000 times the descriptor and the argument, and 100000 more to other requests."""
    without = said(program, preload=False)
    assert without == {
        "manual": "7168",
        "one-reg": "7070",
        "run": "107168",
        "nested": "1",
        "other": "1",
        "vfio": "1",
        "plain": "8",
        "el2": "128",
        "number": "1",
    }
    assert said(program, preload=True) == {**without, "manual": "0", "nested": "0"}


def test_vcpus_with_el2_lose_vhe_where_that_is_asked_for(program: Path) -> None:
    """KVM_ARM_VCPU_HAS_EL2 is bit 7, HAS_EL2_E2H0 bit 8."""
    nvhe = said(program, preload=True, NVH_VMM_NVHE="1")
    assert nvhe == {**said(program, preload=True), "el2": str(1 << 7 | 1 << 8)}
