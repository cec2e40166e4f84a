# SPDX-License-Identifier: GPL-2.0-only
"""Each defect that was found has a scenario, a section of docs/defects.md and a row in quarantine.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from harness.host.paths import ROOT


def sections(page: str) -> list[str]:
    """Scenarios that the headings of docs/defects.md name."""
    return re.findall(r"^## .+: `(defect-[^`]+)`$", page, re.M)


def shipped(scenarios: Path) -> list[str]:
    return sorted(path.stem for path in scenarios.rglob("defect-*.yaml"))


def test_scenarios_sections_and_quarantine_agree() -> None:
    found = shipped(ROOT / "scenarios")
    assert found
    assert sorted(sections((ROOT / "docs" / "defects.md").read_text())) == found
    quarantined = yaml.safe_load((ROOT / "quarantine.yaml").read_text())["quarantine"]
    named = {row["scenario"] for row in quarantined if row["scenario"].startswith("defect-")}
    assert sorted(named) == found
    overview = (
        (ROOT / "docs" / "litmus.md").read_text().partition("## Defects found")[2].partition("\n## ")[0]
    )
    assert sorted(set(re.findall(r"`(defect-[a-z0-9-]+)`", overview))) == found


def test_a_section_without_its_scenario_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "defect-one.yaml").touch()
    page = "## This: `defect-one`\n\ntext `defect-three`\n\n## That: `defect-two`\n"
    assert sections(page) == ["defect-one", "defect-two"]
    assert shipped(tmp_path) == ["defect-one"]
