# SPDX-License-Identifier: GPL-2.0-only
import dataclasses
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from harness.errors import InfraError, UserError
from harness.report import publish, show, store
from harness.report.results import RunSummary
from harness.verdict import Verdict
from tests.report import samples


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a runs directory with one published run of every verdict and its console files."""
    root = tmp_path / "runs"
    publish_run(root, samples.EVERY)
    return root


def publish_run(root: Path, run: RunSummary) -> Path:
    directory = publish.make_run_directory(root)
    for cell in run.cells:
        place = directory / store.CELLS / cell.slug
        place.mkdir()
        store.write_cell(cell, place)
        for ref in cell.files:
            if ref.role == "console":
                lines = [f"[{n:5}] {ref.level} line \x1b[31m{n}\x1b[0m\r\n" for n in range(1000)]
                (place / ref.path).write_text("".join(lines), encoding="utf-8", newline="")
    publish.publish(run, directory)
    publish.point_latest(root, directory)
    return directory


def shown(target: str | None, runs: Path, **options: object) -> str:
    out = io.StringIO()
    show.show(target, runs, Console(file=out, width=140), **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_the_latest_run_is_the_default(runs: Path) -> None:
    text = shown(None, runs)
    assert "5 cells: 1 pass, 1 vacuous, 1 undecided, 1 infra, 1 fail" in text
    assert shown(str(runs / "latest"), runs) == text
    name = (runs / "latest").resolve().name
    assert "5 cells:" in shown(name, runs)


def test_as_data_it_is_what_the_files_say(runs: Path) -> None:
    directory = (runs / "latest").resolve()
    assert show.data(None, runs) == json.loads((directory / store.SUMMARY).read_text())
    cell = show.data(samples.FAILED.id, runs)
    assert cell == json.loads((directory / store.CELLS / samples.FAILED.slug / store.RESULT).read_text())


@pytest.mark.parametrize("name", [samples.FAILED.id, samples.FAILED.slug])
def test_a_cell_shows_findings_stages_and_versions(name: str, runs: Path) -> None:
    text = shown(name, runs)
    for word in (
        "shadow-unmapped (response)",
        "scenarios/stage2/ipas2e1-unmaps-block.yaml:21:5",
        "exercised (existence)",
        "boot l1  13.4 s",
        "11.1.3+ds-1~bpo13+1 4f5a4f5a4f5a",
        samples.FAILED.command,
    ):
        assert word in text


def test_a_cells_directory_can_be_named(runs: Path) -> None:
    path = runs / "latest" / "cells" / samples.FAILED.slug
    assert "shadow-unmapped" in shown(str(path), runs)


@pytest.mark.parametrize(("count", "lines"), [(0, 1), (1, 3), (3, 7), (100, 9)])
def test_events_sets_how_many_neighbours_are_shown(count: int, lines: int, runs: Path) -> None:
    text = shown(samples.FAILED.id, runs, events=count)
    assert sum(" 18.40" in line for line in text.splitlines()) == lines
    assert "> l1 18.402113907" in text


def test_console_shows_its_last_lines_made_safe(runs: Path) -> None:
    text = shown(samples.FAILED.id, runs, console_level="l1")
    lines = [line for line in text.splitlines() if " l1 line " in line]
    assert len(lines) == show.TAIL_LINES
    assert lines[-1] == r"  [  999] l1 line \x1b[31m999\x1b[0m"
    assert "\x1b" not in text


def test_a_missing_console_names_those_there_are(runs: Path) -> None:
    with pytest.raises(UserError, match="no console of 'l2'; there are: l0, l1"):
        shown(samples.INFRA.id, runs, console_level="l2")
    (runs / "latest" / "cells" / samples.INFRA.slug / "console-l0.txt").unlink()
    with pytest.raises(UserError, match=r"console-l0\.txt: No such file"):
        shown(samples.INFRA.id, runs, console_level="l0")


def test_console_of_a_run_needs_a_cell(runs: Path) -> None:
    with pytest.raises(UserError, match="5 cells; --console needs the id"):
        shown(None, runs, console_level="l1")
    publish_run(runs, dataclasses.replace(samples.EVERY, cells=(samples.PASSED,)))
    assert " l1 line " in shown(None, runs, console_level="l1")


def test_an_unknown_name_gets_the_closest(runs: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'l1-dirty-logging'"):
        shown("l1-dirty-loging", runs)
    with pytest.raises(UserError, match="did you mean 'l1-dirty-logging'"):
        show.find_cell(samples.EVERY, "l1-dirty-loging")
    with pytest.raises(UserError, match="lists its 5 cells"):
        show.find_cell(samples.EVERY, "zzz")
    with pytest.raises(UserError, match="runs are directories under"):
        shown("zzz", runs)


def test_the_same_cell_on_two_models_is_told_apart(runs: Path) -> None:
    other = dataclasses.replace(samples.FAILED, model="qemu-10.0", slug="second")
    publish_run(runs, samples.run(samples.FAILED, other))
    with pytest.raises(UserError, match=f"2 cells .*; name one of: {samples.FAILED.slug}, second"):
        shown(samples.FAILED.id, runs)
    assert "qemu-10.0 icount" in shown("second", runs)


def test_no_run_yet(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run yet; start one with: \./nvh run"):
        shown(None, tmp_path / "runs")
    with pytest.raises(UserError, match="neither a run nor a cell"):
        shown("x", tmp_path / "runs")
    with pytest.raises(UserError, match="holds no run"):
        show.load_run(tmp_path)


def test_an_interrupted_run_shows_the_cells_that_ended(runs: Path) -> None:
    directory = runs / "latest"
    (directory / store.SUMMARY).unlink()
    (directory / store.CELLS / samples.PASSED.slug / store.RESULT).write_bytes(b"{")
    run = show.load_run(directory)
    assert run.id.endswith("(interrupted)")
    assert run.counts[Verdict.INFRA] == 2
    assert run.counts[Verdict.FAIL] == 1
    assert "truncated or not JSON" in " ".join(shown(None, runs).split())


def test_a_spoilt_summary_is_infra(runs: Path) -> None:
    (runs / "latest" / store.SUMMARY).write_text("{}", encoding="utf-8")
    with pytest.raises(InfraError, match=r"summary\.json: format None"):
        shown(None, runs)
