"""Whole nights with a stand-in for the cells' process: budgets, repeats, and drivers that are killed."""

from __future__ import annotations

import collections
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from harness.build.paths import IMAGES, ROOT
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, UserError
from harness.farm import nightly
from harness.farm.backend import Backend
from harness.farm.ledger import ADOPTED, Ledger
from harness.farm.local import Local
from harness.history import query
from harness.history.database import Results
from harness.machine.qemu import wait_gone
from harness.report import show, store
from harness.verdict import Verdict
from tests.farm.clusters import wait_for
from tests.farm.conftest import STANDIN, Seat, machine

SCENARIO = """\
scenario: {name}
summary: Its process is a stand-in, which does what the name says.
matrix: {{n: [{points}]}}
steps:
  - boot: l0
  - run: echo ${{n}}
    on: l0
    name: say
expect:
  - result: said
    of: say
"""
PLAN = """\
plan: made
models: [qemu, qemu-10.0]
kernels: [nv]
scenarios: [{scenarios}]
{more}"""


def plan(place: Path, more: str = "", /, **cells: int) -> Path:
    """A plan of scenarios named after what the stand-in does, with so many cells each on two models."""
    for name, count in cells.items():
        points = ", ".join(map(str, range(count)))
        (place / f"{name}.yaml").write_text(SCENARIO.format(name=name, points=points))
    path = place / "plan.yaml"
    path.write_text(PLAN.format(scenarios=", ".join(f"{name}.yaml" for name in cells), more=more))
    return path


class Night:
    """A driver that runs in this process."""

    def __init__(self, place: Path) -> None:
        self.settings = nightly.Settings(
            place / "results.sqlite", place / "run", place, command=(str(STANDIN),)
        )
        self.run = place / "run"

    def begin(self, path: Path, backend: Backend | None = None) -> int:
        begun = nightly.begin(path, self.settings)
        console = Console(file=sys.stderr, width=100)
        return nightly.run(*begun, lambda _: backend or Local(2), self.settings, console)

    def rows(self) -> list[tuple[str, ...]]:
        with Results(self.run.parent / "results.sqlite") as results:
            sql = "SELECT slug, verdict, coalesce(original, ''), headline FROM execution ORDER BY slug"
            return results.connection.execute(sql).fetchall()


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_a_night_publishes_everything(night: Night, tmp_path: Path) -> None:
    assert night.begin(plan(tmp_path, passing=3, fail=1, crash=1)) == EXIT_INFRA
    rows = {slug: (verdict, original) for slug, verdict, original, _ in night.rows()}
    assert len(rows) == 10
    assert rows["passing.n=0+qemu+nv+1"] == ("pass", "pass")
    assert rows["fail.n=0+qemu-10.0+nv+1"] == ("fail", "fail")
    assert rows["crash.n=0+qemu+nv+1"] == ("infra", "")
    for name in ("index.html", "junit.xml", "kcidb.json", "summary.json", "ledger.jsonl", "plan.yaml"):
        assert (night.run / name).stat().st_size > 0, name
    assert list((night.run / "attempts").iterdir()) == []
    run = show.load_run(night.run)
    assert sorted(cell.slug for cell in run.cells) == sorted(rows)
    crashed = store.read_cell(night.run / "cells/crash.n=0+qemu+nv+1/result.json")
    assert "ended with signal 9" in crashed.reason


def test_all_green_is_0_and_red_is_1(night: Night, tmp_path: Path) -> None:
    assert night.begin(plan(tmp_path, passing=2)) == EXIT_PASS
    other = tmp_path / "other"
    other.mkdir()
    assert Night(other).begin(plan(other, passing=1, fail=1)) == EXIT_RED


def test_a_red_cell_is_confirmed_and_stays_red(night: Night, tmp_path: Path) -> None:
    assert night.begin(plan(tmp_path, "confirm: 2\n", passing=1, fail=1)) == EXIT_RED
    count = collections.Counter(slug.split(".")[0] for slug, *_ in night.rows())
    assert count == {"passing": 2, "fail": 6}


def test_what_a_budget_of_cells_leaves_out_never_ran(night: Night, tmp_path: Path) -> None:
    assert night.begin(plan(tmp_path, "budget: {cells: 3}\n", passing=4)) == EXIT_INFRA
    verdicts = collections.Counter(verdict for _, verdict, _, _ in night.rows())
    assert verdicts == {"pass": 3, "never": 5}
    assert {why for _, verdict, _, why in night.rows() if verdict == "never"} == {
        "beyond the plan's budget of 3 cells"
    }


def test_when_the_hours_are_used_up_what_runs_may_end(night: Night, tmp_path: Path) -> None:
    path = plan(tmp_path, "budget: {hours: 0.0001}\n", slow=6)
    assert night.begin(path, Local(1)) == EXIT_INFRA
    verdicts = collections.Counter(verdict for _, verdict, _, _ in night.rows())
    assert verdicts["pass"] >= 1
    assert verdicts["pass"] + verdicts["never"] == 12
    assert verdicts["never"] >= 9


def test_a_model_that_cannot_be_prepared_makes_its_cells_infra_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVH_CACHE", str(tmp_path / "cache"))
    path = plan(tmp_path, passing=2)
    text = (IMAGES / "models/by-path.yaml.example").read_text()
    (tmp_path / "gone.yaml").write_text(text.replace("/opt/model/bin", str(tmp_path)))
    path.write_text(path.read_text().replace("[qemu, qemu-10.0]", "[./gone.yaml]"))
    settings = nightly.Settings(tmp_path / "results.sqlite", tmp_path / "run", tmp_path)
    console = Console(file=sys.stderr, width=100)
    status = nightly.run(*nightly.begin(path, settings), lambda _: Local(2), settings, console)
    assert status == EXIT_INFRA
    with Results(tmp_path / "results.sqlite") as results:
        rows = results.connection.execute("SELECT verdict, original, headline FROM execution").fetchall()
        assert len(rows) == 2
        for verdict, original, headline in rows:
            assert (verdict, original) == ("infra", None)
            assert "qemu-system-aarch64 does not exist; set source.path" in headline
        causes = results.connection.execute("SELECT kind FROM cause").fetchall()
        assert causes == [("infrastructure",)]


def test_resume_refuses_what_is_not_the_same_run(night: Night, tmp_path: Path) -> None:
    path = plan(tmp_path, passing=1)
    night.begin(path)
    (tmp_path / "passing.yaml").write_text((tmp_path / "passing.yaml").read_text() + "# changed\n")
    with pytest.raises(UserError, match=r"passing\.yaml has changed since the run began"):
        nightly.resume(night.run)
    with pytest.raises(UserError, match="holds no nightly run"):
        nightly.resume(tmp_path)


def test_only_one_driver_at_a_time(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.jsonl"), pytest.raises(UserError, match="another nvh drives this run"):
        Ledger(tmp_path / "ledger.jsonl")


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.submitted("a", 1, "t")
        ledger.lost("a", 1, "gone")
    with path.open("ab") as stream:
        stream.write(b'{"what": "ended", "key": "a", "atte')
    with Ledger(path) as ledger:
        assert ledger.of("a").ending is None
        assert ledger.of("a").lost == ["attempt 1: gone"]
        ledger.submitted("a", 2, "u")
    with Ledger(path) as ledger:
        assert (ledger.of("a").attempt, ledger.of("a").token) == (2, "u")


# Drivers that are killed: each backend, over its real cluster.


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

    def start(self) -> subprocess.Popen[bytes]:
        self._count += 1
        log = (self.place / f"driver-{self._count}.log").open("wb")
        words = [sys.executable, "-m", "tests.farm.drive", str(self.place / "plan.yaml"), str(self.run)]
        process = subprocess.Popen(
            [*words, *self._words], cwd=ROOT, env=self._environment, stdout=log, stderr=log
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
        lines = (self.run / "ledger.jsonl").read_text().splitlines()
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


@pytest.mark.real
@pytest.mark.parametrize("when", [0.0, 0.3, 0.6, 1.0, 1.5])
@pytest.mark.parametrize("seat", ["local"], indirect=True)
def test_a_driver_that_is_killed_at_any_moment(driven: Driven, when: float) -> None:
    """Killed so long after its run's directory appeared, whatever it was doing then."""
    plan(driven.place, passing=40, slow=1)
    process = driven.start()
    wait_for(lambda: (driven.run / nightly.RUN).exists(), "run")
    time.sleep(when)
    process.kill()
    process.wait()
    machines = driven.machines()
    assert wait_gone(machines, 10) == []
    assert driven.finish(driven.start()) == EXIT_PASS, driven.log()
    check_whole(driven, 82)


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
