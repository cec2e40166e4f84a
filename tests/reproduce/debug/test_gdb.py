# SPDX-License-Identifier: GPL-2.0-only
"""The command file, the search for a gdb, and what is refused without QMP or symbols; no machine here."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from harness.errors import InfraError, UserError
from harness.level import Level
from harness.machine.ram.level_report import LevelReport, Mmu, Vm
from harness.reproduce.debug import gdb, session
from harness.reproduce.debug.attach import attached
from tests.ci import want

FLAGS = (
    Mmu(None, 1, 1, 0x4119_C000, 0),
    Mmu(0, 2, 1, 0x422B_0000, 0, valid=True, stage2_enabled=False),
    Mmu(1, 3, 1, 0x422C_0000, 0, valid=True, stage2_enabled=True),
    Mmu(2, 4, 1, 0x422D_0000, 0, valid=False, stage2_enabled=True),
)
REPORT = LevelReport("l0", "7.3", "", 0, (Vm(0, 1, 2, "qemu", True, (), FLAGS, ()),))


def script(level: Level, **more: object) -> str:
    kernels = {Level.L0: Path("/k/l0/vmlinux"), Level.L1: Path("/k/l1/vm linux")}
    return gdb.gdb_script(level, kernels, {Level.L1: 0x2A00000}, **more)  # type: ignore[arg-type]


def test_contexts_are_those_in_use() -> None:
    assert gdb.contexts(REPORT) == {
        0x4119_C000: gdb.GdbContext(Level.L1, "VM 0, own"),
        0x422C_0000: gdb.GdbContext(Level.L2, "VM 0, nested 1"),
    }


def test_script() -> None:
    text = script(Level.L1, known=gdb.contexts(REPORT), symbols=[Path('/p/guest "1".elf')])
    lines = text.splitlines()
    (install,) = [line for line in lines if "in_gdb" in line]
    assert "0: ('/k/l0/vmlinux', 0), 1: ('/k/l1/vm linux', 44040192)" in install
    assert f"{0x422C_0000}: (2, 'VM 0, nested 1')" in install
    assert lines.index("nvh-symbols l1") < lines.index("target remote gdb.sock")
    assert 'add-symbol-file "/p/guest \\"1\\".elf"' in lines


def test_level_without_symbols() -> None:
    with pytest.raises(UserError, match="no symbols of l2: give an ELF file with --symbols"):
        script(Level.L2)
    assert "nvh-symbols" not in script(Level.L2, symbols=[Path("/p/guest.elf")])


def test_kernel_without_vmlinux(tmp_path: Path) -> None:
    kernels = {Level.L0: tmp_path / "vmlinux"}
    with pytest.raises(UserError, match="the kernel of l0 has no vmlinux"):
        gdb.available(kernels, Level.L0, ())
    with pytest.raises(UserError, match="no such file of symbols"):
        gdb.available(kernels, Level.L1, [tmp_path / "absent.elf"])
    kernels[Level.L0].touch()
    assert gdb.available(kernels, Level.L0, ()) == kernels


def program(place: Path, name: str, text: str) -> None:
    path = place / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_unfit_gdbs_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(gdb, "PROGRAMS", ("first-gdb", "second-gdb", "third-gdb"))
    program(tmp_path, "first-gdb", "echo 'Undefined item: \"aarch64\".' >&2; echo python")
    program(
        tmp_path, "second-gdb", "echo 'Python scripting is not supported in this copy of GDB.' >&2; exit 1"
    )
    with pytest.raises(
        UserError, match=r"first-gdb has no aarch64; .*second-gdb has no Python\).* apt-get install gdb"
    ):
        gdb.find_gdb()
    program(tmp_path, "third-gdb", "echo 'The target architecture is set to \"aarch64\".'; echo python")
    assert gdb.find_gdb() == str(tmp_path / "third-gdb")


@pytest.fixture
def real_gdb() -> str:
    want("gdb-multiarch")
    return gdb.find_gdb()


def test_helpers_load_into_a_real_gdb(real_gdb: str, tmp_path: Path) -> None:
    """Without a machine there are no registers: that is said, and not taken for level 0."""
    text = script(Level.L1).replace("nvh-symbols l1\n", "").partition("target remote")[0]
    (tmp_path / "nvh.gdb").write_text(text)
    words = ["print $nvh_level()", "nvh-symbols l7", "nvh-symbols l2", "nvh-break l1", "help nvh-break"]
    argv = [*gdb.command(real_gdb, Path("nvh.gdb")), "-batch"]
    for each in words:
        argv += ["-ex", each]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "the machine's gdbstub does not offer cpsr" in done.stderr
    assert "there is no level 'l7'; say l0, l1 or l2" in done.stderr
    assert "there are no symbols of l2" in done.stderr
    assert "usage: nvh-break l0|l1|l2 LOCATION" in done.stderr
    assert "stop there at that level only" in done.stdout


def test_session_runs_in_the_machines_directory(tmp_path: Path) -> None:
    program(tmp_path, "fake", 'pwd; echo "$@" >said')
    kernels = {Level.L0: tmp_path / "vmlinux"}
    kernels[Level.L0].touch()
    place = tmp_path / "cell"
    place.mkdir()
    written = session.prepare(session.Debuggee(place, kernels, offsets={Level.L0: 0x1000}), Level.L0)
    assert "vmlinux', 4096)" in written.read_text()
    assert session.run(str(tmp_path / "fake"), written, ["nvh-where"]) == 0
    assert (place / "said").read_text() == "-nx -q -x nvh.gdb -ex nvh-where -batch\n"


def test_no_machine(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no machine runs in"), attached(tmp_path):
        pass


def test_busy_qmp_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU leaves a second client in the queue: it connects and hears nothing."""
    monkeypatch.setattr("harness.reproduce.debug.attach.GREETING_TIMEOUT_S", 0.2)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "qmp.sock"))
        server.listen(1)
        with pytest.raises(UserError, match="another process"), attached(tmp_path):
            pass


def test_qemu_that_refuses_the_stub(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match=r"did not open its gdbstub .*: it cannot"):
        gdb.serve(lambda *_, **__: "it cannot\n", tmp_path)
