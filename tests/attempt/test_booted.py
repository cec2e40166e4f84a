# SPDX-License-Identifier: GPL-2.0-only
"""What is remembered of kernels and models that came up, and what that says when a level does not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.attempt.booted import FILE, Booted, Pair, told
from harness.attempt.job import Job, planned
from harness.check.finding import Finding
from harness.host.cache import Store
from harness.level import Level
from harness.report.results import CellResult
from harness.scenario.language import Cell
from harness.stack.images import StackImages
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


def test_nothing_is_known_at_first(booted: Booted, job: Job) -> None:
    assert booted.said(Pair.of(job), Level.L0).endswith("l0 never came up: both are new")


def test_pair_that_came_up(booted: Booted, job: Job) -> None:
    booted.learn(job, result(job))
    assert booted.said(Pair.of(job), Level.L0).endswith(
        "l0 came up last at 2026-11-28T15:00:00+00:00; neither is new"
    )
    assert booted.said(Pair.of(job), Level.L1).endswith("both are new")  # the cell boots L0 only


def test_model_is_new(booted: Booted, job: Job) -> None:
    booted.learn(job, result(job))
    said = booted.said(Pair.of(other_model(job)), Level.L0)
    assert said.endswith("that kernel last on fake/icount at 2026-11-28T15:00:00+00:00: the model is new")


def test_kernel_is_new(booted: Booted, job: Job, tmp_path: Path) -> None:
    booted.learn(job, result(job))
    said = booted.said(Pair.of(other_kernel(job, tmp_path)), Level.L0)
    assert said.endswith("that model last with nv0 at 2026-11-28T15:00:00+00:00: the kernel is new")


def test_both_are_known_apart(booted: Booted, job: Job, tmp_path: Path) -> None:
    booted.learn(other_model(job), result(job))
    booted.learn(other_kernel(job, tmp_path), result(job))
    assert booted.said(Pair.of(job), Level.L0).endswith("both are known, but not together")


def test_level_that_did_not_come_up_is_not_remembered(booted: Booted, job: Job) -> None:
    booted.learn(job, result(job, Verdict.FAIL, Level.L0))
    assert booted.said(Pair.of(job), Level.L0).endswith("both are new")


def test_infrastructure_error_says_nothing(booted: Booted, job: Job) -> None:
    booted.learn(job, result(job, Verdict.INFRA))
    assert booted.said(Pair.of(job), Level.L0).endswith("both are new")


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"l0 a": 1}', '{"l0 a b": {"kernel": "x"}}'])
def test_rubbish_is_no_knowledge(booted: Booted, job: Job, tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert booted.said(Pair.of(job), Level.L0).endswith("both are new")
    booted.learn(job, result(job))
    assert booted.said(Pair.of(job), Level.L0).endswith("neither is new")


def test_cell_is_left_what_is_known(booted: Booted, job: Job, tmp_path: Path) -> None:
    place = tmp_path / "cell"
    place.mkdir()
    booted.leave(job, place)
    assert told(place, Level.L0) == booted.said(Pair.of(job), Level.L0)
    assert told(tmp_path / "none", Level.L0) == ""
    (place / FILE).write_text(json.dumps([]))
    assert told(place, Level.L0) == ""
