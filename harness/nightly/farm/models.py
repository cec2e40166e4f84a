# SPDX-License-Identifier: GPL-2.0-only
"""The models of a plan checked by themselves before its cells run: what is wrong with a model comes first.

One cell of the run, ``model-check``, for each model. A cell that is red on a model whose check is red belongs
to the cause of that check: no kernel can be judged on a wrong model.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from harness.artefacts.model import Model, build_model, load_model
from harness.check.finding import Finding
from harness.errors import NvhError
from harness.host.cache import Store
from harness.nightly.farm.plan import NightPlan, PlannedModel
from harness.nightly.history.database import RecordedCell
from harness.nightly.model import model_check
from harness.report import store
from harness.report.publish import utc_now
from harness.report.results import MODEL_CHECK, WRONG_MODEL, ArtefactVersion, CellResult
from harness.verdict import Verdict

CELL = "model-check"
KERNEL = "none"
"""What the check is compared under in place of a kernel: it boots none."""


def check_models(plan: NightPlan, directory: Path, artefacts: Store) -> dict[str, CellResult]:
    """Check each model of ``plan`` that is not yet checked in ``directory``; results by the model's label.

    Console models are not: `nvh judge --on` asks them the same. Every result is published below the run's
    cells, and read from there when the run is resumed. A model that cannot be built is ``infra``.
    """
    return {
        model.label: _checked(model, directory, artefacts) for model in plan.models if not model.by_console
    }


def entry(label: str, result: CellResult) -> RecordedCell:
    """Return what the results store records of a check."""
    return RecordedCell(result, label, KERNEL, result.verdict)


def suspects(found: Mapping[str, CellResult]) -> dict[str, str]:
    """Return the models whose own check failed, with the first thing that is wrong with each."""
    return {label: each.headline for label, each in found.items() if each.verdict is Verdict.FAIL}


def blamed(result: CellResult, label: str, wrong: Mapping[str, str]) -> CellResult:
    """Return ``result`` with the fact that its model is wrong, where it is red on such a model."""
    if result.is_fine or label not in wrong:
        return result
    return dataclasses.replace(result, facts={**result.facts, WRONG_MODEL: f"{label}: {wrong[label]}"})


def _checked(planned: PlannedModel, directory: Path, artefacts: Store) -> CellResult:
    slug = f"{CELL}+{planned.label}"
    place = directory / store.CELLS / slug
    plan = CellResult(
        id=CELL,
        slug=slug,
        scenario=CELL,
        summary="The bare model answers, restores and runs programs as the architecture requires.",
        model=planned.name,
        timing="",
        kernels={},
        verdict=Verdict.INFRA,
        started=utc_now(),
        seconds=0.0,
        command=f"./nvh model check {planned.name} --bare",
    )
    if (place / store.RESULT).exists():
        return store.collect(place, plan)
    begun = time.monotonic()
    try:
        model = build_model(load_model(planned.name), artefacts, lambda _: None)
        result = result_of(plan, _report(model, planned, place / "steps", artefacts))
    except NvhError as error:
        result = plan.infra(str(error))
    result = dataclasses.replace(result, seconds=round(time.monotonic() - begun, 1))
    place.mkdir(parents=True, exist_ok=True)
    store.write_cell(result, place)
    return result


def _report(model: Model, planned: PlannedModel, out: Path, artefacts: Store) -> model_check.ModelReport:
    asked = model_check.CheckRequest(model, planned.name, out, artefacts, Console(quiet=True))
    for told in model_check.check(asked, bare=True):
        if isinstance(told, model_check.ModelReport):
            return told
    raise AssertionError("check ends with its report")


def result_of(plan: CellResult, report: model_check.ModelReport) -> CellResult:
    """Return a check as the result of a cell: each red step is a finding, the first cause its first line."""
    findings = [
        Finding(
            MODEL_CHECK,
            outcome.step,
            outcome.found.verdict,
            "\n".join((*outcome.found.causes, outcome.found.summary)),
        )
        for outcome in report.outcomes
        if outcome.found.verdict is not Verdict.INFRA
    ]
    lost = [each.found.summary for each in report.outcomes if each.found.verdict is Verdict.INFRA]
    return dataclasses.replace(
        plan,
        verdict=report.verdict,
        findings=tuple(findings),
        reason="; ".join(lost),
        versions={"model": ArtefactVersion(f"QEMU {report.version}", report.sha256)},
        facts={each.step: each.found.summary for each in report.outcomes},
    )
