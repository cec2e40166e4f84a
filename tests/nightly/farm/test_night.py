# SPDX-License-Identifier: GPL-2.0-only
"""Whole nights with a stand-in for the cells' process: budgets, repeats, and drivers that are killed."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from harness.attempt.booted import leave_took, needs, told
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED, UserError
from harness.host.cache import Store
from harness.host.paths import IMAGES, ROOT
from harness.level import Level
from harness.nightly.farm import driver, nightly
from harness.nightly.farm import night as night_of_a_plan
from harness.nightly.farm.backend import Backend
from harness.nightly.farm.ledger import Ledger
from harness.nightly.farm.local import Local
from harness.nightly.farm.messages import NOTHING, PUBLISHED, AttemptEnding
from harness.nightly.farm.plan import load_plan
from harness.nightly.history import query
from harness.nightly.history.compare import Change, compare
from harness.nightly.history.database import Begun, Results
from harness.report import show, store
from harness.report.progress import Progress
from harness.report.results import HostMachine
from harness.runner.prepare import Builder
from harness.runner.quarantine import NO_QUARANTINE
from harness.stack.patience import BootNeed
from harness.verdict import Verdict
from tests.attempt.conftest import fake_images
from tests.nightly.farm.conftest import STANDIN
from tests.nightly.farm.plans import plan


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
    assert night.begin(plan(tmp_path, passing=3, fail=1, crash=1)) == EXIT_RED
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


def test_a_retry_is_no_cell(night: Night, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    night.begin(plan(tmp_path, "confirm: 2\n", passing=1, fail=1))
    assert collections.Counter(each.scenario for each in show.load_run(night.run).cells) == {
        "passing": 2,
        "fail": 2,
    }
    with Results(tmp_path / "results.sqlite") as results:
        (run,) = query.runs(results)
        assert query.counts(results, [run]) == {run.id: {"pass": 2, "fail": 2}}
    assert "2 new failure, 2 passes" in capsys.readouterr().err


def test_the_headline_counts_cells_and_tells_retries(tmp_path: Path) -> None:
    planned = load_plan(plan(tmp_path, "confirm: 1\n", fail=1))
    run = tmp_path / "run"
    (run / store.CELLS).mkdir(parents=True)
    with Results(tmp_path / "results.sqlite") as results, Progress(Console(file=sys.stderr)) as progress:
        begun = Begun("run", "made", run, "2026-11-28T15:00:00+00:00", HostMachine.here(), "", "")
        made = night_of_a_plan.Night(
            planned, run, results, results.begin(begun), progress, None, quarantine=NO_QUARANTINE
        )
        first, _ = made.tasks
        (again,) = made.ended(first, AttemptEnding(NOTHING, "a reason"), 1, ())
        assert made.headline().startswith("1 of 2 cells: 1 infra; about ")
        made.ended(again.key, AttemptEnding(NOTHING, "a reason"), 1, ())
        assert made.headline().startswith("1 of 2 cells: 1 infra; 1 retry; about ")


def test_a_night_whose_driver_died_shows_what_never_ran(tmp_path: Path) -> None:
    path = plan(tmp_path, passing=3)
    words = [sys.executable, "-m", "tests.nightly.farm.drive", str(path), str(tmp_path / "run"), "local"]
    died = {**os.environ, "DIE_AT": "harness.nightly.farm.night:Night.ended:2:after"}
    done = subprocess.run(words, cwd=ROOT, env=died, capture_output=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Results(tmp_path / "results.sqlite") as results:
        compared = compare(results, query.find_run(results, "latest"))
        assert (compared.tally[Change.PASSES], compared.tally[Change.NEVER_RAN]) == (2, 4)
        assert compared.exit_status == EXIT_INFRA
        never = [row.execution for row in compared.of(Change.NEVER_RAN)]
        details = query.details(results, compared.run)
        assert {details[each].headline for each in never} == {night_of_a_plan.NOT_YET}
    shown = show.load_run(tmp_path / "run")
    assert len(shown.cells) == 6
    assert shown.counts[Verdict.PASS] >= 2
    assert shown.exit_status == EXIT_INFRA
    lost = [each for each in shown.cells if each.verdict is Verdict.INFRA]
    assert {each.reason for each in lost} == {show.NEVER_RAN}
    assert {each.scenario for each in lost} == {"passing"}


def test_a_resumed_run_has_taken_what_its_drivers_took(night: Night, tmp_path: Path) -> None:
    plan_, directory, data = nightly.begin(plan(tmp_path, passing=1), night.settings)
    lines = [("10:00:00", "driver"), ("10:01:40", "submitted"), ("15:00:00", "driver"), ("15:00:20", "lost")]
    with (directory / "ledger.jsonl").open("w") as stream:
        for at, what in lines:
            entry = {
                "at": f"2026-11-28T{at}Z",
                "what": what,
                "key": "x",
                "attempt": 1,
                "token": "",
                "why": "",
            }
            stream.write(json.dumps(entry) + "\n")
    console = Console(file=sys.stderr, width=100)
    assert nightly.run(plan_, directory, data, lambda _: Local(2), night.settings, console) == EXIT_PASS
    with Results(tmp_path / "results.sqlite") as results:
        (run,) = query.runs(results)
        assert run.seconds is not None
        assert 120 < run.seconds < 120 + 3600
    with Ledger(directory / "ledger.jsonl") as ledger:
        assert 120 <= ledger.spent_s < 120 + 3600


def test_what_a_budget_of_cells_leaves_out_never_ran(night: Night, tmp_path: Path) -> None:
    assert night.begin(plan(tmp_path, "budget: {cells: 3}\n", passing=4)) == EXIT_INFRA
    verdicts = collections.Counter(verdict for _, verdict, _, _ in night.rows())
    assert verdicts == {"pass": 3, "never": 5}
    assert {why for _, verdict, _, why in night.rows() if verdict == "never"} == {
        "beyond the plan's budget of 3 cells"
    }


def test_when_the_hours_are_used_up_what_runs_may_end(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's clock is hours ahead once it has heard of a cell, which ends after that was seen."""
    began: list[str] = []
    asked: list[float] = []
    hear = night_of_a_plan.Night.began

    def ahead() -> float:
        if not began:
            return time.monotonic()
        asked.append(time.monotonic())
        if len(asked) == 3:
            (night.run / "open").touch()
        return asked[-1] + 10 * 3600

    def told(self: night_of_a_plan.Night, key: str, worker: str) -> None:
        began.append(key)
        hear(self, key, worker)

    monkeypatch.setattr(night_of_a_plan.Night, "began", told)
    monkeypatch.setattr(driver, "time", types.SimpleNamespace(monotonic=ahead))
    path = plan(tmp_path, "budget: {hours: 5}\n", gate=6)
    assert night.begin(path, Local(1)) == EXIT_INFRA
    assert collections.Counter(verdict for _, verdict, _, _ in night.rows()) == {"pass": 1, "never": 11}


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


def test_a_night_keeps_the_record_of_what_came_up(
    tmp_path: Path,
) -> None:
    """Each cell is told what is known of its kernel and model, and what came up is known to the next one."""
    cache = Store(tmp_path / "cache")
    (tmp_path / "qemu").write_bytes(b"a program whose digest the order carries")
    images = fake_images(cache, tmp_path / "qemu")
    builder = cast(Builder, types.SimpleNamespace(store=cache, images=lambda *_: images))
    run = tmp_path / "run"
    (run / store.CELLS).mkdir(parents=True)
    planned = load_plan(plan(tmp_path, passing=2))
    with Results(tmp_path / "results.sqlite") as results, Progress(Console(file=sys.stderr)) as progress:
        begun = Begun(run.name, "made", run, "2026-11-28T15:00:00+00:00", HostMachine.here(), "", "")
        made = night_of_a_plan.Night(
            planned, run, results, results.begin(begun), progress, builder, quarantine=NO_QUARANTINE
        )
        first, second = list(made.tasks)[:2]
        place = Path(made.order(first, 1).directory)
        assert "both are new" in told(place, Level.L0)
        passed = dataclasses.replace(made.plan_of(first), verdict=Verdict.PASS, reason="")
        leave_took(place, {Level.L0: BootNeed(0, 4.5)})
        store.write_cell(passed, place)
        place.rename(run / store.CELLS / first)
        made.ended(first, AttemptEnding(PUBLISHED), 1, ())
        place = Path(made.order(second, 1).directory)
        assert "neither is new" in told(place, Level.L0)
        assert needs(place)[Level.L0].cpu_s == 4.5
