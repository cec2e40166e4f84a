# SPDX-License-Identifier: GPL-2.0-only
"""What surrounds the code: version, changelog, metadata, locks, and schema comments."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import jsonschema
import pytest

import harness
import harness.__main__
from harness.document.yaml_reader import read
from harness.host.paths import ROOT, SCENARIOS
from harness.scenario.editor_schema import PUBLISHED, text

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = {"base": (), "nightly": ("nightly",), "dev": ("nightly", "test", "lint")}
SCHEMA = re.compile(r"^# yaml-language-server: \$schema=(\S+)$", re.M)


def name_of(requirement: str) -> str:
    return re.split(r"[<>=!~ ;\[]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def test_changelog_begins_with_what_is_unreleased_then_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[:2] == ["Unreleased", harness.__version__]
    numbers = [tuple(map(int, each.split("."))) for each in headings[1:]]
    assert numbers == sorted(numbers, reverse=True)


def test_version_and_licence_are_said_once() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "harness.__version__"}
    assert PROJECT["project"]["license"] == {"text": "GPL-2.0-only"}
    assert "Version 2, June 1991" in (ROOT / "LICENSE").read_text()


def test_metadata_of_the_wheel() -> None:
    """The entry point leads to a function, the mark for types is there, and so is all data."""
    assert PROJECT["project"]["scripts"] == {"nvh": "harness.__main__:run"}
    assert callable(harness.__main__.run)
    data = PROJECT["tool"]["setuptools"]["package-data"]
    shipped = {path for name, globs in data.items() for each in globs for path in _in(name).glob(each)}
    others = {
        path
        for path in (ROOT / "harness").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and "share" not in path.parts
    }
    assert shipped == others


def _in(package: str) -> Path:
    return ROOT.joinpath(*package.split("."))


@pytest.mark.parametrize("profile", EXTRAS)
def test_lock_has_what_the_project_needs_with_hashes_and_names_no_host(profile: str) -> None:
    text = (ROOT / f"locks/{profile}.txt").read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", text, re.M))
    pinned = {name_of(each) for each in pinned}
    wanted = list(PROJECT["project"]["dependencies"])
    for extra in EXTRAS[profile]:
        wanted += PROJECT["project"]["optional-dependencies"][extra]
    assert {name_of(each) for each in wanted} <= pinned
    entries = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.M)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|index-url|find-links", text)


def test_locks_agree_with_each_other() -> None:
    def lines(profile: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / f"locks/{profile}.txt").read_text(), re.M))

    assert lines("base") < lines("nightly") < lines("dev")


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*/*.yaml")), ids=lambda path: path.stem)
def test_scenario_names_the_schema_for_editors(path: Path) -> None:
    (target,) = SCHEMA.findall(path.read_text())
    assert (path.parent / target).resolve() == PUBLISHED


def test_the_published_schema_says_yes_and_no() -> None:
    """An editor sees the schema alone, without the loader."""
    schema = json.loads(PUBLISHED.read_text())
    check = jsonschema.Draft202012Validator(schema)
    for path in SCENARIOS.glob("*/*.yaml"):
        assert not list(check.iter_errors(read(path).plain())), path
    assert list(check.iter_errors({"scenario": "Bad Name", "summary": "s", "steps": [], "expect": []}))
    good = read(SCENARIOS / "tlbi/tlbi-el2.yaml").plain()
    for wrong in ({"tiemout": 5}, {"timeout": "long"}, {"steps": "boot"}, {"stack": {"timing": 7}}):
        assert list(check.iter_errors({**good, **wrong})), wrong
    assert not list(check.iter_errors({**good, "timeout": "${seconds}"}))


def test_the_published_schema_is_that_of_the_loader() -> None:
    assert PUBLISHED.read_text() == text(), "run python -m harness.scenario.editor_schema"


def test_shell_of_the_bootstrap_and_of_ci_parses() -> None:
    for script in ("nvh", "locks/update", ".ci/run"):
        assert os.access(ROOT / script, os.X_OK)
        subprocess.run(["sh", "-n", ROOT / script], check=True)
