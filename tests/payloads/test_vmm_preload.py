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
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
uint64_t mmfr0 = 0x1122334455667706;
int ran;
void *g_slist_prepend(void *list, void *data) { return list == data ? NULL : data; }
int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	struct kvm_one_reg *reg;
	va_start(arguments, request);
	reg = va_arg(arguments, struct kvm_one_reg *);
	va_end(arguments);
	if (request == KVM_ARM_VCPU_INIT)
		return fd == 13 ? -1 : 0;
	if (reg->id != ARM64_SYS_REG(3, 0, 0, 7, 0))
		return -1;
	if (request == KVM_GET_ONE_REG)
		memcpy((void *)reg->addr, &mmfr0, 8);
	else if (ran)
		return -1;
	else
		memcpy(&mmfr0, (void *)reg->addr, 8);
	return 0;
}
"""
QEMU_SIDE = r"""
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
extern uint64_t mmfr0;
extern int ran;
void *g_slist_prepend(void *list, void *data);
struct error { const char *text; int kind; };
int main(void)
{
	struct error nested = { "Live migration disabled because KVM nested virt is enabled", 0 };
	struct error other = { "Live migration disabled because KVM nested virt is enabled too", 0 };
	struct error vfio = { "VFIO device doesn't support migration", 0 };
	int first = ioctl(7, KVM_ARM_VCPU_INIT, NULL), again, failed;

	ran = 1;
	again = ioctl(7, KVM_ARM_VCPU_INIT, NULL);
	failed = ioctl(13, KVM_ARM_VCPU_INIT, NULL);
	printf("init=%d again=%d failed=%d ", first, again, failed);
	printf("mmfr0=%lx ", (unsigned long)mmfr0);
	printf("nested=%d ", g_slist_prepend(&first, &nested) != &first);
	printf("other=%d ", g_slist_prepend(&first, &other) != &first);
	printf("vfio=%d ", g_slist_prepend(&first, &vfio) != &first);
	printf("number=%d\n", g_slist_prepend(&first, (void *)5) != &first);
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
        [*shared, "-fvisibility=hidden", "-shared", "-o", "nvh-vmm.so", PAYLOADS / "vmm/vmm.c"],
        [*shared, "-o", "qemu", "qemu.c", "-L.", "-lkvm-side", f"-Wl,-rpath,{place}"],
    ):
        subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
    return place / "qemu"


def said(program: Path, preload: bool = True, **environment: str) -> dict[str, str]:
    """What the stand-in saw."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("NVH_", "LD_"))}
    if preload:
        clean["LD_PRELOAD"] = str(program.with_name("nvh-vmm.so"))
    done = subprocess.run(
        [program], env={**clean, **environment}, capture_output=True, text=True, check=True, timeout=30
    )
    return dict(word.split("=") for word in done.stdout.split())


UNTOUCHED = {
    "init": "0",
    "again": "0",
    "failed": "-1",
    "mmfr0": "1122334455667706",
    "nested": "1",
    "other": "1",
    "vfio": "1",
    "number": "1",
}
"""What is seen without the library: each blocker is kept, and the PA size is the model's."""


def test_nothing_changes_unless_it_is_asked_for(program: Path) -> None:
    assert said(program, preload=False) == UNTOUCHED
    assert said(program) == UNTOUCHED
    assert said(program, NVH_MIGRATION="deny") == UNTOUCHED


@pytest.mark.parametrize(
    ("bits", "field"), [("32", 0), ("36", 1), ("40", 2), ("42", 3), ("44", 4), ("48", 5)]
)
def test_pa_size_is_the_one_asked_for(program: Path, bits: str, field: int) -> None:
    """The rest of the register stays, and a second KVM_ARM_VCPU_INIT of a VM that ran is no error."""
    assert said(program, NVH_PA_BITS=bits) == {**UNTOUCHED, "mmfr0": f"112233445566770{field}"}


@pytest.mark.parametrize("bits", ["", "39", "52", "036"])
def test_pa_size_that_is_none_changes_nothing(program: Path, bits: str) -> None:
    assert said(program, NVH_PA_BITS=bits) == UNTOUCHED


def test_one_blocker_is_dropped_and_no_other(program: Path) -> None:
    assert said(program, NVH_MIGRATION="allow") == {**UNTOUCHED, "nested": "0"}
