# SPDX-License-Identifier: GPL-2.0-only
"""A worker from batch to kept scenario, on simulated machines that speak as nvh-litmus does."""

from __future__ import annotations

import dataclasses
import itertools
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import Broken, InfraError, NvhError
from harness.program.lanes import LANES, Lane, plan
from harness.program.parse import parse
from harness.program.program import Program
from harness.program.render import action_text, prologue_lines
from harness.reproduce.hunt.observers import BatchReport
from harness.reproduce.hunt.program_findings import ProgramOutcome, judge
from harness.reproduce.hunt.target import Batch
from harness.reproduce.hunt.worker import BatchDone, FindingKept, Worker, WorkerOrder
from harness.runner.project import vocabulary
from harness.scenario.load import load_file
from tests.program import simulate

FEATURES = frozenset({"TLBIOS", "TLBIRANGE", "XS"})


class Simulated:
    """A target whose L0 has ``defect``. ``lies``: nvh-litmus says pass of everything."""

    def __init__(self, defect: str, lies: bool = False, leaks: bool = False) -> None:
        self.defect, self.lies, self.leaks = defect, lies, leaks
        self.runs = 0

    def close(self) -> None:
        """Nothing to end."""

    def features(self) -> frozenset[str]:
        return FEATURES

    def run(self, text: str) -> Batch:
        self.runs += 1
        alone = text.count("\nend\n") == 1
        return Batch(tuple(self._outcome(name, program, alone) for name, program in parse(text)))

    def _outcome(self, name: str, program: Program, alone: bool) -> ProgramOutcome:
        defect = "" if alone and self.leaks else self.defect
        tokens = simulate.observations(program, "always", 1.0, defect)
        first = prologue_lines(program) + 1
        observed = {first + i: token for i, token in enumerate(tokens) if token is not None}
        red = judge(program, tokens, ()) is not None and not self.lies
        return ProgramOutcome(name, observed, "fail" if red else "pass")


class Watched(Simulated):
    """A right machine to look at, of which a sanitizer tells whenever a range was invalidated."""

    def run(self, text: str) -> Batch:
        programs = [program for _, program in parse(text)]
        told = [i for i, each in enumerate(programs) if any(" rip" in action_text(a) for a in each.actions)]
        return Batch(
            super().run(text).outcomes, (), tuple(BatchReport(i, "remapped:stage2", HISTORY) for i in told)
        )


HISTORY = "remapped:stage2: a translation was changed\n  entry stage2"


class OnSimulated(Worker):
    """A worker whose machines are simulated."""

    simulated: Simulated

    def _target(self, _: Lane) -> Any:
        return self.simulated


def worker(tmp_path: Path, target: Simulated, one: bool = False) -> tuple[OnSimulated, queue.Queue[Any]]:
    images = SimpleNamespace(versions=lambda: {"kernel l0": {"version": "7.3.4", "sha256": ""}})
    spec = SimpleNamespace(model="qemu-48bit", timing="icount")
    events: queue.Queue[Any] = queue.Queue()
    order = WorkerOrder(
        seed="5",
        first=0,
        stride=1,
        lanes=LANES[:1],
        kinds=("stage2",),
        images=cast(Any, {LANES[0].name: (images, spec)}),
        out=tmp_path,
        deadline=time.monotonic() + 60,
        kernel="nv",
        one=one,
    )
    OnSimulated.simulated = target
    return OnSimulated(order, cast(Any, events)), events


def drain(events: queue.Queue[Any], kind: type) -> list[Any]:
    return [event for event in list(events.queue) if isinstance(event, kind)]


def test_a_right_machine_gives_numbers_and_no_finding(tmp_path: Path) -> None:
    hunter, events = worker(tmp_path, Simulated(""))
    assert not hunter.batch(plan("5", 0, LANES[:1], ("stage2",)))
    (done,) = drain(events, BatchDone)
    assert done.programs > 20
    assert done.verdicts == {"pass": done.programs}
    assert done.sharp.primed > 0
    assert not done.causes
    assert not (tmp_path / "findings").exists()


def test_a_batch_that_was_made_ahead_is_the_one_that_would_be_made_now(tmp_path: Path) -> None:
    """While the machine runs a batch the next one is made; nothing of it depends on when."""
    first, second = (plan("5", number, LANES[:1], ("stage2",)) for number in range(2))
    ahead, now = worker(tmp_path, Simulated(""))[0], worker(tmp_path, Simulated(""))[0]
    ahead.make_ahead(second)
    assert not ahead._made, "its lane has not begun: the features of L1 are not known"
    ahead.order = dataclasses.replace(ahead.order, deadline=0.0)  # it is made, and does not run
    ahead.batch(first, second)
    assert list(ahead._made) == [second.number]
    assert ahead.programs(second) == now.programs(second)
    assert not ahead._made
    ahead.close()


class OneAtATime(Simulated):
    """Says what else goes on while it runs, and that nobody else runs on it."""

    judged = 0

    def __init__(self, defect: str) -> None:
        super().__init__(defect)
        self.busy = threading.Lock()
        self.overlapped = False

    def run(self, text: str) -> Batch:
        assert self.busy.acquire(blocking=False), "two programs at once on one machine"
        try:
            before = OneAtATime.judged
            left = super().run(text)
            if text.count("\nend\n") > 1:
                time.sleep(0.2)
            self.overlapped |= OneAtATime.judged > before
            return left
        finally:
            self.busy.release()


@pytest.mark.parametrize("defect", ["", "no-ipas2"])
def test_one_batch_runs_while_the_one_before_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: str
) -> None:
    """And never two at once: what a finding is tried again on has the machine to itself."""
    target = OneAtATime(defect)
    hunter, events = worker(tmp_path, target)
    examine = Worker.examine

    def counted(self: Worker, *arguments: Any) -> Any:
        OneAtATime.judged += 1
        return examine(self, *arguments)

    monkeypatch.setattr(Worker, "examine", counted)
    plans = [plan("5", number, LANES[:1], ("stage2",)) for number in range(4)]
    for how, after in itertools.pairwise(plans):
        hunter.batch(how, after)
    assert target.overlapped is (not defect)
    assert bool(drain(events, FindingKept)) is bool(defect)
    assert [done.number for done in drain(events, BatchDone)] == [0, 1, 2]
    hunter.close()


def test_a_batch_that_runs_at_the_deadline_is_judged(tmp_path: Path) -> None:
    hunter, events = worker(tmp_path, Simulated(""))
    first, second = (plan("5", number, LANES[:1], ("stage2",)) for number in range(2))
    hunter.features(first)
    hunter.batch(first, second)
    assert list(hunter._running) == [1]
    hunter.order = dataclasses.replace(hunter.order, deadline=0.0, first=1)
    hunter.work()
    assert [done.number for done in drain(events, BatchDone)] == [0, 1]
    hunter.close()


def test_a_batch_that_fails_ahead_fails_when_its_turn_comes(tmp_path: Path) -> None:
    class Second(Simulated):
        def run(self, text: str) -> Batch:
            if self.runs:
                raise InfraError("it died")
            return super().run(text)

    hunter, events = worker(tmp_path, Second(""))
    first, second = (plan("5", number, LANES[:1], ("stage2",)) for number in range(2))
    hunter.features(first)
    assert not hunter.batch(first, second)
    with pytest.raises(InfraError, match="it died"):
        hunter.batch(second)
    assert [done.number for done in drain(events, BatchDone)] == [0]
    hunter.close()


def test_a_wrong_machine_is_found_once_for_each_cause_and_kept(tmp_path: Path) -> None:
    hunter, events = worker(tmp_path, Simulated("no-ipas2"), one=True)
    hunter.work()
    kept = drain(events, FindingKept)
    assert kept
    assert all(each.confirmed and each.actions <= 8 for each in kept)
    scenarios = sorted((tmp_path / "findings").glob("*/hunt-*.yaml"))
    assert sorted(each.path for each in kept) == [str(path) for path in scenarios]
    assert len({each.cause for each in kept}) == len(kept)
    before = len(scenarios)
    hunter.batch(plan("5", 0, LANES[:1], ("stage2",)))
    assert len(list((tmp_path / "findings").glob("*/hunt-*.yaml"))) == before, "the same causes again"


def test_what_does_not_fail_alone_is_said_to_be_so(tmp_path: Path) -> None:
    hunter, events = worker(tmp_path, Simulated("no-ipas2", leaks=True), one=True)
    hunter.work()
    kept = drain(events, FindingKept)
    assert kept
    assert not any(each.confirmed for each in kept)
    assert "did NOT fail again" in Path(kept[0].path).read_text()


def test_payload_and_model_must_agree(tmp_path: Path) -> None:
    hunter, _ = worker(tmp_path, Simulated("no-ipas2", lies=True))
    with pytest.raises(InfraError, match="nvh-litmus says pass"):
        hunter.batch(plan("5", 0, LANES[:1], ("stage2",)))


def test_what_the_sanitizer_tells_is_shrunk_and_kept(tmp_path: Path) -> None:
    hunter, events = worker(tmp_path, Watched(""), one=True)
    hunter.work()
    kept = drain(events, FindingKept)
    assert {each.cause for each in kept} == {"sanitizer remapped:stage2 after range ipas2e1"}
    assert all(each.confirmed and each.actions == 1 for each in kept), "the operation is all that is needed"
    text = Path(kept[0].path).read_text()
    assert "\n  sanitize: tlb\n" in text
    assert "# remapped:stage2: a translation was changed\n#   entry stage2" in text
    (cell,) = load_file(Path(kept[0].path), vocabulary())
    assert cell.stack.sanitize == "tlb"


@pytest.mark.parametrize(
    ("error", "red"),
    [
        (Broken("l0: did not come up: it loops", kind="boot", name="boot-l0"), True),
        (InfraError("QEMU ended with signal 9"), False),
    ],
)
def test_a_machine_that_never_comes_up_is_told_from_a_host_that_fails(
    tmp_path: Path, error: NvhError, red: bool
) -> None:
    class Absent(Simulated):
        def run(self, text: str) -> Batch:
            assert text
            raise error

    made, notes = worker(tmp_path, Absent(""))
    with pytest.raises(type(error)):
        made.work()
    told = [notes.get_nowait() for _ in range(notes.qsize())]
    assert [each.red for each in told] == [red] * 3
    assert all(str(error) in each.text for each in told)


PROCESS = """
import os, queue, signal, sys, threading, time
from harness.reproduce.hunt import worker

class Idle:
    def __init__(self, order, queue): ...
    def work(self):
        {work}
    def close(self):
        print("closed", flush=True)

def kill_at_the_end():
    while threading.main_thread().is_alive():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

threading.Thread(target=kill_at_the_end).start()
worker.Worker = Idle
worker.main(None, queue.Queue())
"""


def process(work: str) -> subprocess.CompletedProcess[str]:
    """A worker's process that is told to end: while it works, or when the interpreter ends."""
    words = [sys.executable, "-c", PROCESS.format(work=work)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)


def test_a_worker_that_is_told_to_end_when_it_has_ended_prints_nothing() -> None:
    done = process("pass")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "closed\n", "")


def test_a_worker_that_is_told_to_end_while_it_works_closes_its_machines() -> None:
    done = process("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)")
    assert (done.stdout, done.stderr) == ("closed\n", "")
    assert done.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)
