# SPDX-License-Identifier: GPL-2.0-only
"""Tells good builds of a model from bad ones by the bare steps of its check: no kernel, a minute at most."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rich.console import Console

from harness.artefacts.model import build_model, load_model
from harness.errors import NvhError
from harness.host.cache import Store
from harness.nightly.farm.bisect import Build, Seen
from harness.nightly.model import check
from harness.report.cause import normalised
from harness.verdict import Verdict


def seen(build: Build, place: Path, store: Store) -> Seen:
    """Check ``build`` up to the first red step, with results below ``place``.

    A build that cannot be built, or has no verdict, was not judged.
    """
    try:
        model = build_model(load_model(build.file), store, lambda _: None)
        asked = check.Asked(model, build.file, place, store, Console(quiet=True))
        told = list(check.check(asked, bare=True, stop_at_first_red=True))
    except NvhError as error:
        return Seen(frozenset(), f"could not be run: {error}", judged=False)
    return of_outcomes([each for each in told if isinstance(each, check.Outcome)])


def of_outcomes(outcomes: list[check.Outcome]) -> Seen:
    """Return what the steps say of a build: a cause is a line of a step that failed, its numbers left out."""
    red = [each for each in outcomes if each.found.verdict is Verdict.FAIL]
    causes = frozenset(_digest(each.step, cause) for each in red for cause in each.found.causes)
    if red:
        first = red[0]
        return Seen(causes, f"{first.step}: {(first.found.causes or (first.found.summary,))[0]}")
    lost = [each for each in outcomes if each.found.verdict is not Verdict.PASS]
    if lost:
        return Seen(frozenset(), f"{lost[0].step}: {lost[0].found.summary}", judged=False)
    return Seen(frozenset(), "pass")


def _digest(step: str, cause: str) -> str:
    """Alike causes of different builds have one digest: what is counted in brackets may differ."""
    text = normalised(cause.partition(" (")[0])
    return hashlib.sha256(f"{step}\0{text}".encode()).hexdigest()[:16]
