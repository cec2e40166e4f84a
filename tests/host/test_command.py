# SPDX-License-Identifier: GPL-2.0-only
"""External commands: deadlines end whole groups, failures say what failed, logs are kept."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import InfraError, UserError
from harness.host import command
from tests.processes import running


def test_output_is_joined_and_logged(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    done = command.run(["sh", "-c", "echo out; echo err >&2; cat"], timeout_s=10, log=log, stdin="in\n")
    assert done.stdout == "out\nerr\nin\n"
    assert log.read_text() == "before\n$ sh -c 'echo out; echo err >&2; cat'\nout\nerr\nin\n"


def test_environment_is_added_to(tmp_path: Path) -> None:
    done = command.run(["sh", "-c", "echo $A $LC_ALL; pwd"], timeout_s=10, env={"A": "b"}, cwd=tmp_path)
    assert done.stdout == f"b C\n{tmp_path}\n"


def test_status_is_an_error_with_the_tail_and_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(InfraError, match=f"ended with status 3 .log: {log}.\n") as caught:
        command.run(["sh", "-c", "seq 100; exit 3"], timeout_s=10, log=log)
    assert caught.value.output.splitlines() == [str(n) for n in range(71, 101)]
    assert log.read_text().splitlines()[1] == "1"
    assert command.run(["sh", "-c", "exit 3"], timeout_s=10, check=False).returncode == 3


def test_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    log = tmp_path / "log"
    began = time.monotonic()
    with pytest.raises(InfraError, match="did not end within 0 s") as caught:
        command.run(["sh", "-c", "sleep 86411 & echo on; sleep 86412"], timeout_s=0.4, log=log)
    assert time.monotonic() - began < 5
    assert caught.value.output == "on"
    assert "on\n" in log.read_text()
    assert not running("86411")
    assert not running("86412")


def test_deadline_holds_although_a_process_left_the_group(tmp_path: Path) -> None:
    """It keeps the pipe open, which must not keep the harness."""
    pid = tmp_path / "pid"
    script = f"setsid sh -c 'echo $$ >{pid}; exec sleep 20' & sleep 86413"
    began = time.monotonic()
    with pytest.raises(InfraError, match="did not end"):
        command.run(["sh", "-c", script], timeout_s=0.5)
    assert time.monotonic() - began < 10
    assert not running("86413")
    command.run(["kill", pid.read_text().strip()], timeout_s=5)


@contextlib.contextmanager
def _spinning(cpu: int) -> Iterator[None]:
    """Something that never sleeps runs on ``cpu`` meanwhile."""
    hog = subprocess.Popen(["taskset", "-c", str(cpu), "sh", "-c", "while :; do :; done"])
    try:
        yield
    finally:
        hog.kill()
        hog.wait()


def _make(place: Path, recipe: str) -> subprocess.Popen[bytes]:
    """Start make, as a kernel's build does, and wait until its recipe has written ``begun``."""
    (place / "Makefile").write_text(f"half:\n\t{recipe}\n")
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "-C", str(place), "-j2", "--output-sync=target"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    end = time.monotonic() + 30
    while not (place / "begun").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


def test_a_build_ends_in_order_although_make_runs_late(tmp_path: Path) -> None:
    """Its job has ended long before make gets the CPU: what it printed is told, what it wrote is gone."""
    process = _make(tmp_path, "@echo half >half; echo said; touch begun; exec sleep 86414")
    cpu = min(os.sched_getaffinity(0))
    with _spinning(cpu):
        os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
        os.sched_setaffinity(process.pid, {cpu})
        command.end_group(process)
    assert not (tmp_path / "half").exists()
    said = (tmp_path / "log").read_text()
    assert "said" in said
    assert "No child processes" not in said
    assert not running("86414")


def test_what_outlives_make_is_ended_too(tmp_path: Path) -> None:
    """A compiler is the child of a shell, which dies first; one that does not heed SIGTERM gets SIGKILL."""
    process = _make(tmp_path, "@sleep 86415 & (trap '' TERM; touch begun; sleep 86416; sleep 86416)")
    command.end_group(process)
    assert process.returncode
    end = time.monotonic() + 30  # SIGKILL does not wait for the end
    while running("86415") or running("86416"):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_programs_that_cannot_be_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nvh-no-such-program is not installed"):
        command.run(["nvh-no-such-program"], timeout_s=1)
    plain = tmp_path / "plain"
    plain.write_text("text")
    with pytest.raises(UserError, match="plain cannot be run: Permission denied"):
        command.run([plain], timeout_s=1)
    plain.chmod(0o755)
    with pytest.raises(UserError, match="plain cannot be run: Exec format error"):
        command.run([plain], timeout_s=1)
    with pytest.raises(UserError, match="true cannot be run: No such file or directory"):
        command.run(["true"], timeout_s=1, cwd=tmp_path / "absent")


def test_undecodable_output() -> None:
    assert command.run(["printf", r"\377a"], timeout_s=5).stdout == "\ufffda"
