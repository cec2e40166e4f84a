# SPDX-License-Identifier: GPL-2.0-only
"""The wheel, in an empty environment and an empty directory: it lists, lints and explains."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from harness import __version__
from harness.cli.parser import VERBS
from harness.host.paths import ROOT

pytestmark = pytest.mark.real
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "runs", "*.egg-info", "__pycache__", ".*_cache")
DEADLINE_S = 600


def pip(python: Path | str, *words: object) -> None:
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    # With the checkout on its path pip takes what it is to install for installed.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ``wheels``, the environment ``venv`` that has the wheel, and ``empty``."""
    place = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, place / "source", ignore=LEFT_OUT)
    shutil.rmtree(place / "source/build", ignore_errors=True)  # what an earlier wheel left
    pip(sys.executable, "wheel", "--no-deps", "-w", place / "wheels", place / "source")
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True, timeout=DEADLINE_S)
    python = place / "venv/bin/python"
    pip(python, "install", "--require-hashes", "-r", ROOT / "locks/base.txt")
    pip(python, "install", "--no-deps", *(place / "wheels").glob("*.whl"))
    shutil.rmtree(place / "source")
    (place / "empty").mkdir()
    return place


def nvh(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed program; nothing of the checkout is on its path."""
    left_out = ("PYTHONPATH", "NVH_RUNS", "NVH_CACHE")
    variables = {name: value for name, value in os.environ.items() if name not in left_out}
    return subprocess.run(
        [place / "venv/bin/nvh", *words],
        cwd=place / "empty",
        env={**variables, "XDG_CACHE_HOME": str(place / "cache"), "NVH_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_it_carries_what_it_runs_on(place: Path) -> None:
    (wheel,) = (place / "wheels").glob("*.whl")
    assert wheel.name == f"nvh-{__version__}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("images", "scenarios"):
        tracked = subprocess.run(
            ["git", "-C", ROOT, "ls-files", folder], capture_output=True, text=True, check=True
        ).stdout.split()
        assert tracked
        assert {f"harness/share/{path}" for path in tracked} <= names
    assert {"harness/share/quarantine.yaml", "harness/py.typed"} <= names
    assert not [name for name in names if name.startswith(("tests", "bench"))]


def test_version_and_help(place: Path) -> None:
    assert nvh(place, "--version").stdout.startswith(f"nvh {__version__}, Python ")
    done = nvh(place, "run", "--help")
    assert "./nvh" not in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_help_needs_no_optional_package(place: Path, verb: str) -> None:
    done = nvh(place, verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_it_lists_the_cells_of_the_checkout(place: Path) -> None:
    here = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    done = nvh(place, "run", "--list")
    assert done.returncode == 0, done.stderr
    assert done.stdout == here.stdout


def test_it_lints_scenarios_and_a_broken_one(place: Path) -> None:
    done = nvh(place, "lint")
    assert (done.returncode, done.stdout) == (0, "== scenarios\n"), done.stdout + done.stderr
    broken = place / "empty/broken.yaml"
    broken.write_text("scenario: broken\nsummary: x\nsteps: []\nexpect: []\n")
    done = nvh(place, "lint", "broken.yaml")
    broken.unlink()
    assert done.returncode == 2
    assert "broken.yaml:3:8: an empty list" in done.stderr


def test_it_says_what_only_a_checkout_has(place: Path) -> None:
    done = nvh(place, "test")
    assert done.returncode == 2
    assert done.stderr == "nvh: an installed nvh has no tests; use the script nvh in a checkout\n"


def test_the_schema_that_its_scenarios_name_is_there(place: Path) -> None:
    (share,) = place.glob("venv/lib/python3*/site-packages/harness/share")
    scenario = share / "scenarios/boot/three-levels.yaml"
    line = next(each for each in scenario.read_text().splitlines() if "$schema=" in each)
    assert (scenario.parent / line.partition("$schema=")[2]).is_file()


def test_runs_go_to_the_current_directory(place: Path) -> None:
    done = nvh(place, "show")
    assert done.returncode == 2
    assert f"{place / 'empty/runs'}: no run yet; start one with: nvh run" in done.stderr
