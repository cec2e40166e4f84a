# SPDX-License-Identifier: GPL-2.0-only
"""A model that does not bring back a whole snapshot is told; a damaged snapshot says nothing of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.artefacts.saved_registers import Lost, RegisterComparison
from harness.attempt import begin, execute, unrestored
from harness.attempt.execute import AttemptOutcome, StageClock, run_cell
from harness.attempt.job import Job
from harness.errors import InfraError
from harness.host.cache import Artefact, Store
from harness.level import Level
from harness.report.results import CellResult
from harness.runner.snapshots import KIND
from harness.scenario.language import Cell
from harness.stack import saved
from harness.stack.images import StackImages
from harness.stack.integrity import describe
from harness.stack.saved import NotRestored, RestoreFailed
from harness.verdict import Verdict


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "cell"
    place.mkdir()
    return place


@pytest.fixture
def snapshot(tmp_path: Path) -> Artefact:
    """A snapshot that is what its manifest says: of L0, with nothing in it that a model could use."""

    def build(work: Path) -> Mapping[str, Any]:
        (work / saved.RAM).write_bytes(b"\1" * 4096)
        (work / saved.STATE).write_bytes(b"state")
        (work / saved.console_log(Level.L0)).write_text("printed")
        record = {"format": saved.FORMAT, "booted": "l0", "channels": {}, "kick": 4}
        (work / saved.RECORD).write_text(json.dumps(record))
        return {"files": {path.name: describe(path) for path in work.iterdir()}}

    return Store(tmp_path / "cache").get_or_build(KIND, {"name": "made"}, build)


def run(cells: list[Cell], images: StackImages, directory: Path, snapshot: Artefact | None) -> CellResult:
    """Run a cell that is to begin from ``snapshot`` on a model that ends at once."""
    if snapshot:
        record = {"path": str(snapshot.path), "digest": snapshot.digest, "setup": 0}
        (directory / begin.RECORD).write_text(json.dumps(record))
    spec = dataclasses.replace(cells[0].stack, timing="mttcg")
    cell = dataclasses.replace(cells[0], stack=spec, expectations=cells[0].expectations[:1])
    return run_cell(Job(cell, images, "slug", "./nvh run it"), directory)


def restores(result: CellResult) -> list[str]:
    return [each.message for each in result.findings if each.name == "restore"]


def test_a_whole_snapshot_that_the_model_refuses(
    cells: list[Cell], images: StackImages, directory: Path, snapshot: Artefact
) -> None:
    result = run(cells, images, directory, snapshot)
    (message,) = restores(result)
    assert message.startswith("the model cannot restore what it saved: ")
    assert "QEMU ended with status 5" in message
    assert "its registers could not be compared" in message  # this model runs nothing at all
    assert result.verdict is Verdict.FAIL
    assert result.facts["start"].startswith("cold boot, because: ")
    assert result.headline.startswith("restore: the model cannot restore")
    (found,) = (each for each in result.findings if each.name == "restore")
    assert (found.kind, found.verdict) == ("model", Verdict.FAIL)


@pytest.mark.parametrize("name", [saved.RAM, saved.STATE])
def test_a_damaged_snapshot_says_nothing_of_the_model(
    cells: list[Cell], images: StackImages, directory: Path, snapshot: Artefact, name: str
) -> None:
    (snapshot.path / name).write_bytes(b"\2" * 4096)
    result = run(cells, images, directory, snapshot)
    assert restores(result) == []
    assert result.facts["start"].startswith("cold boot, because: ")
    assert f"the snapshot is damaged: the content of {name}" in result.facts["start"] or (
        f"the snapshot is damaged: {name} has" in result.facts["start"]
    )


def test_what_the_run_has_noted_counts_for_the_cell(
    cells: list[Cell], images: StackImages, directory: Path
) -> None:
    unrestored.note(directory, "VBAR_EL2 of PE 0 was 0x1 and is 0x0")
    result = run(cells, images, directory, None)
    assert restores(result) == ["the model cannot restore what it saved: VBAR_EL2 of PE 0 was 0x1 and is 0x0"]
    assert "restore.json" in {ref.path for ref in result.files}


def test_a_note_that_cannot_be_read_is_no_pass(
    cells: list[Cell], images: StackImages, directory: Path
) -> None:
    (directory / unrestored.FILE).write_text("{")
    with pytest.raises(InfraError, match=unrestored.FILE):
        unrestored.told(directory)
    assert run(cells, images, directory, None).verdict is Verdict.INFRA


def test_a_restore_that_fails_once_is_tried_again(
    cells: list[Cell], images: StackImages, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []

    def attempt(job: Job, directory: Path, stages: StageClock, outcome: AttemptOutcome) -> None:  # noqa: ARG001
        began.append(1)
        if len(began) == 1:
            raise NotRestored("the restored machine does not live")
        outcome.facts["start"] = "restored"

    monkeypatch.setattr(execute, "_attempt", attempt)
    result = run(cells, images, directory, None)
    assert restores(result) == []
    assert result.facts["start"] == "restored"
    assert len(began) == 2


def test_a_kernel_that_cannot_be_kicked_is_not_the_models_fault() -> None:
    assert issubclass(NotRestored, RestoreFailed)
    assert not issubclass(RestoreFailed, NotRestored)


LOST = Lost(0, "VBAR_EL2", 0x1000, 0)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (
            RegisterComparison(200, (LOST,)),
            "VBAR_EL2 of PE 0 was 0x1000 and is 0x0 after save and restore; it died",
        ),
        (RegisterComparison(200, (LOST,) * 9), "; and 3 more; it died"),
        (RegisterComparison(200, (), "refused"), "refused, on the bare machine too; it died"),
        (RegisterComparison(200), "it died; on the bare machine all 200 registers come back"),
    ],
)
def test_what_differs_leads(
    seen: RegisterComparison, words: str, images: StackImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = Artefact("model-suite", "d", tmp_path, {})
    monkeypatch.setattr(unrestored, "build_model_suite", lambda _: suite)
    monkeypatch.setattr("harness.artefacts.saved_registers.compare", lambda *_: seen)
    found = unrestored.explain(images.model, "mttcg", "it died", Store(tmp_path / "cache"))
    assert found.endswith(words)
