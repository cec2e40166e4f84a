# SPDX-License-Identifier: GPL-2.0-only
"""Ordinary runs in the store, and ``nvh compare`` on the command line."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import EXIT_PASS, EXIT_RED, EXIT_USER, UserError
from harness.nightly.history import query
from harness.nightly.history.database import Begun, Results
from harness.nightly.history.import_run import load_run, named_run
from harness.report.publish import publish
from harness.report.results import HostMachine
from harness.verdict import Verdict
from tests.report import samples


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs as ``nvh run`` leaves them: the second has one failure more."""
    worse = dataclasses.replace(
        samples.PASSED, verdict=Verdict.FAIL, findings=(*samples.PASSED.findings, samples.UNMAPPED)
    )
    for name, cell in (("first", samples.PASSED), ("second", worse)):
        place = tmp_path / "runs" / name
        place.mkdir(parents=True)
        run = samples.run(cell, samples.VACUOUS)
        publish(dataclasses.replace(run, id=name), place)
    return tmp_path / "runs"


def nvh(runs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", "compare", *words],
        env={**os.environ, "NVH_RUNS": str(runs), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_run_is_recorded_once(runs: Path) -> None:
    with Results(runs / "r.sqlite") as results:
        run = load_run(results, runs / "first")
        assert load_run(results, runs / "first") == run
        assert results.connection.execute("SELECT count(*) FROM execution").fetchone() == (2,)
        assert named_run(results, runs, "second").name == "second"
        with pytest.raises(UserError, match="did you mean 'second'"):
            named_run(results, runs, "secund")


def test_compare_names_what_is_new_and_says_so_by_its_status(runs: Path, tmp_path: Path) -> None:
    page, out = tmp_path / "diff.html", tmp_path / "out"
    done = nvh(runs, "first", str(runs / "second"), "--page", str(page), "--export", str(out))
    assert done.returncode == EXIT_RED, done.stderr
    assert "1 new of 1  assertion " in done.stdout
    assert "shadow-unmapped" in done.stdout
    assert "1 new failure, 1 still red" in done.stdout
    assert page.stat().st_size > 10_000
    assert (out / "junit.xml").exists()
    same = nvh(runs, "first", "first")
    assert same.returncode == EXIT_PASS
    listed = nvh(runs, "--list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["first", "second"]


def test_compare_refuses_what_it_cannot_compare(runs: Path) -> None:
    for words, message in ((("first",), "name two runs"), (("first", "nowhere"), "has no run 'nowhere'")):
        done = nvh(runs, *words)
        assert done.returncode == EXIT_USER
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_store_without_runs_says_how_to_begin(tmp_path: Path) -> None:
    with Results(tmp_path / "r.sqlite") as results:
        for name in ("latest", "20261129T010000Z"):
            with pytest.raises(UserError, match=r"holds no run yet; begin with `nvh nightly PLAN`"):
                query.find_run(results, name)


def test_a_run_is_known_wherever_it_lies_and_another_of_its_name_is_another(runs: Path) -> None:
    shutil.copytree(runs / "first", runs / "elsewhere/first")
    shutil.copytree(runs / "second", runs / "elsewhere/second")
    (runs / "elsewhere/second").rename(runs / "elsewhere/again")
    (runs / "third/first").parent.mkdir()
    shutil.copytree(runs / "second", runs / "third/first")
    with Results(runs / "r.sqlite") as results:
        first = load_run(results, runs / "first")
        assert load_run(results, runs / "elsewhere/first") == first
        second = named_run(results, runs, str(runs / "third/first"))
        assert second != first
        assert load_run(results, runs / "elsewhere/again") == second
        assert named_run(results, runs, first.uid) == first
        assert named_run(results, runs, str(runs / "first")) == first


def test_compare_tells_runs_that_never_began(runs: Path) -> None:
    nvh(runs, "first", "second")
    with Results(runs / "results.sqlite") as results:
        known = query.runs(results)
        late = max(run.started for run in known).replace("2026", "2027")
        results.end(results.begin(Begun("empty", "", runs / "empty", late, HostMachine(2, 9), "1", "")), 1.0)
    done = nvh(runs)
    assert "empty never began: left out" in done.stdout
    assert done.stdout.count("never began") == 1
    listed = nvh(runs, "--list").stdout.splitlines()
    assert [each.split()[0] for each in listed if "never began" in each] == ["empty"]
    assert all(run.uid in line for run, line in zip(known, listed, strict=False))
