# SPDX-License-Identifier: GPL-2.0-only
"""What is remembered of kernels and models that came up, and what that says when a level does not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.attempt.booted import FILE, TOOK, Booted, Pair, leave_took, needs, told, took
from harness.attempt.job import Job, planned
from harness.check.finding import Finding
from harness.host.cache import Store
from harness.level import Level
from harness.report.results import CellResult
from harness.scenario.language import Cell
from harness.stack.images import StackImages
from harness.stack.patience import NEEDS, BootNeed
from harness.verdict import Verdict
from tests.attempt.conftest import fake_images


def result(job: Job, verdict: Verdict = Verdict.PASS, *failed: Level) -> CellResult:
    findings = tuple(Finding(f"boot-{each}", "boot", Verdict.FAIL, "why") for each in failed)
    return dataclasses.replace(
        planned(job), verdict=verdict, findings=findings, started="2026-11-28T15:00:00+00:00", reason=""
    )


@pytest.fixture
def job(cells: list[Cell], images: StackImages) -> Job:
    return Job(cells[0], images, "slug", "./nvh run it")


@pytest.fixture
def booted(tmp_path: Path) -> Booted:
    return Booted(tmp_path / FILE)


def other_model(job: Job) -> Job:
    model = dataclasses.replace(job.images.model, sha256="2" * 64)
    return dataclasses.replace(job, images=dataclasses.replace(job.images, model=model))


def other_kernel(job: Job, tmp_path: Path) -> Job:
    kernels = dict(fake_images(Store(tmp_path / "others"), Path("/x")).kernels)
    kernels[Level.L0] = kernels[Level.L1]
    return dataclasses.replace(job, images=dataclasses.replace(job.images, kernels=kernels))


def learn(booted: Booted, job: Job, result: CellResult, **seen: tuple[int, float]) -> None:
    """Learn from a cell whose boots took so many turns and seconds."""
    place = booted._path.parent / f"cell-{len(list(booted._path.parent.iterdir()))}"
    place.mkdir()
    leave_took(place, {Level.parse(level): BootNeed(*each) for level, each in seen.items()})
    booted.learn(job, result, place)


def test_nothing_is_known_at_first(booted: Booted, job: Job) -> None:
    assert booted.said(Pair.of(job), Level.L0).endswith("l0 never came up: both are new")


def test_pair_that_came_up(booted: Booted, job: Job) -> None:
    learn(booted, job, result(job))
    assert booted.said(Pair.of(job), Level.L0).endswith(
        "l0 came up last at 2026-11-28T15:00:00+00:00; neither is new"
    )
    assert booted.said(Pair.of(job), Level.L1).endswith("both are new")  # the cell boots L0 only


def test_model_is_new(booted: Booted, job: Job) -> None:
    learn(booted, job, result(job))
    said = booted.said(Pair.of(other_model(job)), Level.L0)
    assert said.endswith("that kernel last on fake/icount at 2026-11-28T15:00:00+00:00: the model is new")


def test_kernel_is_new(booted: Booted, job: Job, tmp_path: Path) -> None:
    learn(booted, job, result(job))
    said = booted.said(Pair.of(other_kernel(job, tmp_path)), Level.L0)
    assert said.endswith("that model last with nv0 at 2026-11-28T15:00:00+00:00: the kernel is new")


def test_both_are_known_apart(booted: Booted, job: Job, tmp_path: Path) -> None:
    learn(booted, other_model(job), result(job))
    learn(booted, other_kernel(job, tmp_path), result(job))
    assert booted.said(Pair.of(job), Level.L0).endswith("both are known, but not together")


def test_level_that_did_not_come_up_is_not_remembered(booted: Booted, job: Job) -> None:
    learn(booted, job, result(job, Verdict.FAIL, Level.L0))
    assert booted.said(Pair.of(job), Level.L0).endswith("both are new")


def test_infrastructure_error_says_nothing(booted: Booted, job: Job) -> None:
    learn(booted, job, result(job, Verdict.INFRA))
    assert booted.said(Pair.of(job), Level.L0).endswith("both are new")


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"l0 a": 1}', '{"l0 a b": {"kernel": "x"}}'])
def test_rubbish_is_no_knowledge(booted: Booted, job: Job, tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert booted.said(Pair.of(job), Level.L0).endswith("both are new")
    learn(booted, job, result(job))
    assert booted.said(Pair.of(job), Level.L0).endswith("neither is new")


def test_cell_is_left_what_is_known(booted: Booted, job: Job, tmp_path: Path) -> None:
    place = tmp_path / "cell"
    place.mkdir()
    booted.leave(job, place)
    assert told(place, Level.L0) == booted.said(Pair.of(job), Level.L0)
    assert told(tmp_path / "none", Level.L0) == ""
    (place / FILE).write_text(json.dumps([]))
    assert told(place, Level.L0) == ""


def test_what_boots_take_is_nvhs_own_measurement_at_first(booted: Booted, job: Job) -> None:
    assert booted.needs(Pair.of(job)) == dict(NEEDS)
    learn(booted, job, result(job))  # restored: it came up, and nobody saw how long it took
    assert booted.needs(Pair.of(job)) == dict(NEEDS)


def test_what_boots_take_is_the_most_of_kernels_on_that_model(
    booted: Booted, job: Job, tmp_path: Path
) -> None:
    learn(booted, other_model(job), result(job), l0=(900, 90.0))
    assert booted.needs(Pair.of(job))[Level.L0].turns == 900  # for want of anything better
    learn(booted, job, result(job), l0=(30, 4.0))
    learn(booted, other_kernel(job, tmp_path), result(job), l0=(40, 3.0))
    assert booted.needs(Pair.of(job))[Level.L0] == BootNeed(40, 4.0, "kernel nv1 on model fake/icount")
    learn(booted, job, result(job))  # one that was restored changes nothing
    assert booted.needs(Pair.of(job))[Level.L0].turns == 40
    learn(booted, other_kernel(job, tmp_path), result(job), l0=(20, 3.0))
    assert booted.needs(Pair.of(job))[Level.L0].turns == 30  # what it took last counts


def test_what_boots_take_under_another_timing_says_nothing(booted: Booted, job: Job) -> None:
    stack = dataclasses.replace(job.cell.stack, timing="mttcg")
    racy = dataclasses.replace(job, cell=dataclasses.replace(job.cell, stack=stack))
    learn(booted, racy, result(job), l0=(0, 99.0))
    assert booted.needs(Pair.of(job)) == dict(NEEDS)
    assert booted.needs(Pair.of(racy))[Level.L0].cpu_s == 99.0


def test_level_that_broke_is_no_measure(booted: Booted, job: Job) -> None:
    learn(booted, job, result(job, Verdict.FAIL, Level.L0), l0=(900, 90.0))
    assert booted.needs(Pair.of(job)) == dict(NEEDS)


def test_snapshots_that_were_made_count(booted: Booted, job: Job) -> None:
    booted.came_up(Pair.of(job), [Level.L1], {Level.L1: BootNeed(55, 6.0)})
    assert booted.needs(Pair.of(job))[Level.L1] == BootNeed(55, 6.0, "kernel nv0 on model fake/icount")
    assert booted.said(Pair.of(job), Level.L1).endswith("neither is new")


def test_cell_is_left_what_boots_take(booted: Booted, job: Job, tmp_path: Path) -> None:
    learn(booted, job, result(job), l0=(30, 4.0))
    place = tmp_path / "cell"
    place.mkdir()
    booted.leave(job, place)
    assert needs(place)[Level.L0] == BootNeed(30, 4.0, "kernel nv0 on model fake/icount")
    assert needs(tmp_path / "none") == dict(NEEDS)
    for rubbish in ("", "[]", '{"l0": 1}', '{"l0": {"need": {"turns": "x"}}}', '{"l9": {}}'):
        (place / FILE).write_text(rubbish)
        assert needs(place) == dict(NEEDS)


def test_rubbish_of_what_boots_took_is_none(tmp_path: Path) -> None:
    leave_took(tmp_path, {})
    assert not (tmp_path / TOOK).exists()
    leave_took(tmp_path, {Level.L1: BootNeed(3, 1.5)})
    assert took(tmp_path) == {Level.L1: BootNeed(3, 1.5)}
    (tmp_path / TOOK).write_text('{"l1": {"turns": 1}, "l2": []}')
    assert took(tmp_path) == {}


def test_times_that_are_rubbish_are_not_used(booted: Booted, job: Job, tmp_path: Path) -> None:
    learn(booted, job, result(job), l0=(30, 4.0))
    data = json.loads((tmp_path / FILE).read_text())
    for row in data.values():
        row["turns"] = "many"
    (tmp_path / FILE).write_text(json.dumps(data))
    assert booted.needs(Pair.of(job)) == dict(NEEDS)
    assert booted.said(Pair.of(job), Level.L0).endswith("neither is new")
