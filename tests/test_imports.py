# SPDX-License-Identifier: GPL-2.0-only
"""The import contract (.importlinter) holds and breaks where it should; each class has a name of its own."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.where import ROOT


def contract(root: Path) -> subprocess.CompletedProcess[str]:
    words = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, timeout=120)


def test_the_contract_holds() -> None:
    done = contract(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line", "says"),
    [
        (
            "attempt/execute.py",
            "import harness.runner.run",
            "harness.attempt is not allowed to import harness.runner",
        ),
        (
            "stack/wire.py",
            "import harness.trace.event",
            "harness.stack is not allowed to import harness.trace",
        ),
        ("verdict.py", "def late():\n    import harness.stack.stack", "harness.verdict is not allowed"),
        ("trace/event.py", "import harness.trace.decode", "No cycles are allowed in harness.trace"),
        ("novelty.py", "", "novelty"),
    ],
)
def test_what_breaks_it(tmp_path: Path, file: str, line: str, says: str) -> None:
    shutil.copytree(
        ROOT / "harness", tmp_path / "harness", ignore=shutil.ignore_patterns("__pycache__", "share")
    )
    shutil.copy2(ROOT / ".importlinter", tmp_path)
    with (tmp_path / "harness" / file).open("a") as stream:
        stream.write(f"\n{line}\n")
    done = contract(tmp_path)
    assert done.returncode == 1
    assert says in done.stdout + done.stderr


def test_the_document_is_the_picture_of_the_contract() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    floors = [
        set(line.split(" | "))
        for line in parser["importlinter:contract:floors"]["layers"].split("\n")
        if line
    ]
    text = (ROOT / "docs/architecture.md").read_text()
    drawn = text.partition("\n    cli\n")[2].partition("\n\n|")[0]
    assert [set(line.split()) for line in f"cli\n{drawn}".splitlines()] == floors
    named = {
        each.split("/")[0]
        for row in re.findall(r"^\| (`.*?) \|", text, re.M)
        for each in re.findall("`(.*?)`", row)
    }
    below = {"inspect", "replay", "stopped"}  # of reproduce
    assert named - below == set.union(*floors)


def repeated(root: Path) -> dict[str, list[str]]:
    """The names that several classes below ``root`` have at the top of their modules, and those modules."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(str(path.relative_to(root)))
    return {name: modules for name, modules in found.items() if len(modules) > 1}


def test_every_class_has_a_name_of_its_own(tmp_path: Path) -> None:
    assert repeated(ROOT / "harness") == {}
    (tmp_path / "one.py").write_text("class Outcome: ...\nclass Fate: ...\n")
    (tmp_path / "two.py").write_text("class Outcome: ...\n")
    assert repeated(tmp_path) == {"Outcome": ["one.py", "two.py"]}
