# SPDX-License-Identifier: GPL-2.0-only
"""Two and three agents in a chain over real sockets, as L0, L1 and L2 are."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

from harness.stack.wire import Type
from tests.payloads.conftest import DEADLINE_S, Client, Start, connect

MIB = 1 << 20


def listens(path: Path) -> bool:
    """Whether somebody accepts connections there: the socket is there before (its flags, unix(7))."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return any(line.split()[3] == "00010000" and line.endswith(f" {path}") for line in lines[1:])


@pytest.fixture
def chain(start: Start, tmp_path: Path) -> tuple[Client, list[subprocess.Popen[bytes]]]:
    """A client of the first of three agents; agent n listens at ``n.sock``."""
    agents = []
    for level in range(3):
        socket_path, next_path = tmp_path / f"{level}.sock", tmp_path / f"{level + 1}.sock"
        agents.append(start("--socket", str(socket_path), "--next", str(next_path), "--level", f"l{level}"))
    end = time.monotonic() + DEADLINE_S
    while not all(listens(tmp_path / f"{level}.sock") for level in range(3)):
        assert time.monotonic() < end, "an agent does not listen"
        time.sleep(0.02)
    connection = connect(tmp_path / "0.sock")
    fd = os.dup(connection.fileno())
    connection.close()
    return Client(fd, fd), agents


Chain = tuple[Client, list["subprocess.Popen[bytes]"]]


@pytest.mark.parametrize("hop", [0, 1, 2])
def test_every_level_answers_with_its_hop(chain: Chain, hop: int) -> None:
    client, agents = chain
    assert client.run("echo $PPID", 5, hop) == (0, f"{agents[hop].pid}\n".encode(), b"")
    assert client.frame(Type.HELLO, hop=hop).payload == f"nvh-agent 1 l{hop}\n".encode()


def test_binary_both_ways_over_two_hops(chain: Chain) -> None:
    client, _ = chain
    data = random.Random(3).randbytes(2 * MIB)
    assert client.run("cat", 6, 2, data) == (0, data, b"")


def test_signal_over_two_hops(chain: Chain) -> None:
    client, _ = chain
    client.send(Type.EXEC, 7, b"echo up; exec sleep 97540", 2)
    client.frame(Type.STDOUT, 7, 2)
    client.kill(7, signal.SIGINT, 2)
    assert client.result(7, 2)[0] == 256 + signal.SIGINT


def test_levels_work_at_the_same_time(chain: Chain) -> None:
    client, _ = chain
    for hop in (0, 1, 2):
        client.send(Type.EXEC, 10 + hop, b"head -c 1000000 /dev/zero | tr '\\0' x", hop)
    for hop in (2, 0, 1):
        assert client.result(10 + hop, hop) == (0, b"x" * 1_000_000, b"")


def test_running_command_ends_with_an_error_when_its_level_dies(chain: Chain) -> None:
    client, agents = chain
    client.send(Type.EXEC, 8, b"echo up; exec sleep 97541", 1)
    client.frame(Type.STDOUT, 8, 1)
    agents[1].terminate()
    agents[1].wait(10)
    assert b"chan=8 type=1: next level went away" in client.frame(Type.ERROR, 8).payload
    assert client.run("echo still here", 9) == (0, b"still here\n", b"")


def test_level_that_comes_back_says_hello(chain: Chain, start: Start, tmp_path: Path) -> None:
    client, agents = chain
    client.run("true", 1, 1)
    client.frame(Type.HELLO, hop=1)
    agents[1].terminate()
    agents[1].wait(10)
    start("--socket", str(tmp_path / "1.sock"), "--next", str(tmp_path / "2.sock"), "--level", "again")
    assert client.frame(Type.HELLO, hop=1).payload == b"nvh-agent 1 again\n"
    assert client.run("echo back", 2, 1) == (0, b"back\n", b"")


def test_rubbish_from_below_is_skipped(start: Start, tmp_path: Path) -> None:
    """The next level's socket carries noise (a boot loader, a half frame) before its agent speaks."""
    import socket

    from harness.stack.wire import Frame

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "below.sock"))
        server.listen(1)
        process = start("--stdio", "--next", str(tmp_path / "below.sock"))
        assert process.stdin
        assert process.stdout
        client = Client(process.stdout.fileno(), process.stdin.fileno())
        client.send(Type.PING, 4, b"", 1)
        below, _ = server.accept()
        with below:
            pong = Frame(0, Type.PONG, 4, struct.pack("<QQ", 1, 2)).encode()
            below.sendall(b"noise" + pong[:7] + b"more noise" + pong)
            assert client.frame(Type.PONG, 4, hop=1).payload == struct.pack("<QQ", 1, 2)
            assert b"22 bytes skipped" in client.frame(Type.ERROR).payload


def test_new_reader_gets_whole_frames_and_running_commands_go_on(start: Start, tmp_path: Path) -> None:
    """A restored snapshot has a new reader: it must not start in the middle of a frame."""
    path = tmp_path / "agent.sock"
    start("--socket", str(path))
    first = connect(path)
    one = Client(first.fileno(), first.fileno())
    one.send(Type.EXEC, 1, b"head -c 4000000 /dev/zero; read x; exit 9")
    one.frame(Type.STDOUT, 1)
    first.close()
    with connect(path) as second:
        two = Client(second.fileno(), second.fileno())
        two.frame(Type.HELLO)
        two.send(Type.STDIN, 1, b"\n")
        assert two.result(1)[0] == 9
        assert two._decoder.skipped == 0
