"""Quarantined cells: named by scenario, until their review date, and never silently."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import pytest
import yaml

from harness.build.paths import QUARANTINE, SCENARIOS
from harness.cell.project import find_cells
from harness.cell.quarantine import quarantined
from harness.errors import InputError
from harness.report.results import Host, RunSummary
from harness.scenario.scenario import NO_OVERRIDES
from harness.verdict import Verdict
from tests.report.samples import cell as sample_cell

TODAY = datetime.date(2026, 11, 23)
TEXT = """quarantine:
  - {scenario: "tlbi-e1-*", reason: known, review: "2026-12-01"}
  - {scenario: tlbi-el2, reason: old, review: "2026-01-01"}
"""


def test_only_rows_before_their_review_date_count(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.yaml"
    path.write_text(TEXT)
    cells = find_cells([], ["tlbi-e1-all", "tlbi-el2"], NO_OVERRIDES)
    assert quarantined(cells, TODAY, path) == {"tlbi-e1-all": "known (review by 2026-12-01)"}
    assert quarantined(cells, datetime.date(2026, 12, 2), path) == {}


@pytest.mark.parametrize("review", ["soon", "2026-13-01"])
def test_a_bad_date_is_refused(review: str, tmp_path: Path) -> None:
    path = tmp_path / "quarantine.yaml"
    path.write_text(f'quarantine:\n  - {{scenario: a, reason: b, review: "{review}"}}\n')
    with pytest.raises(InputError, match=r"quarantine\.yaml"):
        quarantined([], TODAY, path)


def test_the_shipped_file_names_existing_scenarios() -> None:
    names = {cell.scenario for cell in find_cells([SCENARIOS], [], NO_OVERRIDES)}
    for row in yaml.safe_load(QUARANTINE.read_text())["quarantine"]:
        assert row["scenario"] in names


def test_a_red_cell_in_quarantine_does_not_decide_the_run() -> None:
    red = sample_cell("a", Verdict.FAIL, ())
    summary = RunSummary("r", "2026-11-23T00:00:00Z", 1.0, Host(2, 1024), "0", "c", cells=(red,))
    assert summary.exit_status == 1
    aside = dataclasses.replace(red, quarantine="known")
    assert dataclasses.replace(summary, cells=(aside,)).exit_status == 0
