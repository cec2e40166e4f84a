# SPDX-License-Identifier: GPL-2.0-only
"""What several packages' tests share: the agent, built for this machine by the payloads' own Makefile."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.host.paths import IMAGES
from tests.ci import pytest_make_collect_report, pytest_runtest_makereport
from tests.room import pytest_runtest_logfinish, pytest_terminal_summary

__all__ = [
    "pytest_make_collect_report",
    "pytest_runtest_logfinish",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
]

PAYLOADS = IMAGES / "payloads"


def make(out: Path, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run the payloads' own Makefile into ``out``."""
    words = [f"{name}={value}" for name, value in variables.items()]
    return subprocess.run(
        ["make", "-j2", "-C", str(PAYLOADS), f"O={out}", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def need(program: str, package: str) -> None:
    """Fail, not skip: a machine without the compiler tests nothing."""
    if not shutil.which(program):
        pytest.fail(f"{program} is missing; install the package {package}")


@pytest.fixture(scope="session")
def agent_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("gcc", "gcc")
    need("make", "make")
    out = tmp_path_factory.mktemp("agent")
    built = make(out, CROSS_COMPILE="")
    assert built.returncode == 0, built.stderr
    return out / "nvh-agent"
