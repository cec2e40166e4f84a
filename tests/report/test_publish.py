# SPDX-License-Identifier: GPL-2.0-only
import re
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.report import publish, store
from harness.report.results import RunSummary
from harness.verdict import Verdict
from tests.report import samples


def test_run_directories_are_new_and_named_by_time(tmp_path: Path) -> None:
    made = [publish.make_run_directory(tmp_path / "runs") for _ in range(3)]
    assert len(set(made)) == 3
    for path in made:
        assert re.fullmatch(r"\d{8}T\d{6}Z(-\d+)?", path.name)
        assert [p.name for p in path.iterdir()] == ["cells"]


def test_out_must_be_new_or_empty(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    assert publish.make_run_directory(tmp_path / "runs", out) == out
    assert not (tmp_path / "runs").exists()
    with pytest.raises(UserError, match="not empty"):
        publish.make_run_directory(tmp_path / "runs", out)
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="file: File exists"):
        publish.make_run_directory(tmp_path / "runs", file)
    with pytest.raises(UserError, match="name another place with --out"):
        publish.make_run_directory(file)


def test_latest_follows_the_newest_run_and_survives_a_move(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for _ in range(2):
        directory = publish.make_run_directory(runs)
        publish.point_latest(runs, directory)
        assert (runs / "latest").resolve() == directory
    assert not (runs / "latest").readlink().is_absolute()
    outside = publish.make_run_directory(runs, tmp_path / "out")
    publish.point_latest(runs, outside)
    assert (runs / "latest").resolve() == outside
    assert sorted(p.name for p in runs.iterdir() if p.name.startswith(".")) == []


def test_a_real_directory_named_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    publish.point_latest(tmp_path, tmp_path / "x")
    assert not (tmp_path / "latest").is_symlink()


@pytest.mark.parametrize("run", [samples.EVERY, samples.run(), samples.hostile("\ud800\x00")])
def test_publish_writes_every_report(run: RunSummary, tmp_path: Path) -> None:
    publish.publish(run, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "junit.xml", "summary.json"]
    assert store.read_run(tmp_path / "summary.json") == run
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o644


def test_now_satisfies_the_schema(tmp_path: Path) -> None:
    cell = samples.cell("x", Verdict.PASS, (), started=publish.utc_now())
    assert store.read_cell(store.write_cell(cell, tmp_path)).started == cell.started
