# SPDX-License-Identifier: GPL-2.0-only
"""Drivers and workers that are killed, over each backend's real cluster: nothing is lost or counted twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.errors import EXIT_PASS
from harness.host.paths import ROOT
from harness.nightly.farm.ledger import ADOPTED, Ledger
from harness.nightly.history import query
from harness.nightly.history.database import Results
from harness.report import store
from harness.verdict import Verdict
from tests.nightly.farm.clusters import wait_for
from tests.nightly.farm.conftest import Seat, machine
from tests.nightly.farm.plans import plan
from tests.processes import wait_gone


class Driven:
    """A driver in a process of its own."""

    def __init__(self, place: Path, seat: Seat, address: str) -> None:
        self.place = place
        self.run = place / "run"
        self._words = [seat.name, *([address] if address else [])]
        self._environment = {**os.environ, **seat.environment}
        self._count = 0
        self._started: list[subprocess.Popen[bytes]] = []

    def end(self) -> None:
        """End what a test left."""
        for process in self._started:
            process.kill()
            process.wait()

    def start(self, **more: str) -> subprocess.Popen[bytes]:
        self._count += 1
        log = (self.place / f"driver-{self._count}.log").open("wb")
        words = [
            sys.executable,
            "-m",
            "tests.nightly.farm.drive",
            str(self.place / "plan.yaml"),
            str(self.run),
        ]
        process = subprocess.Popen(
            [*words, *self._words], cwd=ROOT, env={**self._environment, **more}, stdout=log, stderr=log
        )
        self._started.append(process)
        return process

    def finish(self, process: subprocess.Popen[bytes]) -> int:
        return process.wait(120)

    def log(self) -> str:
        return (self.place / f"driver-{self._count}.log").read_text()

    def machines(self) -> list[int]:
        return list(self.running().values())

    def running(self) -> dict[str, int]:
        """The process that stands in for QEMU, of each cell that has one."""
        places = (self.run / "attempts").glob("*/")
        return {place.name.rpartition(".")[0]: pid for place in places if (pid := machine(place))}

    def adopted(self) -> set[str]:
        """The cells that a driver has taken over from an earlier one."""
        whole = (self.run / "ledger.jsonl").read_text().rpartition("\n")[0]  # a line may just be written
        lines = whole.splitlines()
        return {entry["key"] for line in lines if (entry := json.loads(line))["what"] == ADOPTED}

    def starts(self) -> Mapping[str, int]:
        """How often each cell's process was begun, from the ledger."""
        with Ledger(self.run / "ledger.jsonl") as ledger:
            return {key: state.attempt for key, state in ledger.states.items()}


@pytest.fixture
def driven(seat: Seat, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Driven]:
    address = request.getfixturevalue("dask").address if seat.name == "dask" else ""
    made = Driven(tmp_path, seat, address)
    yield made
    made.end()


def check_whole(driven: Driven, count: int) -> None:
    """Every cell is there once, with a pass of its own."""
    with Results(driven.place / "results.sqlite") as results:
        rows = results.connection.execute("SELECT slug, verdict FROM execution").fetchall()
        assert len(rows) == len(set(rows)) == count
        assert {verdict for _, verdict in rows} == {"pass"}
        (run,) = query.runs(results)
        assert run.state == "done"
    assert len(list((driven.run / "cells").glob("*/result.json"))) == count
    summary = json.loads((driven.run / "summary.json").read_text())
    assert summary["counts"]["pass"] == count


def test_a_killed_driver_resumes_and_repeats_nothing_that_was_finished(driven: Driven, seat: Seat) -> None:
    plan(driven.place, "priorities: [{cells: passing, priority: 5}]\n", passing=3, gate=2)
    process = driven.start()
    wait_for(lambda: len(list((driven.run / "cells").glob("pass*"))) == 6, "finished cells", 90)
    wait_for(driven.machines, "machine", 90)
    machines = driven.machines()
    stamps = {path: path.stat().st_mtime_ns for path in (driven.run / "cells").glob("*/result.json")}
    process.kill()
    process.wait()
    running = driven.running()
    if seat.name == "local":
        assert wait_gone(machines, 10) == []
    else:  # they belong to the cluster, and are taken over
        assert wait_gone(machines, 1) == machines
    second = driven.start()
    if seat.name != "local":
        wait_for(lambda: driven.adopted() >= set(running), "driver that takes over what runs", 90)
    (driven.run / "open").touch()
    assert driven.finish(second) == EXIT_PASS, driven.log()
    check_whole(driven, 10)
    for path, stamp in stamps.items():
        assert path.stat().st_mtime_ns == stamp
    starts = driven.starts()
    assert all(count == 1 for key, count in starts.items() if key.startswith("pass"))
    if seat.name != "local":
        # What the driver had not handed over when it died is begun by the next one.
        assert {key: starts[key] for key in running} == dict.fromkeys(running, 1)
    else:
        again = [store.read_cell(p) for p in (driven.run / "cells").glob("gate*/result.json")]
        assert any("its driver went away" in cell.facts.get("attempts", "") for cell in again)
    assert wait_gone(machines, 10) == []


PHASES = [
    "harness.nightly.history.database:Results.begin:1:after",
    "harness.nightly.farm.ledger:Ledger.submitted:2:after",
    "harness.nightly.farm.night:Night.order:2:after",
    "harness.runner.supervise:_Watch.wait:1:before",
    "harness.nightly.farm.work:publish:2:before",
    "harness.nightly.farm.work:publish:2:after",
    "harness.nightly.farm.ledger:Ledger.ended:2:after",
    "harness.nightly.history.database:Results.record:2:after",
    "harness.nightly.history.database:Results.end:1:after",
    "harness.nightly.history.html:write:1:before",
]
"""Where a driver dies: after each thing that it writes, and while a cell's process runs."""


@pytest.mark.real
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("seat", ["local"], indirect=True)
def test_a_driver_that_is_killed_in_any_phase(driven: Driven, phase: str) -> None:
    plan(driven.place, passing=1, slow=1)
    process = driven.start(DIE_AT=phase)
    assert driven.finish(process) == -signal.SIGKILL, driven.log()
    machines = driven.machines()
    assert wait_gone(machines, 10) == []
    assert driven.finish(driven.start()) == EXIT_PASS, driven.log()
    check_whole(driven, 4)


@pytest.mark.parametrize("seat", ["local"], indirect=True)
def test_an_interrupted_driver_ends_its_cells_and_says_how_to_go_on(driven: Driven) -> None:
    plan(driven.place, gate=2)
    process = driven.start()
    wait_for(driven.machines, "machine")
    machines = driven.machines()
    process.send_signal(signal.SIGINT)
    assert driven.finish(process) != 0
    assert wait_gone(machines, 10) == []
    assert "go on with: ./nvh nightly --resume" in driven.log()
    with Results(driven.place / "results.sqlite") as results:
        assert [run.state for run in query.runs(results)] == ["interrupted"]
    (driven.run / "open").touch()
    assert driven.finish(driven.start()) == EXIT_PASS, driven.log()
    check_whole(driven, 4)


@pytest.mark.real
@pytest.mark.parametrize("seat", ["dask", "slurm"], indirect=True)
def test_cells_of_a_killed_worker_are_run_again_and_say_so(driven: Driven) -> None:
    plan(driven.place, gate=1)
    process = driven.start()
    wait_for(driven.machines, "machine", 90)
    place = next(path.parent for path in (driven.run / "attempts").glob("*/machine"))
    os.kill(int((place / "began").read_text().rpartition(":")[2]), signal.SIGKILL)
    assert wait_gone([machine(place)], 10) == []
    (driven.run / "open").touch()
    assert driven.finish(process) == EXIT_PASS, driven.log()
    check_whole(driven, 2)
    assert "lost, and run again" in driven.log()
    cells = [store.read_cell(path) for path in (driven.run / "cells").glob("*/result.json")]
    said = [cell.facts["attempts"] for cell in cells if "attempts" in cell.facts]
    assert said
    assert said[0].startswith("2, because attempt 1: ")
    assert all(cell.verdict is Verdict.PASS for cell in cells)
