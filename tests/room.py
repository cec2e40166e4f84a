# SPDX-License-Identifier: GPL-2.0-only
"""How much of the disk was free while the tests ran: tests that fail for want of it say so only here."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.host.disk import free_bytes

LEAST: dict[str, int] = {}


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Remember the test after which the least was free."""
    free = free_bytes(Path())
    if free < min(LEAST.values(), default=free + 1):
        LEAST.clear()
        LEAST[nodeid] = free


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line at the end."""
    for nodeid, free in LEAST.items():
        terminalreporter.write_line(
            f"disk: {free >> 20} MiB free after {nodeid}, the least; {free_bytes(Path()) >> 20} MiB now"
        )
