# SPDX-License-Identifier: GPL-2.0-only
"""The harness's agent client connected to real agents of this machine, chained as L0, L1 and L2 are."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.stack.agent import Agent
from harness.stack.link import SocketLink


@dataclass
class Chain:
    """``agent`` speaks to the first of ``processes``; each relays to the next."""

    agent: Agent
    processes: list[subprocess.Popen[bytes]]


def connect(path: Path) -> socket.socket:
    """Connect as soon as somebody listens; fails after 10 s."""
    end = time.monotonic() + 10
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            return connection
        except OSError:
            connection.close()
            assert time.monotonic() < end, f"nobody listens at {path}"
            time.sleep(0.02)


@pytest.fixture
def chain(agent_binary: Path, tmp_path: Path) -> Iterator[Chain]:
    processes = []
    for level in range(3):
        words: list[str | Path] = [agent_binary, "--socket", tmp_path / f"{level}"]
        words += ["--next", tmp_path / f"{level + 1}"]
        processes.append(subprocess.Popen([*words, "--level", f"l{level}"]))
    agent = Agent(SocketLink(connect(tmp_path / "0")))
    yield Chain(agent, processes)
    with contextlib.suppress(Exception):
        agent.close()
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def agent(chain: Chain) -> Agent:
    return chain.agent
