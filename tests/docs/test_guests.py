# SPDX-License-Identifier: GPL-2.0-only
"""docs/guests.md names the shipped scenarios."""

from __future__ import annotations

import pytest

from harness.host.paths import ROOT

TEXT = (ROOT / "docs/guests.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [file.stem for file in sorted((ROOT / "scenarios/guest").glob("*.yaml"))])
def test_shipped_scenario_is_described(name: str) -> None:
    assert f"`{name}`" in TEXT or f"`{name}[" in TEXT
