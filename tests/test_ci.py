# SPDX-License-Identifier: GPL-2.0-only
"""With CI=true a skip for want of a program is a failure; one for another kind of machine is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.host.paths import ROOT
from tests.ci import package_of

SKIPS = """\
import pytest
from tests.ci import ELSEWHERE, want

def test_wants(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    want("gdb-multiarch")

@pytest.mark.skipif(True, reason="chromium is not installed")
def test_marked():
    pass

def test_elsewhere():
    pytest.skip(f"{ELSEWHERE}it has no second user")

@pytest.mark.xfail(reason="known")
def test_known():
    assert False

@pytest.fixture
def slurm():
    pytest.skip("slurmctld is needed")

def test_fixture(slurm):
    pass
"""
MODULE = "import pytest\npytest.importorskip('no_such_module')\n"
PROGRAMS = re.compile(r"want\(\"([^\"]+)\"\)")
MARKED = {"chromium", "slurmctld", "slurmd", "sbatch", "munged"}
"""What tests skip for by a mark or a fixture of their own."""


def run(tmp_path: Path, ci: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_skips.py").write_text(SKIPS)
    (tmp_path / "test_module.py").write_text(MODULE)
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.ci",
        "-p",
        "no:cacheprovider",
        "-q",
        "-rsfE",
        "--continue-on-collection-errors",
        "-c",
        "/dev/null",
    ]
    return subprocess.run(
        [*words, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_skip_is_a_failure_in_ci(tmp_path: Path) -> None:
    """A missing program, a mark, a fixture, a whole module."""
    done = run(tmp_path, "true")
    assert done.returncode != 0
    assert "gdb-multiarch is missing; install the package gdb-multiarch" in done.stdout
    assert re.search(r"1 failed, 1 skipped, 1 xfailed, 3 errors", done.stdout), done.stdout
    assert "no_such_module" in done.stdout


def test_on_a_developers_machine_it_is_a_skip(tmp_path: Path) -> None:
    done = run(tmp_path, "")
    assert done.returncode == 0
    assert "5 skipped, 1 xfailed" in done.stdout


def test_every_program_that_tests_skip_for_is_installed() -> None:
    """A new one is a row of images/system-packages.txt."""
    texts = [path.read_text() for path in (ROOT / "tests").rglob("*.py") if path.name != "test_ci.py"]
    wanted = {name for text in texts for name in PROGRAMS.findall(text)}
    assert {"gdb-multiarch", "zstd"} <= wanted
    for program in sorted(wanted | MARKED):
        assert package_of(program)
    with pytest.raises(LookupError, match="nothing installs it"):
        package_of("no-such-program")
