# SPDX-License-Identifier: GPL-2.0-only
"""``nvh inspect`` and ``nvh gdb``: what is refused, and how a cell is found. No machine here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import EXIT_USER, UserError
from harness.level import Level
from harness.reproduce import stopped


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """A cell with its work order and a stopped machine whose RAM is empty of kernels."""
    place = tmp_path / "cells" / "one"
    (place / "failure").mkdir(parents=True)
    (place / "failure" / "ram").write_bytes(bytes(1 << 20))
    names = {level: str(tmp_path / f"kernel-{level}") for level in ("l0", "l1", "l2")}
    (place / "cell.json").write_text(json.dumps({"images": {"kernels": names}}))
    for name in names.values():
        Path(name).mkdir()
    return place


def told(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run a command that is refused and return what it says."""
    assert main([str(word) for word in words]) == EXIT_USER
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_kernel_without_vmlinux(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cell.parents[1] / "kernel-l0" / "manifest.json").write_text('{"release": "7.3.4+deb13-arm64"}')
    said = told(capsys, "inspect", cell)
    assert "the kernel of l0 has no vmlinux" in said
    assert "apt-get download linux-image-7.3.4+deb13-arm64-dbg" in said
    assert "--vmlinux l0=" in said


def test_ram_without_a_kernel(cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kernel-l0" / "vmlinux").write_bytes(b"\x7fELF" + bytes(60))
    assert "no VMCOREINFO in the memory of l0" in told(capsys, "inspect", cell)


def test_cell_that_left_no_machine(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cell / "failure" / "ram").unlink()
    said = told(capsys, "inspect", cell)
    assert "holds no stopped machine (failure/ram); run the cell again with --keep-on-failure" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ipa", "somewhere"], "is not a range of IPAs"),
        (["--ipa", "0x2000-0x1000"], "is empty"),
        (["--mmu", "shadow"], "a context is a number or own"),
        (["--vmlinux", "vmlinux"], "write LEVEL=FILE"),
        (["--vmlinux", "l3=vmlinux"], "write LEVEL=FILE"),
    ],
)
def test_wrong_options(words: list[str], says: str, cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert says in told(capsys, "inspect", cell, *words)


def test_wrong_number(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["inspect", str(cell), "--vm", "-1"])
    assert end.value.code == EXIT_USER
    assert "is not a whole number" in capsys.readouterr().err


def test_gdb_needs_a_machine(
    cell: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "the kernel of l1 has no vmlinux" in told(capsys, "gdb", cell, "--at", "l1")
    (cell.parents[1] / "kernel-l1" / "vmlinux").touch()
    monkeypatch.setattr("harness.reproduce.debug.gdb.find_gdb", lambda: "gdb-multiarch")
    assert "no machine runs in" in told(capsys, "gdb", cell, "--at", "l1")


def test_kernels_are_those_of_the_work_order(cell: Path, tmp_path: Path) -> None:
    given = {Level.L1: Path("/elsewhere/vmlinux")}
    found = stopped.kernels_of(cell, given)
    assert found == {
        Level.L0: tmp_path / "kernel-l0/vmlinux",
        Level.L1: Path("/elsewhere/vmlinux"),
        Level.L2: tmp_path / "kernel-l2/vmlinux",
    }
    (cell / "cell.json").write_text("[]")
    with pytest.raises(UserError, match="is not the work order of a cell"):
        stopped.kernels_of(cell, {})


def test_cells_are_found_by_directory(cell: Path, tmp_path: Path) -> None:
    assert stopped.cell_directory(str(cell)) == cell
    bare = tmp_path / "snapshot"
    bare.mkdir()
    (bare / "ram").touch()
    assert stopped.cell_directory(str(bare)) == bare
    assert stopped.ram_of(bare) == bare / "ram"
    with pytest.raises(UserError, match="neither a run nor a cell"):
        stopped.cell_directory(str(tmp_path / "nothing"))
