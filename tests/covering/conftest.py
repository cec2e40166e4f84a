# SPDX-License-Identifier: GPL-2.0-only
"""nvh-litmus for the host, built once: the cases as they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.arch.header import write_headers
from harness.artefacts.payloads import LISTER, SOURCES
from harness.covering.cases import CoveringCase, parse


@pytest.fixture(scope="session")
def lister(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program."""
    if shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.fail("aarch64-linux-gnu-gcc is missing; install gcc-aarch64-linux-gnu")
    work = tmp_path_factory.mktemp("lister")
    write_headers(work)
    command = ["make", "-C", str(SOURCES), f"O={work}", f"GENERATED={work}", f"{work}/{LISTER}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return work / LISTER


@pytest.fixture(scope="session")
def described(lister: Path) -> str:
    """What it says of all cases."""
    return subprocess.run([lister, "--describe"], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def cases(described: str) -> list[CoveringCase]:
    """All cases."""
    return parse(described, "litmus-list")
