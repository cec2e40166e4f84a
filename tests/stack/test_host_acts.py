# SPDX-License-Identifier: GPL-2.0-only
"""The scripts that L0 runs for L1's machine, run here with a monitor of QEMU that answers as told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.errors import InfraError, Location
from harness.level import Level
from harness.scenario.language import HostAct
from harness.stack import host_acts, migrate, qmp_shell, vmm
from tests.conftest import need

HERE = Path(__file__).parent
MIB = 1 << 20


def act(verb: str, **what: object) -> HostAct:
    """A step of L0's as a scenario gives it; it waits for two seconds."""
    where = Location("s.yaml", 1, 1)
    return HostAct(where, host_acts.MARGIN_S + 2, Level.L0, verb, verb, act=verb, **what)  # type: ignore[arg-type]


class Monitor:
    """A QEMU whose state is ``said``."""

    def __init__(self, directory: Path) -> None:
        need("sh", "a shell")
        self.file = directory / "state.json"
        tools = directory / "bin"
        tools.mkdir()
        (tools / "socat").symlink_to(HERE / "fake_qmp.py")
        self.environment = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "FAKE_QMP": str(self.file),
        }

    def run(self, script: str, **state: object) -> subprocess.CompletedProcess[str]:
        """What ``script`` leaves when QEMU is in ``state``."""
        self.file.write_text(json.dumps(state))
        return subprocess.run(
            ["/bin/sh", "-c", script],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def state(self) -> dict[str, object]:
        """What became of it."""
        found: dict[str, object] = json.loads(self.file.read_text())
        return found


@pytest.fixture
def monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Monitor:
    monkeypatch.setattr(qmp_shell, "TURN_S", 0.01)
    monkeypatch.setattr(qmp_shell, "PAUSE_S", 0.01)
    return Monitor(tmp_path)


def test_balloon_waits_until_it_has_the_size(monitor: Monitor) -> None:
    done = monitor.run(host_acts.script(act("balloon", size_kib=262016), 0), actual=512 * MIB)
    assert (done.returncode, done.stdout) == (0, "balloon_kib=262016\n"), done.stderr
    assert monitor.state["wanted"] == 262016 << 10


def test_balloon_that_does_not_move_is_no_success(monitor: Monitor) -> None:
    done = monitor.run(host_acts.script(act("balloon", size_kib=262144), 0), actual=512 * MIB, stuck=True)
    assert (done.returncode, done.stdout) == (1, "balloon_kib=524288\n"), done.stderr


@pytest.mark.parametrize(("verb", "before", "after"), [("plug", 64, 192), ("unplug", 128, 0)])
def test_virtio_mem_counts_from_what_was_asked_for(
    monitor: Monitor, verb: str, before: int, after: int
) -> None:
    sizes = {"size": before * MIB, "requested-size": before * MIB}
    done = monitor.run(host_acts.script(act(verb, size_kib=128 << 10), 0), **sizes)
    assert (done.returncode, done.stdout) == (0, f"plugged_mib={after}\n"), done.stderr
    assert monitor.state["requested-size"] == after * MIB


def test_virtio_mem_that_the_guest_keeps_is_no_success(monitor: Monitor) -> None:
    sizes = {"size": 128 * MIB, "requested-size": 128 * MIB}
    done = monitor.run(host_acts.script(act("unplug", size_kib=128 << 10), 0), stuck=True, **sizes)
    assert (done.returncode, done.stdout) == (1, "plugged_mib=128\n"), done.stderr


def test_migration_tells_what_was_sent_again(monitor: Monitor) -> None:
    done = monitor.run(migrate.save_script(0, "unix:/tmp/x", 5), ends="completed")
    words = "status=completed passes=3 resent=150 total_mib=3 downtime_ms=41\n"
    assert (done.returncode, done.stdout) == (0, words), done.stderr
    assert monitor.state["uri"] == "unix:/tmp/x"


def test_failed_migration_is_no_success(monitor: Monitor) -> None:
    done = monitor.run(migrate.save_script(0, "unix:/tmp/x", 5), ends="failed")
    assert done.returncode == 1
    assert done.stdout.startswith("status=failed ")


def test_migration_that_never_ends_is_late(monitor: Monitor) -> None:
    done = monitor.run(migrate.save_script(0, "unix:/tmp/x", 1), ends="active")
    assert done.returncode == 1
    assert done.stdout.startswith("status=late ")


def test_blocker_is_reported_in_qemus_words(monitor: Monitor) -> None:
    why = "disallowing migration: Live migration disabled because KVM nested virt is enabled"
    done = monitor.run(migrate.save_script(0, "unix:/tmp/x", 5), blocked=why)
    assert (done.returncode, done.stdout) == (1, f"refused=1 why={why}\n")


def test_pages_are_those_that_the_run_printed() -> None:
    output = "noise\npa=0x48000000+200,0x50000000+56\ncase=pattern\n"
    script = host_acts.script(act("hwpoison", of="load", pages=8, how="soft"), 2, output)
    words = "nvh-pages $(cat /run/nvh/vmm-2.pid) soft-offline --at 0x48000000+200,0x50000000+56 --pages 8"
    assert script.startswith(words)
    assert "--plug" not in script
    assert "swapon" in host_acts.script(act("swap-out", of="load", pages=1), 0, output)
    plugged = host_acts.script(act("merge", of="load", pages=8), 2, output, 256)
    assert " merge --at 0x48000000+200,0x50000000+56 --pages 8 --timeout 2 --plug 256\n" in plugged


@pytest.mark.parametrize("output", ["", "pa=\n", "pa=0x1\n", "pa=0x1+2;reboot\n"])
def test_run_that_names_no_pages_is_refused(output: str) -> None:
    with pytest.raises(InfraError, match="which pages"):
        host_acts.script(act("merge", of="load", pages=1), 0, output)


@pytest.mark.parametrize(("listed", "told"), [(1, "mkswap swapon nvh-pages swapoff"), (2, "nvh-pages")])
def test_swap_is_on_for_the_pages_alone_unless_it_was_on_before(
    tmp_path: Path, listed: int, told: str
) -> None:
    """What L0 had on stays on; the status is that of nvh-pages."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("modprobe", "mkswap", "swapon", "swapoff", "nvh-pages"):
        status = 1 if name == "nvh-pages" else 0
        (tools / name).write_text(f'#!/bin/sh\necho "{name}" >>{tmp_path}/told\nexit {status}\n')
        (tools / name).chmod(0o755)
    (tmp_path / "swaps").write_text("line\n" * listed)
    (tmp_path / "disksize").write_text("0\n")
    (tmp_path / "pid").write_text("1\n")
    script = host_acts.script(act("swap-out", of="load", pages=1), 0, "pa=0x40089000+256\n")
    for real, mine in (
        ("/proc/swaps", "swaps"),
        ("/sys/block/zram0/disksize", "disksize"),
        ("/run/nvh/vmm.pid", "pid"),
    ):
        assert real in script
        script = script.replace(real, str(tmp_path / mine))
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    done = subprocess.run(["/bin/sh", "-c", script], env=environment, check=False, timeout=60)
    assert done.returncode == 1
    assert (tmp_path / "told").read_text().replace("modprobe\n", "").split() == told.split()


@pytest.mark.parametrize("status", [0, 1, 3])
def test_merging_ends_with_its_step_and_the_status_is_that_of_nvh_pages(tmp_path: Path, status: int) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "nvh-pages").write_text(f"#!/bin/sh\ncat {tmp_path}/run >{tmp_path}/before\nexit {status}\n")
    (tools / "nvh-pages").chmod(0o755)
    (tmp_path / "run").write_text("1\n")
    (tmp_path / "pid").write_text("1\n")
    script = host_acts.script(act("merge", of="load", pages=1), 0, "pa=0x40089000+256\n")
    for real, mine in (("/sys/kernel/mm/ksm/run", "run"), (vmm.PID_FILE, "pid")):
        assert real in script
        script = script.replace(real, str(tmp_path / mine))
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        check=False,
        timeout=60,
    )
    assert done.returncode == status
    assert (tmp_path / "before").read_text() == "1\n"
    assert (tmp_path / "run").read_text() == "0\n"
