# SPDX-License-Identifier: GPL-2.0-only
"""Examples of help texts and pages on the machine, one after the other, as a reader types them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from harness.host.paths import ROOT
from tests.examples import MACHINE, PLACEHOLDERS, words_of, workspace
from tests.real.conftest import needs_mutants

MUTANTS = re.compile(r"--mutant|^coverage")
"""What needs the kernel with the faults, and what looks at a run of it."""


def typed(command: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Execute an example in ``place``; a run that it only stands for is the last one there."""
    words = [PLACEHOLDERS.sub("runs/latest", word).replace("/tmp/", "") for word in words_of(command)]
    return subprocess.run(
        [sys.executable, "-P", "-m", "harness", *words],
        cwd=place,
        env={**os.environ, "NVH_RUNS": str(place / "runs"), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )


def run_all(place: Path, mutants: bool) -> None:
    for command, status in MACHINE:
        if (MUTANTS.search(command) is not None) is mutants:
            done = typed(command, place)
            assert done.returncode == status, f"./nvh {command}: {done.stdout[-2000:]}"
            assert done.stdout or " --out " in command or command.startswith("lint "), command


def test_the_examples_do_what_they_say(tmp_path: Path) -> None:
    place = workspace(tmp_path)
    run_all(place, mutants=False)
    for name in ("tlbi-el2.html", "tlbi-el2.pftrace", "diff.html"):
        assert (place / name).stat().st_size > 1000


def test_examples_with_an_injected_fault_are_red(tmp_path: Path) -> None:
    needs_mutants()
    run_all(workspace(tmp_path), mutants=True)
