# SPDX-License-Identifier: GPL-2.0-only
"""Turns over real FIFOs with a real agent: who waits for whom, and what ends it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.level import Level
from harness.stack import agent
from harness.stack.agent import Agent
from harness.stack.level_command import ChannelClosed
from harness.stack.link import TurnLink

DEADLINE_S = 20.0
SEED = b"0123456789abcdef"


@dataclass
class Turns:
    agent: Agent
    process: subprocess.Popen[bytes]
    directory: Path


@pytest.fixture
def turns(agent_binary: Path, tmp_path: Path) -> Iterator[Turns]:
    link = TurnLink(tmp_path)
    words: list[str | Path] = [
        agent_binary,
        "--turns",
        tmp_path,
        "--next",
        tmp_path / "none",
        "--level",
        "l0",
    ]
    process = subprocess.Popen(words)
    agent = Agent(link)
    yield Turns(agent, process, tmp_path)
    process.kill()
    process.wait()
    with contextlib.suppress(Exception):
        agent.close()


def test_commands_and_pings(turns: Turns) -> None:
    assert turns.agent.wait_ready(Level.L0, DEADLINE_S)
    done = turns.agent.run(Level.L0, "cat; echo $((6 * 7)); exit 3", DEADLINE_S, b"x" * 200_000)
    assert (done.status, done.stdout, done.stderr) == (3, b"x" * 200_000 + b"42\n", b"")
    first, second = (turns.agent.ping(Level.L0, DEADLINE_S) for _ in range(2))
    assert first.monotonic_ns <= second.monotonic_ns


def test_the_other_end_stands_still_while_nobody_waits(turns: Turns) -> None:
    assert turns.agent.wait_ready(Level.L0, DEADLINE_S)
    before = turns.agent.turns
    time.sleep(0.5)  # five of its ticks
    assert turns.agent.turns <= before + 1
    assert turns.agent.frozen_s == 0 or turns.agent.turns <= before + 1
    with turns.agent.running_freely():
        time.sleep(0.5)
    assert turns.agent.turns >= before + 3
    assert turns.agent.frozen_s > 0.3


def test_frames_and_the_turn_that_brings_them_are_seen_together(turns: Turns) -> None:
    assert turns.agent.wait_ready(Level.L0, DEADLINE_S)
    seen = []
    for _ in range(20):
        process = turns.agent.start(Level.L0, "true")
        process.close_stdin()
        begun = turns.agent.turns
        process.wait(DEADLINE_S)
        seen.append(turns.agent.turns > begun)
    assert all(seen)


def test_an_absent_level_is_refused_and_waited_for_in_turns(turns: Turns) -> None:
    assert not turns.agent.wait_ready(Level.L1, 1.0)
    assert turns.agent.run(Level.L0, "echo on", DEADLINE_S).stdout == b"on\n"


def test_the_watch_can_end_the_wait(turns: Turns) -> None:
    assert turns.agent.wait_ready(Level.L0, DEADLINE_S)
    turns.process.send_signal(19)  # SIGSTOP: it is there and says nothing
    began = time.monotonic()
    assert not turns.agent.wait_ready(Level.L0, 60.0, lambda: False)
    assert time.monotonic() - began < 30, "it waited for the whole deadline"
    turns.process.send_signal(18)


def test_the_watch_is_asked_where_each_ping_is_refused_at_once(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a VMM that lives and a level that never comes: no single wait lasts until a watch is due."""
    monkeypatch.setattr(agent, "WATCH_S", 1.0)
    asked: list[bool] = []

    def watch() -> bool:
        asked.append(True)
        return False

    began = time.monotonic()
    assert not turns.agent.wait_ready(Level.L1, 60.0, watch)
    assert len(asked) == 1
    assert time.monotonic() - began < 30, "it waited for the whole deadline"


def test_resume_reseeds_and_answers(turns: Turns) -> None:
    assert turns.agent.wait_ready(Level.L0, DEADLINE_S)
    assert turns.agent.resume(Level.L0, SEED, DEADLINE_S, lambda: True).monotonic_ns > 0
    turns.agent.tell_resumed(Level.L0, SEED)
    assert turns.agent.run(Level.L0, "echo on", DEADLINE_S).stdout == b"on\n"


def test_the_end_of_the_other_side_is_noticed(turns: Turns) -> None:
    assert turns.agent.wait_ready(Level.L0, DEADLINE_S)
    process = turns.agent.start(Level.L0, "sleep 86454")
    turns.process.kill()
    with pytest.raises(ChannelClosed):
        process.wait(DEADLINE_S)
    with pytest.raises(ChannelClosed):
        turns.agent.ping(Level.L0, 1)


def test_closing_leaves_no_fifo_and_can_be_repeated(turns: Turns) -> None:
    assert turns.agent.wait_ready(Level.L0, DEADLINE_S)
    turns.agent.close()
    turns.agent.close()
    assert list(turns.directory.glob("agent.*")) == []


def test_a_new_harness_is_greeted_like_the_first(turns: Turns) -> None:
    """As after a restore: the descriptors that the agent has lead nowhere."""
    assert turns.agent.wait_ready(Level.L0, DEADLINE_S)
    turns.agent.close()
    second = Agent(TurnLink(turns.directory))
    try:
        assert second.wait_ready(Level.L0, DEADLINE_S)
        assert second.run(Level.L0, "echo again", DEADLINE_S).stdout == b"again\n"
    finally:
        turns.process.kill()
        second.close()
