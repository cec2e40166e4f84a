# SPDX-License-Identifier: GPL-2.0-only
"""What of the base need not run again: the same order alone, and what passed alone."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.accept import earlier, lab
from harness.accept.earlier import FACT, EarlierRuns, key_of
from harness.accept.lab import SeriesStep
from harness.accept.request import Request
from harness.attempt.job import JOB, Job, write_job
from harness.host.cache import Artefact, Store
from harness.host.paths import IMAGES
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.report.results import CellResult
from harness.report.store import RESULT, read_cell, write_cell
from harness.scenario.language import Cell
from harness.scenario.load import slug
from harness.stack.images import StackImages
from tests.accept.results import LETTERS, result
from tests.accept.test_lab import BASE, laboratory
from tests.attempt.conftest import cells, images, program, scenario

__all__ = ["cells", "images", "program", "scenario"]
WANTED = Request("x", coverage=False)
ELSEWHERE = Artefact("kernel", "another", Path("/cache/kernel/another"), {})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def job(cells: list[Cell], images: StackImages) -> Job:
    return Job(with_timing(cells[0], "icount"), images, slug(cells[0].id), "./nvh run here")


def with_timing(cell: Cell, timing: str) -> Cell:
    return dataclasses.replace(cell, stack=dataclasses.replace(cell.stack, timing=timing))


def with_kernel(cell: Cell, kernel: str) -> Cell:
    levels = {
        level: dataclasses.replace(spec, kernel=kernel if level is Level.L0 else spec.kernel)
        for level, spec in cell.stack.levels.items()
    }
    return dataclasses.replace(cell, stack=dataclasses.replace(cell.stack, levels=levels))


def ran(job: Job, place: Path, letter: str = "p") -> CellResult:
    """Leave what a cell's process does, and return its result."""
    place.mkdir(parents=True)
    write_job(place, job)
    (place / "output").mkdir()
    (place / "output" / "say").write_text("what it said")
    (place / "coverage.bin").write_bytes(b"trace")
    found = dataclasses.replace(result(job.cell.id, LETTERS[letter], job.seed), slug=job.slug)
    write_cell(found, place)
    return found


def test_the_same_order_elsewhere_takes_what_passed_over(job: Job, store: Store, tmp_path: Path) -> None:
    """The kernel's file lies in the directory of each acceptance; its artefact is the same."""
    known = EarlierRuns(store)
    before = dataclasses.replace(
        job, cell=with_kernel(job.cell, "/first/kernel.yaml"), command="./nvh run first"
    )
    known.keep(before, tmp_path / "1", ran(before, tmp_path / "1"))
    here = dataclasses.replace(
        job, cell=with_kernel(job.cell, "/second/kernel.yaml"), command="./nvh run second"
    )
    (tmp_path / "2").mkdir()
    write_job(tmp_path / "2", here)
    found = known.take(here, tmp_path / "2")
    assert found is not None
    assert found == read_cell(tmp_path / "2" / RESULT)
    assert found.command == "./nvh run second"
    assert found.kernels["l0"] == "/second/kernel.yaml"
    assert found.facts[FACT] == "ran at 2026-11-25T00:00:00Z for another acceptance on this base"
    assert (tmp_path / "2/coverage.bin").read_bytes() == b"trace"
    assert (tmp_path / "2/output/say").read_text() == "what it said"
    assert json.loads((tmp_path / "2" / JOB).read_text())["command"] == "./nvh run second"


def another_kernel(job: Job) -> Job:
    kernels = {**job.images.kernels, Level.L0: ELSEWHERE}
    return dataclasses.replace(job, images=dataclasses.replace(job.images, kernels=kernels))


def another_step(job: Job) -> Job:
    (boot, run, *_) = job.cell.steps
    return dataclasses.replace(
        job, cell=dataclasses.replace(job.cell, steps=(boot, dataclasses.replace(run, timeout=31.0)))
    )


OTHERS: dict[str, Callable[[Job], Job]] = {
    "kernel": another_kernel,
    "step": another_step,
    "seed": lambda job: dataclasses.replace(job, seed=2),
    "watch": lambda job: dataclasses.replace(job, watch=(Plugin(Path("/p.so"), ()),)),
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_order_runs(what: str, job: Job, store: Store, tmp_path: Path) -> None:
    known = EarlierRuns(store)
    known.keep(job, tmp_path / "1", ran(job, tmp_path / "1"))
    (tmp_path / "same").mkdir()
    assert known.take(job, tmp_path / "same") is not None
    assert key_of(OTHERS[what](job)) != key_of(job)
    assert known.take(OTHERS[what](job), tmp_path / "2") is None


def test_other_code_judges_anew(
    job: Job, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = EarlierRuns(store)
    known.keep(job, tmp_path / "1", ran(job, tmp_path / "1"))
    monkeypatch.setattr(earlier, "judging", lambda: "other")
    assert known.take(job, tmp_path / "2") is None


@pytest.mark.parametrize("letter", "fvi")
def test_what_did_not_pass_is_not_kept(letter: str, job: Job, store: Store, tmp_path: Path) -> None:
    """A deadline passes on a busy host alone: what is red runs again."""
    known = EarlierRuns(store)
    known.keep(job, tmp_path / "1", ran(job, tmp_path / "1", letter))
    assert known.take(job, tmp_path / "2") is None


def test_a_machine_that_differs_each_time_runs_each_time(job: Job, store: Store, tmp_path: Path) -> None:
    known = EarlierRuns(store)
    racy = dataclasses.replace(job, cell=with_timing(job.cell, "mttcg"))
    known.keep(racy, tmp_path / "1", ran(racy, tmp_path / "1"))
    assert store.artefacts() == [each for each in store.artefacts() if each.kind != earlier.KIND]
    assert known.take(racy, tmp_path / "2") is None


def test_a_large_trace_is_not_kept(
    job: Job, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier, "MOST_BYTES", 100)
    known = EarlierRuns(store)
    known.keep(job, tmp_path / "1", ran(job, tmp_path / "1"))
    assert known.take(job, tmp_path / "2") is None


def test_what_was_kept_and_is_damaged_runs(job: Job, store: Store, tmp_path: Path) -> None:
    known = EarlierRuns(store)
    known.keep(job, tmp_path / "1", ran(job, tmp_path / "1"))
    (kept,) = [each for each in store.artefacts() if each.kind == earlier.KIND]
    (kept.path / RESULT).write_text("{")
    assert known.take(job, tmp_path / "2") is None


def test_prices_know_what_need_not_run(job: Job, store: Store, tmp_path: Path) -> None:
    known = EarlierRuns(store)
    kernel = job.images.kernels[Level.L0]
    assert known.known(kernel, WANTED) == frozenset()
    known.keep(job, tmp_path / "1", ran(job, tmp_path / "1"))
    assert known.known(kernel, WANTED) == {job.cell.id}
    assert known.known(ELSEWHERE, WANTED) == frozenset()
    assert known.known(kernel, dataclasses.replace(WANTED, coverage=True)) == frozenset()
    assert known.known(kernel, dataclasses.replace(WANTED, repeat=3)) == frozenset()


def test_a_second_acceptance_runs_the_series_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: StackImages
) -> None:
    asked: list[str] = []

    class Runner:
        def __init__(self, *words: Any) -> None:
            self.label = words[6]

        def run(self, orders: Sequence[tuple[Job, Path]]) -> list[CellResult]:
            asked.extend(f"{self.label}: {job.cell.id} {job.seed}" for job, _ in orders)
            found = []
            for job, place in orders:
                letter = "f" if "by-va" in job.cell.id else "p"
                each = dataclasses.replace(result(job.cell.id, LETTERS[letter], job.seed), slug=job.slug)
                write_cell(each, place)
                found.append(each)
            return found

    monkeypatch.setattr(lab, "LocalRunner", Runner)
    monkeypatch.setattr(lab, "build_all", lambda cells, _: {cell.id: images for cell in cells})
    monkeypatch.setattr(lab, "artefacts", lambda _: {})
    names = ("tlbi-e1-all", "tlbi-e1-by-va")
    seeds = {"tlbi-e1-all": (1, 2), "tlbi-e1-by-va": (1,)}
    last = SeriesStep(1, "patch-1", IMAGES / "kernels" / "nv.yaml")
    for directory in ("first", "second"):
        with laboratory(tmp_path / directory) as made:
            made.earlier = EarlierRuns(Store(tmp_path / "kept"))
            made.choose(names)
            base = made.run(BASE, seeds)
            made.run(last, {"tlbi-e1-all": (1,)})
            assert [FACT in each.facts for each in base["tlbi-e1-all"].results] == [directory == "second"] * 2
            assert str(base["tlbi-e1-by-va"].rate)[:3] == "1/1"
    whole = ["base: tlbi-e1-all 1", "base: tlbi-e1-by-va 1", "base: tlbi-e1-all 2"]
    assert asked == [*whole, "patch 1: tlbi-e1-all 1", "base: tlbi-e1-by-va 1", "patch 1: tlbi-e1-all 1"]
