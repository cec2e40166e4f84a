# SPDX-License-Identifier: GPL-2.0-only
"""Child processes end when they should: with their parent, when told, and when they refuse."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness.machine import process
from tests.processes import wait_gone

PARENT = """
import os, sys, time
from pathlib import Path
from harness.machine.process import spawn
with open(os.devnull, "wb") as null:
    child = spawn(["sleep", "86421"], cwd=Path("/"), env={"PATH": os.environ["PATH"]}, stdout=null)
print(child.pid, flush=True)
time.sleep(60)
"""


def start(script: str, directory: Path) -> subprocess.Popen[bytes]:
    """Start a shell script with ``spawn`` and wait until it says that it is ready."""
    with (directory / "out").open("wb") as out:
        child = process.spawn(["sh", "-c", script], cwd=directory, env=dict(os.environ), stdout=out)
    end = time.monotonic() + 10
    while not (directory / "out").read_text():
        assert time.monotonic() < end, "the script did not start"
        time.sleep(0.01)
    return child


def test_child_dies_with_a_killed_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert wait_gone([child], 5) == []


def test_child_has_a_session_of_its_own_and_no_stdin(tmp_path: Path) -> None:
    child = start("readlink /proc/self/fd/0; exec sleep 86422", tmp_path)
    assert os.getsid(child.pid) == child.pid
    assert (tmp_path / "out").read_text() == "/dev/null\n"
    process.kill(child)


def test_kill_ends_the_group_of_who_refuses(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 86423 & echo $!; while :; do sleep 0.05; done"
    child = start(script, tmp_path)
    below = int((tmp_path / "out").read_text())
    assert process.kill(child) == -signal.SIGKILL
    assert process.kill(child) == -signal.SIGKILL
    assert wait_gone([below], 5) == []


def test_kill_tells_how_a_process_ended_before(tmp_path: Path) -> None:
    child = start("echo on; exit 7", tmp_path)
    child.wait(5)
    assert process.kill(child) == 7


def test_cpu_seconds_of_a_busy_an_idle_and_an_absent_process(tmp_path: Path) -> None:
    busy = start("echo on; while :; do :; done", tmp_path)
    before = process.cpu_seconds(busy.pid)
    time.sleep(0.5)
    assert process.cpu_seconds(busy.pid) - before > 0.05
    process.kill(busy)
    assert process.cpu_seconds(busy.pid) == 0.0


def test_work_of_a_busy_a_waiting_and_an_absent_process(tmp_path: Path) -> None:
    busy, sleeper = start("echo on; while :; do :; done", tmp_path), start("echo on; sleep 60", tmp_path)
    before, before_sleeper = process.work(busy.pid), process.work(sleeper.pid)
    time.sleep(0.5)
    done = process.work(busy.pid) - before
    assert 0.05 < done.got <= done.wanted
    assert (process.work(sleeper.pid) - before_sleeper).wanted < 0.05
    process.kill(busy)
    process.kill(sleeper)
    assert process.work(busy.pid) == process.CpuTime(0.0, 0.0)


def test_wait_gone_names_who_stays() -> None:
    assert wait_gone([os.getpid()], 0.1) == [os.getpid()]
