# SPDX-License-Identifier: GPL-2.0-only
"""KVM's selftests out of a kernel's source; the suite here is a toy with one program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.artefacts.kernel import load_kernel
from harness.artefacts.kernel.make import CROSS
from harness.artefacts.kernel.selftests import SUITE, TESTS, build_selftests, collect, take
from harness.errors import UserError
from harness.host.cache import Store

MAKEFILE = """\
all: $(OUTPUT)/arm64/one $(OUTPUT)/two.o
$(OUTPUT)/arm64/one: one.c $(KHDR)
\tmkdir -p $(@D)
\t$(CROSS_COMPILE)gcc $(KHDR_INCLUDES) -g -static -nostdlib -o $@ $<
$(OUTPUT)/two.o: one.c
\t$(CROSS_COMPILE)gcc $(KHDR_INCLUDES) -c -o $@ $<
"""
TOP = """\
headers:
\tmkdir -p $(O)/usr/include
\techo '#define ANSWER 42' >$(O)/usr/include/answer.h
"""
KERNEL = """\
kernel: toy
summary: A toy.
source: {directory: {path: tree}}
config: [a.config]
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    suite = tmp_path / "tree" / SUITE
    suite.mkdir(parents=True)
    (suite / "Makefile").write_text(MAKEFILE)
    (suite / "one.c").write_text(
        "#include <answer.h>\nvoid _start(void) { for (;;) ; }\nint answer = ANSWER;\n"
    )
    (tmp_path / "tree" / "Makefile").write_text(TOP)
    (tmp_path / "a.config").write_text("CONFIG_A=y\n")
    (tmp_path / "toy.yaml").write_text(KERNEL)
    return tmp_path / "toy.yaml"


@pytest.mark.skipif(shutil.which(f"{CROSS}gcc") is None, reason="no compiler for arm64")
def test_programs_are_built_stripped_and_kept(kernel: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    made = build_selftests(load_kernel(str(kernel)), store, lambda _: None)
    assert made.manifest["tests"] == ["arm64/one"]
    assert sorted(p.name for p in made.path.iterdir() if p.is_dir()) == [TESTS]
    listed = subprocess.run(
        ["file", "-b", made.path / TESTS / "arm64/one"], capture_output=True, text=True, check=True
    )
    assert "ARM aarch64" in listed.stdout
    assert "not stripped" not in listed.stdout
    assert build_selftests(load_kernel(str(kernel)), store, lambda _: None).digest == made.digest


def test_a_source_without_the_suite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    with pytest.raises(UserError, match=f"the kernel's source has no {SUITE}"):
        take(tmp_path / "src", tmp_path / "copy")


def test_a_ready_kernel_has_no_selftests(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="kernel debian is not built from source"):
        build_selftests(load_kernel("debian"), Store(tmp_path), lambda _: None)


def test_only_programs_are_collected(tmp_path: Path) -> None:
    built = tmp_path / "out"
    built.mkdir()
    for name, kind in (("object.o", 1), ("core", 4), ("library.so.1", 3)):
        (built / name).write_bytes(b"\x7fELF" + bytes(12) + bytes([kind, 0]))
    (built / "script").write_text("#!/bin/sh\n")
    (built / "short").write_bytes(b"\x7fELF")
    assert collect(built, tmp_path / TESTS) == []
