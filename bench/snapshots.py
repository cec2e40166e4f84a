# SPDX-License-Identifier: GPL-2.0-only
"""Ways to get a machine with L2 running, side by side: cold boot, mapped snapshot, plain migration, savevm.

``.venv/bin/python -m bench.snapshots [--rounds 5] [--timing icount] [--restores 200]`` prints, per way, the
seconds to save, to a machine that runs, and to L2's first answer, and the ratio to the cold boot; then what
two and eight restored machines take of memory, and what a series of restores leaves behind.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.attempt.prefix import Prefix
from harness.host.cache import Artefact, Store
from harness.level import Level
from harness.machine.migration import load_state
from harness.machine.qemu import Machine
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.runner.snapshots import Snapshots
from harness.scenario.language import StackSpec
from harness.scenario.scenario import Overrides
from harness.stack import saved
from harness.stack.images import StackImages
from harness.stack.saved import Way
from harness.stack.stack import Stack

ANSWER_DEADLINE_S = 60.0
JOB_DEADLINE_S = 300.0
SEED = b"nvh bench"
MIB = 1 << 20


@dataclass(slots=True)
class Times:
    """Seconds: to save (nan where nothing is), to run, and to L2's first answer, one each per round."""

    save: float = float("nan")
    running: list[float] = field(default_factory=list)
    answer: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement starts from."""

    images: StackImages
    spec: StackSpec
    snapshot: Artefact

    @contextlib.contextmanager
    def stack(self) -> Iterator[Stack]:
        """A stack that nothing has started yet."""
        with (
            tempfile.TemporaryDirectory(prefix="nvh-bench-") as name,
            Stack(self.images, self.spec, Path(name)) as stack,
        ):
            yield stack

    @contextlib.contextmanager
    def restored(self) -> Iterator[Stack]:
        """A stack from the snapshot."""
        with self.stack() as stack:
            saved.restore(stack, self.snapshot.path, SEED)
            yield stack


def answer(stack: Stack) -> float:
    """Return how many seconds L2 takes to answer a command."""
    begun = time.monotonic()
    done = stack.run(Level.L2, "echo answer", ANSWER_DEADLINE_S)
    assert done.text == "answer\n", done
    return time.monotonic() - begun


def cold(bench: Bench) -> Times:
    """Boot once."""
    times = Times()
    begun = time.monotonic()
    with bench.stack() as stack:
        stack.boot(Level.L2)
        times.running.append(time.monotonic() - begun)
        answer(stack)
        times.answer.append(time.monotonic() - begun)
    return times


def restores(bench: Bench, directory: Path, way: Way, rounds: int) -> Times:
    """Restore ``rounds`` times from ``directory``."""
    times = Times()

    def load(machine: Machine, state: Path) -> None:
        way.load(machine, state)
        loaded.append(time.monotonic())

    for _ in range(rounds):
        loaded: list[float] = []
        begun = time.monotonic()
        with bench.stack() as stack:
            saved.restore(stack, directory, SEED, way=replace(way, load=load))
            times.running.append(loaded[0] - begun)
            answer(stack)
            times.answer.append(time.monotonic() - begun)
    return times


def halt(machine: Machine) -> None:
    """Stop the machine and undo what mapped snapshots ask of QEMU."""
    machine.qmp("stop")
    capability = {"capability": "x-ignore-shared", "state": False}
    machine.qmp("migrate-set-capabilities", capabilities=[capability])


def until(done: Callable[[], bool], what: str) -> None:
    """Poll until ``done``; raises ``TimeoutError``."""
    end = time.monotonic() + JOB_DEADLINE_S
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.005)


def job(machine: Machine, command: str, **arguments: Any) -> None:
    """Run a QMP job to its end; ``AssertionError`` with QEMU's words when it fails."""
    machine.qmp(command, **{"job-id": "bench", **arguments})
    until(lambda: machine.qmp("query-jobs")[0]["status"] == "concluded", command)
    ended = machine.qmp("query-jobs")[0]
    assert "error" not in ended, ended
    machine.qmp("job-dismiss", id="bench")


def open_image(machine: Machine, image: Path, *, create: bool) -> None:
    """Give the machine the qcow2 file ``image`` as the node ``vm``."""
    if create:
        job(machine, "blockdev-create", options={"driver": "file", "filename": str(image), "size": 0})
    machine.qmp("blockdev-add", **{"driver": "file", "node-name": "file", "filename": str(image)})
    if create:
        job(machine, "blockdev-create", options={"driver": "qcow2", "file": "file", "size": MIB})
    machine.qmp("blockdev-add", **{"driver": "qcow2", "node-name": "vm", "file": "file"})


def save_vm(bench: Bench, directory: Path) -> float:
    """``savevm``: one qcow2 file with memory and devices. Returns the seconds it took."""
    with bench.restored() as stack, stack.agent.running_freely():
        halt(stack.machine)
        open_image(stack.machine, directory / saved.STATE, create=True)
        begun = time.monotonic()
        job(stack.machine, "snapshot-save", tag="bench", vmstate="vm", devices=["vm"])
        return time.monotonic() - begun


def load_vm(machine: Machine, state: Path) -> None:
    """``loadvm`` in a machine that was started stopped."""
    open_image(machine, state, create=False)
    job(machine, "snapshot-load", tag="bench", vmstate="vm", devices=["vm"])


def save_plain(bench: Bench, directory: Path) -> float:
    """Plain migration to a file, memory included. Returns the seconds it took."""
    with bench.restored() as stack, stack.agent.running_freely():
        machine = stack.machine
        halt(machine)
        begun = time.monotonic()
        machine.qmp("migrate", uri=f"file:{directory / saved.STATE}")
        until(lambda: machine.qmp("query-migrate")["status"] == "completed", "migrate")
        return time.monotonic() - begun


def load_plain(machine: Machine, state: Path) -> None:
    """Load a stream with memory in it."""
    machine.qmp("migrate-set-parameters", **{"announce-rounds": 0})
    machine.qmp("migrate-incoming", uri=f"file:{state}")
    until(lambda: machine.qmp("query-migrate").get("status") == "completed", "incoming")


def other_way(
    bench: Bench, save: Callable[[Bench, Path], float], way: Way, rounds: int, place: Path
) -> Times:
    """Save with ``save``, then restore ``rounds`` times."""
    place.mkdir()
    for path in bench.snapshot.path.iterdir():
        if path.name not in (saved.RAM, saved.STATE):
            (place / path.name).write_bytes(path.read_bytes())
    seconds = save(bench, place)
    times = restores(bench, place, way, rounds)
    times.save = seconds
    return times


def memory_mib(pids: list[int]) -> float:
    """Return the memory of processes in MiB, shared pages divided among them (Pss of proc(5))."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def resident_mib(path: Path) -> float:
    """Return how much of a file the page cache holds, in MiB; see fincore(1)."""
    done = subprocess.run(
        ["fincore", "--bytes", "--noheadings", "--output", "RES", path],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / MIB


def parallel(bench: Bench, count: int) -> float:
    """Return the memory in MiB of ``count`` restored machines at once, after L2 answered in each."""
    with contextlib.ExitStack() as all_of_them:
        stacks = [all_of_them.enter_context(bench.restored()) for _ in range(count)]
        for stack in stacks:
            answer(stack)
        return memory_mib([stack.machine.pid for stack in stacks])


def series(bench: Bench, count: int) -> tuple[int, int, int]:
    """Restore ``count`` times; returns how many different answers, descriptors and mappings were left."""
    answers, before = set(), (0, 0)
    for number in range(count):
        with bench.restored() as stack:
            answers.add(stack.run(Level.L2, "cat /proc/uptime", ANSWER_DEADLINE_S).text)
        here = len(os.listdir("/proc/self/fd")), Path("/proc/self/maps").read_text().count("\n")  # noqa: PTH208
        before = before if number else here
    return len(answers), here[0] - before[0], here[1] - before[1]


STOPPED = ("-S", "-qtest", "unix:qtest.sock,server=on,wait=off", "-qtest-log", "none")
SAVEVM = Way(load_vm, mapped=False, incoming=False, extra=STOPPED)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--timing", default="icount")
    parser.add_argument("--restores", type=int, default=20)
    options = parser.parse_args()
    console = Console(highlight=False)
    with Progress(console) as progress:
        spec = default_stack(Overrides(timing=options.timing))
        images = Builder(Store(), progress).images(spec)
        snapshot = Snapshots(Store(), progress.note).get(images, Prefix(spec, Level.L2))
    assert snapshot is not None
    bench = Bench(images, spec, snapshot)
    with bench.restored() as stack:
        live = statistics.median(answer(stack) for _ in range(options.rounds))
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
        rows = {
            "cold boot": cold(bench),
            "mapped": restores(bench, snapshot.path, Way(load_state), options.rounds),
            "plain migration": other_way(
                bench, save_plain, Way(load_plain, mapped=False), options.rounds, Path(name) / "plain"
            ),
            "savevm": other_way(bench, save_vm, SAVEVM, options.rounds, Path(name) / "savevm"),
        }
    table = Table("way", "save s", "running s", "L2's answer s", "cold boot is × as long", box=None)
    first = statistics.median(rows["cold boot"].answer)
    for way, times in rows.items():
        running, answered = statistics.median(times.running), statistics.median(times.answer)
        table.add_row(
            way, f"{times.save:.2f}", f"{running:.3f}", f"{answered:.2f}", f"{first / answered:.1f}"
        )
    console.print(table)
    console.print(f"the live machine answers in {live:.2f} s")
    two, eight = parallel(bench, 2), parallel(bench, 8)
    file = resident_mib(snapshot.path / saved.RAM)
    console.print(
        f"memory: two restored {two:.0f} MiB, eight {eight:.0f} MiB (Pss), ratio {eight / two:.2f}; with the "
        f"{file:.0f} MiB of the snapshot that the page cache holds, ratio {(file + eight) / (file + two):.2f}"
    )
    answers, descriptors, mappings = series(bench, options.restores)
    console.print(
        f"{options.restores} restores: {answers} different answers, {descriptors} descriptors and "
        f"{mappings} mappings more than after the first"
    )


if __name__ == "__main__":
    main()
