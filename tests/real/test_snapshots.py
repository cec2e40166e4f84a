# SPDX-License-Identifier: GPL-2.0-only
"""Snapshots of the real machine: restored alive, the same each time, and noticed when they are damaged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from harness.attempt.prefix import Prefix
from harness.errors import EXIT_RED, InfraError
from harness.host.cache import Store, load_artefact
from harness.host.paths import ROOT
from harness.level import Level
from harness.report.progress import Progress
from harness.reproduce.replay import compared, replay
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.runner.snapshots import Snapshots
from harness.scenario.scenario import NO_OVERRIDES
from harness.stack import saved
from harness.stack.images import StackImages
from harness.stack.integrity import check_files
from harness.stack.stack import Stack
from tests.real.conftest import Start, processes_in

SEED = b"tests real snapshots"
AT_L1 = """\
scenario: at-l1
summary: L1 answers, and what it does at L0 is traced.
steps:
  - boot: l1
  - run: nvh-tlbi vae2is --count 4 && uname -r
    on: l1
    name: work
expect:
  - result: works
    of: work
  - existence: emulated
    of: {event: l0.tlbi}
"""
SETUP = """\
scenario: setup
summary: Setup is done once and its results are there.
steps:
  - boot: l0
  - run: mkdir /tmp/made && echo done
    on: l0
    name: make
  - snapshot: after-setup
  - run: test -d /tmp/made
    on: l0
    name: there
expect:
  - result: made
    of: make
    stdout: done
  - result: there
    of: there
"""
BUSY = """
for cpu in $(seq 0 $(($(nproc) - 1))); do
    taskset $(printf %x $((1 << cpu))) sh -c 'while :; do :; done' </dev/null >/dev/null 2>&1 &
done
"""
RED = """\
scenario: red
summary: It fails, and its machine is kept.
steps:
  - boot: l1
  - run: echo evidence >/tmp/evidence; false
    on: l1
    name: work
expect:
  - result: works
    of: work
"""


@pytest.fixture(scope="module")
def images() -> StackImages:
    with Progress(Console(file=sys.stderr)) as progress:
        return Builder(Store(), progress).images(default_stack(NO_OVERRIDES))


@pytest.fixture(scope="module")
def snapshot(images: StackImages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of L0's snapshot, to be damaged and restored."""
    made = Snapshots(Store()).get(images, Prefix(default_stack(NO_OVERRIDES), Level.L0))
    assert made is not None
    place = tmp_path_factory.mktemp("snapshot")
    copy(made.path, place / "one")
    yield place / "one"
    shutil.rmtree(place)


def copy(snapshot: Path, target: Path) -> None:
    """The files of a snapshot, without what the memory has of holes."""
    target.mkdir()
    for path in snapshot.iterdir():
        with path.open("rb") as stream:
            saved.copy_sparse(stream.fileno(), target / path.name)


def restored(images: StackImages, snapshot: Path, directory: Path, *, kick: bool = True) -> Stack:
    directory.mkdir()
    stack = Stack(images, default_stack(NO_OVERRIDES), directory)
    try:
        saved.restore(stack, snapshot, SEED, kick=kick)
    except BaseException:
        stack.close()
        raise
    return stack


def test_restores_leave_nothing_and_answer_alike(images: StackImages, snapshot: Path, tmp_path: Path) -> None:
    answers = set()
    descriptors = []
    for number in range(8):
        with restored(images, snapshot, tmp_path / str(number)) as stack:
            done = stack.run(Level.L0, "cat /proc/uptime; head -c 16 /dev/urandom | hexdump", 20)
            answers.add(done.text)
        assert processes_in(tmp_path) == {}
        assert list((tmp_path / str(number)).glob("*.sock")) == []
        descriptors.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208
    assert len(answers) == 1, "the same seed gave different machines"
    assert descriptors[1:] == [descriptors[0]] * 7
    assert "nvh-ram" not in Path("/proc/self/maps").read_text()


def test_another_seed_is_another_machine(images: StackImages, snapshot: Path, tmp_path: Path) -> None:
    random = []
    for number, seed in enumerate((b"one", b"two")):
        (tmp_path / str(number)).mkdir()
        with Stack(images, default_stack(NO_OVERRIDES), tmp_path / str(number)) as stack:
            saved.restore(stack, snapshot, seed)
            random.append(stack.run(Level.L0, "head -c 16 /dev/urandom | hexdump", 20).text)
    assert random[0] != random[1]


def test_a_restored_machine_complains_of_nothing(images: StackImages, snapshot: Path, tmp_path: Path) -> None:
    with restored(images, snapshot, tmp_path / "one") as stack:
        log = stack.run(Level.L0, "sleep 30; dmesg", 60).text
    assert "Booting Linux" in log
    for word in ("stall", "LOCKUP", "lockup", "unstable", "WARNING", "BUG"):
        assert word not in log


def test_a_machine_without_the_kick_is_found_at_once(
    images: StackImages, snapshot: Path, tmp_path: Path
) -> None:
    """Saved while each CPU runs something, so that each waits for a tick, which only the kick brings back."""
    (tmp_path / "before").mkdir()
    busy, spec = tmp_path / "busy", default_stack(NO_OVERRIDES)
    busy.mkdir()
    with saved.open_memory() as memory, Stack(images, spec, tmp_path / "before", ram=memory) as stack:
        saved.restore(stack, snapshot, SEED)
        done = stack.run(Level.L0, BUSY, 20)
        assert done.status == 0, done
        saved.save(stack, busy)
    with restored(images, busy, tmp_path / "kicked") as stack:
        assert stack.run(Level.L0, "echo alive", 20).text == "alive\n"
    began = time.monotonic()
    with pytest.raises(saved.RestoreFailed, match="not kicked"):
        restored(images, busy, tmp_path / "one", kick=False)
    assert time.monotonic() - began < 3 * saved.KICK_DEADLINE_S
    assert processes_in(tmp_path) == {}


def test_damage_is_found_and_the_snapshot_is_made_again(images: StackImages, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")
    prefix = Prefix(default_stack(NO_OVERRIDES), Level.L0)
    made = Snapshots(store).get(images, prefix)
    assert made is not None
    state = made.path / saved.STATE
    data = bytearray(state.read_bytes())
    data[len(data) // 2] ^= 1
    state.chmod(0o600)
    state.write_bytes(data)
    said: list[str] = []
    again = Snapshots(store, said.append).get(images, prefix)
    assert again is not None
    assert said == [
        f"snapshot {made.digest} is made again: the content of state is not what was written",
    ]
    check_files(load_artefact(again.path))
    (again.path / "manifest.json").write_text("{")
    said.clear()
    assert Snapshots(store, said.append).get(images, prefix) is not None
    assert said == [f"snapshot {made.digest} is made again: it has no readable manifest"]


def test_state_that_qemu_refuses_is_an_error_with_its_words(
    images: StackImages, snapshot: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    copy(snapshot, broken)
    (broken / saved.STATE).write_bytes((snapshot / saved.STATE).read_bytes()[:1000])
    with pytest.raises(InfraError, match="could not be restored"):
        restored(images, broken, tmp_path / "one")
    assert processes_in(tmp_path) == {}


def test_the_same_cell_gives_the_same_bytes(start: Start, tmp_path: Path) -> None:
    run = start({"at-l1": AT_L1, "setup": SETUP})
    assert run.finish() == 0, run.log.read_text()
    facts = run.cells()["at-l1"]["facts"]
    assert facts["start"].startswith("restored from")
    cell = run.place("at-l1")
    with Progress(Console(file=sys.stderr)) as progress:
        again = replay(cell, progress, tmp_path / "again")
    assert again.different == ()
    assert {"l0.trace.txt", "timeline.jsonl", "l1.dmesg.log", "output/work.stdout"} <= set(again.same)
    assert compared(cell) == set(again.same)


def test_fresh_cells_give_the_same_bytes(start: Start) -> None:
    places = []
    for _ in range(2):  # one after the other: docs/snapshots.md says what a busy host may do to it
        run = start({"at-l1": AT_L1}, "--fresh")
        assert run.finish() == 0, run.log.read_text()
        places.append(run.place("at-l1"))
    one, other = places
    assert compared(one) == compared(other)
    for name in compared(one):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_red_machine_is_kept_and_opened_again(start: Start) -> None:
    run = start({"red": RED}, "--keep-on-failure")
    assert run.finish() == EXIT_RED
    cell = run.place("red")
    assert run.cells()["red"]["facts"]["kept"].startswith("saved in failure/")
    words = [sys.executable, "-m", "harness", "shell", str(cell), "--at", "l1", "--"]
    done = subprocess.run(
        [*words, "cat /tmp/evidence"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "evidence\n"), done.stderr
    assert json.loads((cell / "failure" / saved.RECORD).read_text())["booted"] == "l1"
