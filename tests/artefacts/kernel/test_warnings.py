# SPDX-License-Identifier: GPL-2.0-only
"""Warnings belong to the object that was being made, and are remembered until it is made again."""

from __future__ import annotations

from pathlib import Path

from harness.artefacts.kernel import warnings
from harness.artefacts.kernel.make import make
from tests.artefacts.kernel.toy import Toy

LOG = """\
  CC      arch/arm64/kvm/nested.o
/k/src/arch/arm64/kvm/nested.c: In function 'x':
/k/src/arch/arm64/kvm/nested.c:12:6: warning: unused variable 'y' [-Wunused-variable]
   12 |  int y;
  CC      arch/arm64/kvm/sys_regs.o
In file included from ../arch/arm64/kvm/sys_regs.c:3:
../include/linux/x.h:7:1: warning: 'z' defined but not used [-Wunused-function]
../include/linux/x.h:9:1: warning: 'z' defined but not used [-Wunused-function]
  AS      arch/arm64/kvm/hyp/entry.o
  LD      vmlinux.o
"""


def test_by_object_without_line_numbers() -> None:
    found = warnings.parse(LOG, Path("/k/src")).objects
    assert found == {
        "arch/arm64/kvm/nested.o": ("arch/arm64/kvm/nested.c: unused variable 'y' [-Wunused-variable]",),
        "arch/arm64/kvm/sys_regs.o": ("include/linux/x.h: 'z' defined but not used [-Wunused-function]",),
        "arch/arm64/kvm/hyp/entry.o": (),
    }


def test_remembered_until_made_again(tmp_path: Path) -> None:
    first = warnings.parse(LOG, Path("/k/src"))
    assert warnings.remember(tmp_path, first)["arch/arm64/kvm/hyp/entry.o"] == []
    again = warnings.parse("  CC      arch/arm64/kvm/nested.o\n", Path("/k/src"))
    known = warnings.remember(tmp_path, again)
    assert known["arch/arm64/kvm/nested.o"] == []
    assert len(known["arch/arm64/kvm/sys_regs.o"]) == 1
    (tmp_path / warnings.FILE).write_text("not JSON")
    assert set(warnings.remember(tmp_path, again)) == {"arch/arm64/kvm/nested.o"}


def test_parallel_output_is_grouped(toy: Toy) -> None:
    """Two targets that are made at once and speak in turns: each warning stands below its own object."""
    recipe = "\t@echo '  CC      $@'; sleep 0.2; echo '$*.c:1:1: warning: of $*'; sleep 0.2\n"
    (toy.tree / "Makefile").write_text(f".PHONY: all\nall: a.o b.o\n%.o:\n{recipe}")
    log = toy.root / "log"
    make(toy.tree, ["-j2", "all"], log=log, progress=toy.say)
    found = warnings.parse(log.read_text(), toy.tree).objects
    assert found == {"a.o": ("a.c: of a",), "b.o": ("b.c: of b",)}
