# SPDX-License-Identifier: GPL-2.0-only
"""Tells good builds of a model from bad ones by the bare steps of its check: no kernel, a minute at most."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rich.console import Console

from harness.artefacts.model import build_model, load_model
from harness.errors import NvhError
from harness.host.cache import Store
from harness.nightly.farm.bisect import BisectedBuild, BuildRun
from harness.nightly.model import model_check
from harness.report.cause import normalised
from harness.verdict import Verdict


def seen(build: BisectedBuild, place: Path, store: Store) -> BuildRun:
    """Check ``build`` up to the first red step, with results below ``place``.

    A build that cannot be built, or has no verdict, was not judged.
    """
    try:
        model = build_model(load_model(build.file), store, lambda _: None)
        asked = model_check.CheckRequest(model, build.file, place, store, Console(quiet=True))
        told = list(model_check.check(asked, bare=True, stop_at_first_red=True))
    except NvhError as error:
        return BuildRun(frozenset(), f"could not be run: {error}", judged=False)
    return of_outcomes([each for each in told if isinstance(each, model_check.StepDone)])


def of_outcomes(outcomes: list[model_check.StepDone]) -> BuildRun:
    """Return what the steps say of a build: a cause is a line of a step that failed, its numbers left out."""
    red = [each for each in outcomes if each.found.verdict is Verdict.FAIL]
    causes = frozenset(_digest(each.step, cause) for each in red for cause in each.found.causes)
    if red:
        first = red[0]
        return BuildRun(causes, f"{first.step}: {(first.found.causes or (first.found.summary,))[0]}")
    lost = [each for each in outcomes if each.found.verdict is not Verdict.PASS]
    if lost:
        return BuildRun(frozenset(), f"{lost[0].step}: {lost[0].found.summary}", judged=False)
    return BuildRun(frozenset(), "pass")


def _digest(step: str, cause: str) -> str:
    """Alike causes of different builds have one digest: what is counted in brackets may differ."""
    text = normalised(cause.partition(" (")[0])
    return hashlib.sha256(f"{step}\0{text}".encode()).hexdigest()[:16]
