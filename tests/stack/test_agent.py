# SPDX-License-Identifier: GPL-2.0-only
"""Commands through the harness's client and real nvh-agents: results, deadlines, and every way to end."""

from __future__ import annotations

import random
import signal
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.errors import InfraError
from harness.level import Level
from harness.stack.agent import Agent
from harness.stack.level_command import ChannelClosed, Completed
from harness.stack.link import SocketLink
from harness.stack.wire import Frame, Type
from tests.processes import running
from tests.stack.conftest import Chain

DEADLINE_S = 20.0


def gone(marker: str) -> bool:
    end = time.monotonic() + 5
    while running(marker) and time.monotonic() < end:
        time.sleep(0.02)
    return not running(marker)


@pytest.mark.parametrize("level", list(Level))
def test_status_and_streams_are_apart(agent: Agent, level: Level) -> None:
    assert agent.wait_ready(level, DEADLINE_S)
    done = agent.run(level, "echo out; echo err >&2; exit 3", DEADLINE_S)
    assert done == Completed(3, b"out\n", b"err\n")
    assert done.text == "out\n"


def test_signal_that_ended_a_command(agent: Agent) -> None:
    assert agent.run(Level.L0, "kill -USR1 $$", DEADLINE_S).status == 256 + signal.SIGUSR1


@pytest.mark.parametrize("level", [Level.L0, Level.L2])
def test_stdin_and_a_mebibyte_both_ways(agent: Agent, level: Level) -> None:
    assert agent.wait_ready(level, DEADLINE_S)
    data = random.Random(1).randbytes((1 << 20) + 13)
    assert agent.run(level, "cat", DEADLINE_S, data).stdout == data


def test_deadline_kills_the_command(agent: Agent) -> None:
    with pytest.raises(TimeoutError, match="at l0 still runs after 0 s"):
        agent.run(Level.L0, "sleep 86451 & sleep 86452", 0.3)
    assert gone("86451")
    assert gone("86452")
    assert agent.run(Level.L0, "echo on", DEADLINE_S).stdout == b"on\n"


def test_output_so_far_of_a_running_command(agent: Agent) -> None:
    process = agent.start(Level.L0, "echo first; read -r line; echo $line")
    end = time.monotonic() + DEADLINE_S
    while process.snapshot().stdout != b"first\n":
        assert time.monotonic() < end
        time.sleep(0.01)
    assert process.running
    assert process.snapshot().status == -1
    process.send(b"second\n")
    assert process.wait(DEADLINE_S) == Completed(0, b"first\nsecond\n", b"")
    assert process.wait(0) == process.snapshot()


def test_concurrent_commands_do_not_mix(agent: Agent) -> None:
    def one(number: int) -> Completed:
        level = Level(number % 3)
        return agent.run(level, f"for i in $(seq 200); do echo {number}; done; exit {number}", DEADLINE_S)

    for level in Level:
        assert agent.wait_ready(level, DEADLINE_S)
    with ThreadPoolExecutor(12) as pool:
        for number, done in enumerate(pool.map(one, range(36))):
            assert done == Completed(number, f"{number}\n".encode() * 200, b"")


def test_level_that_is_not_there(chain: Chain) -> None:
    assert chain.agent.wait_ready(Level.L1, DEADLINE_S)
    chain.processes[1].kill()
    chain.processes[1].wait()
    with pytest.raises(InfraError, match="the agent at l2 refused 'true'"):
        chain.agent.run(Level.L2, "true", DEADLINE_S)
    began = time.monotonic()
    assert not chain.agent.wait_ready(Level.L1, 1.0)
    assert time.monotonic() - began < 3
    assert chain.agent.run(Level.L0, "echo on", DEADLINE_S).stdout == b"on\n"


def test_channel_that_closes_in_mid_command(chain: Chain) -> None:
    process = chain.agent.start(Level.L0, "sleep 86453")
    threading.Timer(0.3, chain.processes[0].kill).start()
    began = time.monotonic()
    with pytest.raises(ChannelClosed, match=r"the machine closed the link|the link to L0's agent failed"):
        process.wait(DEADLINE_S)
    assert time.monotonic() - began < 5
    assert not process.running
    with pytest.raises(ChannelClosed):
        chain.agent.run(Level.L0, "true", 1)
    with pytest.raises(ChannelClosed):
        chain.agent.ping(Level.L0, 1)
    with pytest.raises(ChannelClosed):
        chain.agent.wait_ready(Level.L0, 1)


def test_clocks(agent: Agent) -> None:
    before = time.monotonic_ns()
    pong = agent.ping(Level.L0, DEADLINE_S)
    assert before < pong.monotonic_ns < time.monotonic_ns()


def test_sink_takes_output_and_may_go_away(agent: Agent) -> None:
    """A reader that dies with its sink would leave every other command without an answer."""
    ours, theirs = socket.socketpair()
    process = agent.start(Level.L0, "echo one; read -r x; echo two", sink=ours.sendall)
    assert theirs.recv(100) == b"one\n"
    ours.close()
    theirs.close()
    process.send(b"\n")
    assert process.wait(DEADLINE_S) == Completed(0, b"", b"")
    assert agent.run(Level.L0, "echo on", DEADLINE_S).stdout == b"on\n"


def test_rubbish_from_the_machine_harms_nothing() -> None:
    ours, machine = socket.socketpair()
    agent = Agent(SocketLink(ours))
    process = agent.start(Level.L0, "x")
    machine.sendall(b"rubbish" + Frame(9, Type.HELLO, 0, b"\xff").encode())
    machine.sendall(Frame(0, Type.EXIT, 1, b"").encode() + Frame(0, 99, 1, b"?").encode())
    machine.sendall(Frame(0, Type.PONG, 1, b"short").encode())
    machine.sendall(Frame(0, Type.STDOUT, 1, b"out").encode() + Frame(0, Type.EXIT, 7, b"\0" * 4).encode())
    machine.sendall(Frame(0, Type.EXIT, 1, struct.pack("<i", 258)).encode())
    assert process.wait(5) == Completed(258, b"out", b"")
    agent.close()
    machine.close()


def test_finished_commands_are_forgotten(agent: Agent) -> None:
    for _ in range(20):
        agent.run(Level.L0, "true", DEADLINE_S)
    with pytest.raises(TimeoutError):
        agent.run(Level.L0, "sleep 86454", 0.1)
    assert gone("86454")
    end = time.monotonic() + 5
    while agent._processes and time.monotonic() < end:
        time.sleep(0.02)
    assert agent._processes == {}
