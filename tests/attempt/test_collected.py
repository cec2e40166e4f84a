# SPDX-License-Identifier: GPL-2.0-only
"""What pytest makes of a cell's result: the items of ``pytest scenarios/``."""

from __future__ import annotations

import dataclasses
import importlib.util
from types import ModuleType

import pytest

from harness.check.finding import Finding
from harness.host.paths import ROOT
from harness.report.results import CellResult
from harness.verdict import Verdict
from tests.report import samples

KNOWN = dataclasses.replace(samples.UNMAPPED, expected="known (review by 2027-03-01)")
GONE = Finding("quarantine", "quarantine", Verdict.FAIL, "the defect is gone")


@pytest.fixture(scope="module")
def items() -> ModuleType:
    """The project's own conftest.py, apart from the one that runs this test."""
    spec = importlib.util.spec_from_file_location("nvh_conftest", ROOT / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (samples.PASSED, "passes"),
        (samples.FAILED, "red"),
        (samples.INFRA, "red"),
        (samples.VACUOUS, "red"),
        (samples.cell("q", Verdict.FAIL, (KNOWN,), quarantine=KNOWN.expected), "expected failure"),
        (samples.cell("q", Verdict.FAIL, (samples.NO_SPLAT, GONE)), "red"),
        (samples.cell("q", Verdict.INFRA, (KNOWN,), reason="disk full"), "red"),
    ],
    ids=["pass", "fail", "infra", "vacuous", "known", "gone", "known and infra"],
)
def test_an_item_reports_its_cell(
    result: CellResult,
    outcome: str,
    items: ModuleType,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(items.CellItem, "_result", lambda _: result)
    item = items.CellItem.from_parent(request.session, name=result.id)
    if outcome == "passes":
        item.runtest()
        return
    with pytest.raises(items.CellRed if outcome == "red" else pytest.xfail.Exception) as raised:
        item.runtest()
    assert result.verdict.value in str(raised.value)
