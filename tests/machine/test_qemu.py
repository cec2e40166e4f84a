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
from harness.machine.qemu import Machine, MachineSpec, arguments, escape


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


def test_machine_that_ends_at_once_is_told_with_its_words(tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\necho no such machine >&2; exit 1\n")
    program.chmod(0o755)
    with (
        Machine(spec((str(program),)), tmp_path) as machine,
        pytest.raises(InfraError, match="QEMU ended with status 1: no such machine"),
    ):
        machine.connect("agent.sock")
    program.write_text("#!/bin/sh\nkill -SEGV $$\n")
    with Machine(spec((str(program),)), tmp_path) as machine:
        machine._process.wait(5)
        with pytest.raises(InfraError, match="QEMU ended with signal 11"):
            machine.qmp("query-status")


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
        assert machine.activity(0.1)[1] == 0
        assert time.monotonic() - began < 20
