# SPDX-License-Identifier: GPL-2.0-only
"""With CI=true a skipped test is a failed one: what nobody looks at must not stop being tested unseen.

A skip is for a developer's machine, which may lack a program. A reason that begins with ``ELSEWHERE`` says
that the test is about another kind of machine, and stays a skip.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator

import pytest

from harness.host.paths import IMAGES

ELSEWHERE = "not for this machine: "
SBIN = ":/usr/sbin:/sbin"


def in_ci() -> bool:
    """Whether the environment says so, as GitHub, GitLab and others do."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def package_of(program: str) -> str:
    """Return the Debian package that images/system-packages.txt has for ``program``; ``LookupError``."""
    for line in (IMAGES / "system-packages.txt").read_text().splitlines():
        words = line.split()
        if words and words[0] == program:
            return words[1]
    raise LookupError(f"images/system-packages.txt has no {program}, so that nothing installs it")


def want(program: str) -> str:
    """Return the path of ``program``; skip where it is missing. Every program is in system-packages.txt."""
    package = package_of(program)
    found = shutil.which(program, path=os.environ.get("PATH", "") + SBIN)
    if found is None:
        pytest.skip(f"{program} is missing; install the package {package}")
    return found


def _judged(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not in_ci() or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(ELSEWHERE):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where everything is to be there: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that was skipped."""
    report = yield
    _judged(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that was skipped as a whole."""
    report = yield
    _judged(report)
    return report
