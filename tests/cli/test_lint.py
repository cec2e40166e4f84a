# SPDX-License-Identifier: GPL-2.0-only
"""``nvh lint``: rules are listed and explained, recordings made from a run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.cli.lint import TOOLS, all_rules, changed_c
from harness.cli.main import main
from harness.host.paths import ROOT
from tests.check.corpus.test_rules import CELL, TEXT, ran, seen


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


def test_changed_lines_of_c_are_checked_and_others_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=tmp_path, check=True)

    git("init", "-q")
    shutil.copy2(ROOT / ".clang-format", tmp_path)
    source = tmp_path / "a.c"
    old = "int  odd( void ) { return 1; }\n\n"
    source.write_text(old)
    git("add", ".")
    git("commit", "-q", "-m", "as it was")
    assert changed_c(tmp_path) == 0
    source.write_text(old + "int good(void)\n{\n\treturn 2;\n}\n")
    assert changed_c(tmp_path) == 0, capsys.readouterr().out
    source.write_text(old + "int bad(void) {\n  return 2;\n}\n")
    assert changed_c(tmp_path) == 1
    shown = capsys.readouterr().out
    assert "-int bad(void) {" in shown
    assert "odd" not in [line for line in shown.splitlines() if line.startswith("-")]


def test_yaml_of_the_project_is_clean_and_a_bad_file_is_not(tmp_path: Path) -> None:
    def yamllint(path: Path) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "yamllint", "--strict", "-c", str(ROOT / ".yamllint"), str(path)]
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)

    for folder in ("scenarios", "images", "harness"):
        done = yamllint(Path(folder))
        assert done.returncode == 0, done.stdout
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\nb: [ 1 ]  \n")
    found = yamllint(tmp_path / "bad.yaml").stdout
    assert "duplication of key" in found
    assert "trailing spaces" in found


def test_hooks_run_what_lint_runs_and_fetch_nothing() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [each["repo"] for each in hooks] == ["local"]
    entries = " ".join(hook["entry"] for hook in hooks[0]["hooks"])
    for tool in (*(words[0] for words in TOOLS), "git-clang-format", "harness lint"):
        assert tool in entries
    for hook in hooks[0]["hooks"]:
        assert hook["language"] == "system"
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/")
        assert (Path(sys.executable).parent / Path(program).name).exists()
