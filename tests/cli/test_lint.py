"""``nvh lint``: rules are listed and explained, recordings made from a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.lint import all_rules
from harness.cli.main import main
from tests.corpus.test_rules import CELL, TEXT, ran, seen


def test_rules_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--rules"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(all_rules())
    assert main(["lint", "--explain", "NVH024"]) == 0
    assert "cannot fail" in capsys.readouterr().out
    assert main(["lint", "--explain", "nvh024"]) == 2
    assert "did you mean 'NVH024'?" in capsys.readouterr().err


def test_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(TEXT)
    assert main(["lint", str(scenario)]) == 1
    assert "NVH020" in capsys.readouterr().out
    ran(tmp_path, scenario, CELL, seen())
    assert main(["lint", "--record", str(tmp_path)]) == 0
    assert "2 events in" in capsys.readouterr().out
    assert main(["lint", str(scenario)]) == 0
    assert main(["lint", "--record", str(tmp_path / "nowhere")]) == 2
