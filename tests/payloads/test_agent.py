# SPDX-License-Identifier: GPL-2.0-only
"""nvh-agent against its wire protocol: commands, streams, signals, rubbish on the line, bounds."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

from harness.stack.wire import MAX_PAYLOAD, Frame, Type
from tests.payloads.conftest import Client, Start
from tests.processes import running

MIB = 1 << 20


def wait_for(marker: str) -> None:
    end = time.monotonic() + 10
    while not running(marker):
        assert time.monotonic() < end, f"no process has the argument {marker}"
        time.sleep(0.02)


def wait_gone(marker: str) -> None:
    end = time.monotonic() + 10
    while running(marker):
        assert time.monotonic() < end, f"a process with the argument {marker} still runs"
        time.sleep(0.02)


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_hello_names_the_level(client: Client) -> None:
    assert client.frame(Type.HELLO).payload == b"nvh-agent 1 l7\n"


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_exit_status(client: Client, status: int) -> None:
    assert client.run(f"exit {status}") == (status, b"", b"")


def test_streams_are_apart_and_cwd_is_root(client: Client) -> None:
    assert client.run("pwd; echo bad >&2; exit 3") == (3, b"/\n", b"bad\n")


def test_signal_of_the_command_itself(client: Client) -> None:
    assert client.run("kill -USR1 $$")[0] == 256 + signal.SIGUSR1


def test_mebibyte_of_binary_through_stdin(client: Client) -> None:
    data = random.Random(1).randbytes(MIB + 7)
    assert client.run("cat", stdin=data) == (0, data, b"")


def test_stdin_that_is_not_read_is_no_error(client: Client) -> None:
    assert client.run("exit 4", stdin=b"x" * MIB)[0] == 4
    assert client.run("echo on", 2) == (0, b"on\n", b"")


def test_kill_reaches_the_whole_group(client: Client) -> None:
    client.send(Type.EXEC, 1, b"sleep 97531 & sleep 97532 & echo up; wait")
    client.frame(Type.STDOUT, 1)
    wait_for("97531")
    wait_for("97532")
    client.kill(1, signal.SIGTERM)
    assert client.result(1)[0] == 256 + signal.SIGTERM
    wait_gone("97531")
    wait_gone("97532")


def test_kill_right_behind_exec_is_not_lost(client: Client) -> None:
    for channel in range(1, 21):
        client.write(
            Frame(0, Type.EXEC, channel, b"exec sleep 97533").encode()
            + Frame(0, Type.KILL, channel, struct.pack("<I", signal.SIGKILL)).encode()
        )
        assert client.result(channel)[0] == 256 + signal.SIGKILL


def test_kill_of_an_unknown_channel_is_ignored(client: Client) -> None:
    client.kill(99, signal.SIGKILL)
    assert client.run("echo fine") == (0, b"fine\n", b"")


def test_commands_run_at_the_same_time(client: Client) -> None:
    channels = range(1, 101)
    for channel in channels:
        client.send(Type.EXEC, channel, f"read x; echo $x-{channel}; exit {channel}".encode())
    for channel in channels:
        client.send(Type.STDIN, channel, b"v\n")
    for channel in reversed(channels):
        assert client.result(channel) == (channel, f"v-{channel}\n".encode(), b"")


def test_background_grandchild_does_not_hold_the_exit_back(client: Client) -> None:
    begun = time.monotonic()
    assert client.run("sleep 97534 & echo out; exit 5") == (5, b"out\n", b"")
    assert 0.9 < time.monotonic() - begun < 8
    client.run("pkill -f '^sleep 97534$'", 2)
    wait_gone("97534")


def test_endless_output_of_a_grandchild_does_not_either(client: Client) -> None:
    """The streams are never empty, so an agent that waits for them to drain would wait for ever."""
    status, out, _ = client.run("yes nvh-grandchild & exit 6")
    assert status == 6
    assert out.startswith(b"nvh-grandchild\n")
    wait_gone("nvh-grandchild")  # SIGPIPE: the agent has closed its ends


def test_ping_echoes_and_gives_the_clock(client: Client) -> None:
    before = time.monotonic_ns()
    client.send(Type.PING, 3, b"payload")
    pong = client.frame(Type.PONG, 3)
    monotonic, _ = struct.unpack_from("<QQ", pong.payload)
    assert pong.payload[16:] == b"payload"
    assert before <= monotonic <= time.monotonic_ns()


def test_resynchronises_after_rubbish(client: Client) -> None:
    generator = random.Random(2)
    total = 0
    for channel in range(1, 11):
        rubbish = generator.randbytes(generator.randrange(1, 5000)).replace(b"N", b"n")
        total += len(rubbish)
        client.write(rubbish)
        assert client.run(f"echo {channel}", channel) == (0, f"{channel}\n".encode(), b"")
    told = [f.payload.split() for f in client.frames if f.type == Type.ERROR]
    assert sum(int(next(w for w in words if w.isdigit())) for words in told) == total


def test_frame_with_an_impossible_length_is_rubbish(client: Client) -> None:
    client.write(struct.pack("<IBBHI", 0x4648564E, 0, Type.EXEC, 1, MAX_PAYLOAD + 1))
    assert client.run("echo ok", 2) == (0, b"ok\n", b"")


def test_frames_in_single_bytes(client: Client) -> None:
    for byte in Frame(0, Type.EXEC, 1, b"echo slow").encode():
        client.write(bytes([byte]))
    assert client.result(1) == (0, b"slow\n", b"")


@pytest.mark.parametrize(
    ("kind", "payload", "text"),
    [
        (Type.EXEC, b"a\0b", b"NUL"),
        (200, b"", b"unknown frame type"),
        (Type.PING, b"x" * MAX_PAYLOAD, b"PING"),
    ],
)
def test_odd_frames_give_an_error(client: Client, kind: int, payload: bytes, text: bytes) -> None:
    client.send(kind, 8, payload)
    error = client.frame(Type.ERROR, 8)
    assert text in error.payload
    assert error.payload.startswith(b"chan=8 type=%d:" % kind)
    assert client.run("echo on") == (0, b"on\n", b"")


def test_bad_signal_number_gives_an_error(client: Client) -> None:
    client.send(Type.EXEC, 1, b"cat")
    client.kill(1, 4000)
    assert b"signal" in client.frame(Type.ERROR, 1).payload
    client.send(Type.STDIN, 1)
    assert client.result(1)[0] == 0


def test_second_command_on_a_busy_channel_is_refused(client: Client) -> None:
    client.send(Type.EXEC, 1, b"cat")
    client.send(Type.EXEC, 1, b"echo no")
    assert b"already running" in client.frame(Type.ERROR, 1).payload
    client.send(Type.STDIN, 1)
    assert client.result(1) == (0, b"", b"")


def test_too_many_commands_are_refused_and_the_agent_lives(client: Client) -> None:
    for channel in range(1, 301):
        client.send(Type.EXEC, channel, b"exec cat")
    refused = [client.frame(Type.ERROR).channel for _ in range(300 - 256)]
    assert refused == list(range(257, 301))
    for channel in range(1, 257):
        client.send(Type.STDIN, channel)
    assert {client.result(channel)[0] for channel in range(1, 257)} == {0}


def test_absent_next_level_gives_an_error_per_frame(client: Client) -> None:
    client.send(Type.EXEC, 5, b"true", hop=1)
    client.send(Type.PING, 6, b"", hop=2)
    assert b"chan=5 type=1: next level absent" in client.frame(Type.ERROR, 5).payload
    assert b"chan=6 type=4: next level absent" in client.frame(Type.ERROR, 6).payload


def test_reader_that_stops_keeps_the_agent_small(start: Start) -> None:
    process = start("--stdio")
    assert process.stdin
    assert process.stdout
    client = Client(process.stdout.fileno(), process.stdin.fileno())
    client.send(Type.EXEC, 1, b"head -c 67108864 /dev/zero")
    client.frame(Type.HELLO)
    time.sleep(1.5)  # nobody reads
    assert resident_kib(process.pid) < 8 * 1024
    status, out, _ = client.result(1)
    assert status == 0
    assert out == bytes(64 * MIB)


def test_stdin_that_nobody_reads_keeps_the_agent_small_and_killable(start: Start) -> None:
    process = start("--stdio")
    assert process.stdin
    assert process.stdout
    client = Client(process.stdout.fileno(), process.stdin.fileno())
    client.send(Type.EXEC, 1, b"exec sleep 97535")
    chunk = Frame(0, Type.STDIN, 1, bytes(65536)).encode()
    for _ in range(256):  # 16 MiB: the line is held back until the agent gives the sink up, after 10 s
        client.write(chunk)
    assert b"does not read its stdin" in client.frame(Type.ERROR, 1).payload
    assert resident_kib(process.pid) < 8 * 1024
    client.kill(1, signal.SIGKILL)
    assert client.result(1)[0] == 256 + signal.SIGKILL


@pytest.mark.parametrize("how", ["eof", "term", "hup"])
def test_end_of_the_agent_ends_its_commands(start: Start, how: str) -> None:
    process = start("--stdio")
    assert process.stdin
    assert process.stdout
    client = Client(process.stdout.fileno(), process.stdin.fileno())
    client.send(Type.EXEC, 1, b"sleep 97536 & echo up; sleep 97537")
    client.frame(Type.STDOUT, 1)
    wait_for("97536")
    wait_for("97537")
    if how == "eof":
        process.stdin.close()
    else:
        process.send_signal(signal.SIGTERM if how == "term" else signal.SIGHUP)
    process.wait(10)
    wait_gone("97536")
    wait_gone("97537")


def test_idle_agent_does_not_spin(start: Start) -> None:
    process = start("--stdio")
    assert process.stdin
    assert process.stdout
    client = Client(process.stdout.fileno(), process.stdin.fileno())
    client.run("true")

    def ticks() -> int:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(1.0)
    assert ticks() - before <= os.sysconf("SC_CLK_TCK") // 20


def test_wrong_arguments_are_refused(agent_binary: Path) -> None:
    done = subprocess.run([agent_binary, "--bogus"], capture_output=True, check=False, timeout=10)
    assert done.returncode == 2
    assert b"usage" in done.stderr
