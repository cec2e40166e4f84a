# SPDX-License-Identifier: GPL-2.0-only
"""The booted three-level stack: commands, files, SSH and diagnosis at every level."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from harness.level import Level
from harness.stack.level_command import Completed
from harness.stack.ssh import Session
from harness.stack.stack import Stack

DEADLINE_S = 60.0
LEVELS = list(Level)


@pytest.mark.parametrize("level", LEVELS)
def test_command_runs_at_its_level_with_streams_apart(stack: Stack, level: Level) -> None:
    script = "grep -o 'nvh.level=l.' /proc/cmdline | cut -d= -f2; echo e >&2; exit 7"
    assert stack.run(level, script, DEADLINE_S) == Completed(7, f"{level}\n".encode(), b"e\n")


@pytest.mark.parametrize("level", LEVELS)
def test_standard_input(stack: Stack, level: Level) -> None:
    done = stack.run(level, "read -r first; echo $first; cat", DEADLINE_S, b"one\ntwo\n")
    assert done == Completed(0, b"one\ntwo\n", b"")


@pytest.mark.parametrize("level", LEVELS)
def test_mebibyte_down_and_up(stack: Stack, level: Level) -> None:
    data = random.Random(int(level)).randbytes(1 << 20)
    stack.put(level, data, "/tmp/a file", DEADLINE_S)
    assert stack.get(level, "/tmp/a file", DEADLINE_S) == data
    stack.run(level, "rm '/tmp/a file'", DEADLINE_S)


@pytest.mark.parametrize("level", LEVELS)
def test_deadline_kills_the_command(stack: Stack, level: Level) -> None:
    with pytest.raises(TimeoutError):
        stack.run(level, "sleep 97999", 1.0)
    end = time.monotonic() + DEADLINE_S
    while stack.run(level, "pgrep -f 'sleep 9799[9]'", DEADLINE_S).status == 0:
        assert time.monotonic() < end, "the command outlived its deadline"


@pytest.mark.parametrize("level", [Level.L0, Level.L1])
def test_ssh(stack: Stack, level: Level) -> None:
    with Session(stack, level) as session:
        assert session.run("grep -o nvh.level=.. /proc/cmdline; exit 9", DEADLINE_S) == (
            9,
            f"nvh.level={level}\n".encode(),
        )
        status, output = session.run("head -c 300000 /dev/zero", DEADLINE_S)
        assert (status, len(output)) == (0, 300000)
    assert stack.run(level, "echo on", DEADLINE_S).stdout == b"on\n"
    assert stack.run(level, "sleep 1; pgrep dropbear", DEADLINE_S).stdout == b""


def test_only_loopback_listens(stack: Stack) -> None:
    """The model has no network device at all, so nothing can be reached from outside."""
    for level in LEVELS:
        devices = stack.run(level, "ls /sys/class/net", DEADLINE_S).text.split()
        assert set(devices) <= {"lo", "sit0", "ip6tnl0"}


def test_consoles_are_kept(stack: Stack) -> None:
    for level in LEVELS:
        assert f"nvh: {level} ready" in stack.console(level).text
        assert (stack.directory / f"{level}.console.log").stat().st_size > 0


def test_stopped_machine_is_told_from_a_slow_one(stack: Stack) -> None:
    with stack.agent.running_freely():  # a monitor does not answer while the machine waits for its turn
        stack.machine.qmp("stop")
    try:
        told = stack.diagnose()
    finally:
        stack.machine.qmp("cont")
    assert "hung: every CPU of the machine is idle" in told
    assert "l2's agent does not answer" in told
    busy = stack.start(Level.L1, "while :; do :; done")
    told = stack.diagnose()
    busy.kill()
    assert "the machine is busy" in told
    assert "l2's agent answers" in told


def test_frozen_qemu_is_reported(stack: Stack) -> None:
    os.kill(stack.machine.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        told = stack.diagnose()
    finally:
        os.kill(stack.machine.pid, signal.SIGCONT)
    assert "hung: every CPU of the machine is idle" in told
    assert time.monotonic() - began < 60
    assert stack.run(Level.L2, "echo on", DEADLINE_S).stdout == b"on\n"
