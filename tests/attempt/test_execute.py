# SPDX-License-Identifier: GPL-2.0-only
"""A cell's whole process up to its result, with a model that is a program of this test."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.attempt import begin
from harness.attempt.booted import FILE as BOOTED
from harness.attempt.execute import StageClock, run_cell
from harness.attempt.job import Job
from harness.host import disk
from harness.report.results import CellResult
from harness.scenario.language import Cell
from harness.stack.images import StackImages
from harness.verdict import Verdict


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "cell"
    place.mkdir()
    return place


def run(cells: list[Cell], images: StackImages, directory: Path, model: str) -> CellResult:
    """Run the cell on a model that does ``model`` instead of booting, at once or a little later."""
    program = Path(images.model.launcher[0])
    program.write_text(f"#!/bin/sh\necho words of the model\n{model}\n")
    spec = dataclasses.replace(cells[0].stack, timing="mttcg")
    cell = dataclasses.replace(cells[0], stack=spec, expectations=cells[0].expectations[:1])
    return run_cell(Job(cell, images, "slug", "./nvh run it"), directory)


@pytest.mark.parametrize(
    ("model", "verdict", "name", "words"),
    [
        ("kill -SEGV $$", Verdict.FAIL, "model-crash", "the model crashed: QEMU ended with signal 11"),
        ("exit 0", Verdict.FAIL, "boot-l0", "l0: did not come up: L0 reset or powered off its machine"),
        ("kill -KILL $$", Verdict.INFRA, "", "QEMU ended with signal 9: words of the model"),
        ("exit 1", Verdict.INFRA, "", "QEMU ended with status 1: words of the model"),
    ],
)
def test_model_that_ends(
    cells: list[Cell],
    images: StackImages,
    directory: Path,
    model: str,
    verdict: Verdict,
    name: str,
    words: str,
) -> None:
    (directory / BOOTED).write_text(
        json.dumps({"l0": {"said": "kernel nv0 on model fake: the model is new"}})
    )
    result = run(cells, images, directory, model)
    assert result.verdict is verdict
    broken = {each.name: each for each in result.findings if each.verdict is Verdict.FAIL}
    assert set(broken) == ({name} if name else set())
    if name:
        assert broken[name].kind == "boot"
        assert broken[name].message.startswith(words)
        assert "words of the model" in broken[name].message
        assert ("the model is new" in broken[name].message) is (name == "boot-l0")
        assert result.headline == f"{name}: {broken[name].message.splitlines()[0]}"
    else:
        assert result.reason.strip() == words
    assert {each.verdict for each in result.findings if each.name == "said"} == {Verdict.UNDECIDED}
    assert {"qemu.log", "qemu.sh"} <= {ref.path for ref in result.files}


def test_snapshot_that_is_gone_is_a_cold_boot(
    cells: list[Cell], images: StackImages, directory: Path
) -> None:
    record = {"path": str(directory / "nowhere"), "digest": "x", "setup": 0}
    (directory / begin.RECORD).write_text(json.dumps(record))
    result = run(cells, images, directory, "exit 0")
    assert result.facts["start"].startswith("cold boot, because: ")
    assert result.verdict is Verdict.FAIL
    assert not (directory / begin.RECORD).exists()


def test_full_disk_is_nobodys_failure(
    cells: list[Cell], images: StackImages, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same end of the model as above, which is a failure while there is room."""
    assert run(cells, images, directory, "exit 0").verdict is Verdict.FAIL
    monkeypatch.setattr(disk, "free_bytes", lambda _: disk.FULL_BYTES - 1)
    result = run(cells, images, directory, "exit 0")
    assert result.verdict is Verdict.INFRA
    assert f"the disk of {directory.resolve()} is full: 63 MiB are free" in result.reason
    assert {each.verdict for each in result.findings} == {Verdict.UNDECIDED}


def test_stages_follow_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    stages = StageClock()
    for name in ("one", "one", "two"):
        stages.begin(name)
    stages.end()
    stages.end()
    assert [each.name for each in stages.done] == ["one", "two"]
    assert capsys.readouterr().out == "stage one\nstage two\n"
