# SPDX-License-Identifier: GPL-2.0-only
"""The scenarios that README.md and docs/language.md show pass on the machine, for whoever copies them."""

from __future__ import annotations

import json
from pathlib import Path

from harness.errors import EXIT_PASS
from tests.docs.test_docs import code_of, scenarios
from tests.real.conftest import nvh

PAGES = ("README.md", "language.md")


def test_the_scenarios_of_the_pages_pass(tmp_path: Path) -> None:
    names = set()
    for page, text in scenarios():
        if page in PAGES:
            place = tmp_path / Path(page).stem
            place.mkdir(exist_ok=True)
            names.add(text.split()[1])
            (place / f"{text.split()[1]}.yaml").write_text(text)
            for name, code in code_of(page).items():
                (place / name).write_text(code)
    assert {"ipas2-explained", "all-expectations", "other-stack", "storm"} <= names
    out = tmp_path / "out"
    status, said = nvh("run", *(str(tmp_path / Path(page).stem) for page in PAGES), "--out", str(out))
    assert status == EXIT_PASS, said
    cells = json.loads((out / "summary.json").read_text())["cells"]
    assert {each["scenario"] for each in cells} == names
    assert {each["verdict"] for each in cells} == {"pass"}
