# SPDX-License-Identifier: GPL-2.0-only
"""Every payload builds for arm64 without a warning, and the tools refuse what they should."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.arch.header import write_headers
from tests.conftest import PAYLOADS, make, need

CROSS = "aarch64-linux-gnu-"
PROGRAMS = ("nvh-agent", "nvh-tlbi", "nvh-kvm", "nvh-reclaim", "nvh-migrate", "nvh-linux")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need(f"{CROSS}gcc", "gcc-aarch64-linux-gnu (and libc6-dev-arm64-cross)")
    out = tmp_path_factory.mktemp("payloads")
    write_headers(out)
    done = make(out, CROSS_COMPILE=CROSS, GENERATED=out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("program", PROGRAMS)
def test_is_a_static_arm64_program(built: Path, program: str) -> None:
    described = subprocess.run(
        [f"{CROSS}readelf", "-hl", built / program], capture_output=True, text=True, check=True
    ).stdout
    assert "AArch64" in described
    assert "INTERP" not in described


def test_guest_image_has_room_for_its_page_table(built: Path) -> None:
    assert 0 < (built / "kvm-guest.bin").stat().st_size < 0x10000


def test_guest_accesses_the_region_with_syndrome_only(built: Path) -> None:
    """KVM emulates MMIO only for single loads and stores without write-back (ESR_EL2.ISV)."""
    listing = subprocess.run(
        [f"{CROSS}objdump", "-d", built / "kvm-guest.elf"], capture_output=True, text=True, check=True
    ).stdout
    judged = listing[listing.index("<guest_main>:") :]
    assert "ldr" in judged
    assert not [line for line in listing.splitlines() if "]!" in line and "sp" not in line]


def test_unused_warning_stops_the_build(tmp_path: Path) -> None:
    """-Werror is really on: the same Makefile rejects a source with a warning."""
    need("gcc", "gcc")
    copy = tmp_path / "payloads"
    copy.mkdir()
    for name in ("Makefile", "lib/bare/bare.mk"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text((PAYLOADS / name).read_text())
    (copy / "agent").mkdir()
    (copy / "agent/main.c").write_text("int main(void) { int unused; return 0; }\n")
    done = subprocess.run(
        ["make", "-C", copy, "CROSS_COMPILE=", f"O={tmp_path / 'out'}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "unused" in done.stderr


def test_native_build_makes_the_agent_alone(agent_binary: Path) -> None:
    assert {p.name for p in agent_binary.parent.iterdir()} == {"nvh-agent"}
