# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's command line, and a machine whose program is not what it should be."""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import InfraError
from harness.machine.qemu import (
    CpuState,
    GuestEnded,
    Machine,
    MachineSpec,
    ModelCrashed,
    arguments,
    cpu_states,
    escape,
)


def spec(launcher: tuple[str, ...] = ("qemu",), **changes: object) -> MachineSpec:
    fields: dict[str, object] = {
        "launcher": launcher,
        "environment": {"A": "it's"},
        "flags": ("-M", "virt", "-icount", "shift=0,sleep=off"),
        "cpus": 2,
        "memory_mib": 512,
        "kernel": Path("/k/Image"),
        "cmdline": "console=ttyAMA0 a=b,c",
    }
    return MachineSpec(**{**fields, **changes})  # type: ignore[arg-type]


def value(words: list[str], option: str) -> list[str]:
    return [after for word, after in itertools.pairwise(words) if word == option]


def test_commas_are_escaped_only_inside_options() -> None:
    assert escape("/a,b") == "/a,,b"
    words = arguments(spec())
    assert value(words, "-append") == ["console=ttyAMA0 a=b,c"]
    assert value(words, "-icount") == ["shift=0,sleep=off"]


def test_sandbox_initrd_and_extra_options() -> None:
    words = arguments(spec(initrd=Path("/i"), extra=("-S",)))
    assert value(words, "-initrd") == ["/i"]
    assert words[-1] == "-S"
    assert "spawn=deny" in value(words, "-sandbox")[0]
    assert "-sandbox" not in arguments(spec(sandbox=False))
    assert "-initrd" not in words[: words.index("-initrd")]


def test_nothing_listens_beyond_the_directory() -> None:
    for word in arguments(spec()):
        assert not word.startswith(("tcp:", "telnet:", "vnc"))
        if "server=on" in word:
            assert "path=" in word or word.startswith("unix:")


def test_script_of_a_machine_is_its_exact_command(tmp_path: Path) -> None:
    program = tmp_path / "fake qemu"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$A" "$@"\n')
    program.chmod(0o755)
    with Machine(spec((str(program),)), tmp_path) as machine:
        machine._process.wait(5)
    again = subprocess.run(["sh", tmp_path / "qemu.sh"], capture_output=True, text=True, check=True)
    assert again.stdout.splitlines() == ["it's", *arguments(machine.spec)]
    assert (tmp_path / "qemu.log").read_text() == again.stdout
    assert shlex.split((tmp_path / "qemu.sh").read_text().splitlines()[-1])[1:] == machine.command


def test_machine_that_ends_at_once_is_reported_with_its_words(tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\necho no such machine >&2; exit 1\n")
    program.chmod(0o755)
    with (
        Machine(spec((str(program),)), tmp_path) as machine,
        pytest.raises(InfraError, match="QEMU ended with status 1: no such machine"),
    ):
        machine.connect("agent.sock")


@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [
        ("kill -SEGV $$", ModelCrashed, r"the model crashed: QEMU ended with signal 11 \(SIGSEGV\): assert"),
        ("kill -ABRT $$", ModelCrashed, "SIGABRT"),
        ("kill -KILL $$", InfraError, "QEMU ended with signal 9"),
        ("kill -TERM $$", InfraError, "QEMU ended with signal 15"),
        ("exit 1", InfraError, "QEMU ended with status 1: so\nassertion failed"),
        ("exit 0", GuestEnded, "L0 reset or powered off its machine"),
    ],
)
def test_end_says_whose_fault_it_is(tmp_path: Path, end: str, kind: type[Exception], words: str) -> None:
    program = tmp_path / "qemu"
    program.write_text(f"#!/bin/sh\necho so; echo assertion failed\n{end}\n")
    program.chmod(0o755)
    with Machine(spec((str(program),)), tmp_path) as machine:
        machine._process.wait(5)
        with pytest.raises(kind, match=words):
            machine.qmp("query-status")
        assert type(machine.death()) is kind


INFO = """\

CPU#0
 PC=ffff800080010abc X00=0000000000000001 X01=00000000000000ff
X30=ffff800080010000  SP=ffff800082003e10
PSTATE=604000c9 -ZC- EL2h  BTYPE=0

CPU#1
 PC=0000000040080000 X00=0000000000000002
PSTATE=000003c5 ---- EL1h
"""


def test_states_of_the_vcpus_are_read() -> None:
    first, second = cpu_states(INFO)
    assert first == CpuState(0xFFFF800080010ABC, 2, (1, 0xFF, 0xFFFF800080010000, 0xFFFF800082003E10))
    assert second == CpuState(0x40080000, 1, (2,))
    assert cpu_states("PC=10") == [CpuState(0x10, None, ())]
    assert cpu_states("nothing of the kind") == []


def test_leaving_ends_the_program_and_removes_its_sockets(tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\nexec sleep 86431\n")
    program.chmod(0o755)
    (tmp_path / "agent.sock").touch()
    with Machine(spec((str(program),)), tmp_path) as machine:
        assert machine.running
        pid = machine.pid
    assert not machine.running
    assert not Path(f"/proc/{pid}").exists()
    assert not (tmp_path / "agent.sock").exists()
    machine.close()


def test_directory_with_a_long_path(tmp_path: Path) -> None:
    """Sockets are reached although the path exceeds sun_path's 108 bytes."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    program = tmp_path / "qemu"
    script = "import socket, time; s = socket.socket(1); s.bind('agent.sock'); s.listen(); time.sleep(60)"
    program.write_text(f'#!/bin/sh\nexec python3 -c "{script}"\n')
    program.chmod(0o755)
    with Machine(spec((str(program),), environment=dict(os.environ)), deep) as machine:
        machine.connect("agent.sock").close()


def test_monitor_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As QEMU does under icount when no CPU has anything left to wait for."""
    monkeypatch.setattr("harness.machine.qemu.QMP_TIMEOUT_S", 0.3)
    code = (
        "import socket, time\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "s.bind('qmp.sock')\n"
        "s.listen()\n"
        "time.sleep(60)\n"
    )
    with Machine(spec((sys.executable, "-c", code)), tmp_path) as machine:
        began = time.monotonic()
        with pytest.raises(InfraError, match="QMP query-status failed: no answer in"):
            machine.qmp("query-status")
        assert time.monotonic() - began < 20
