# SPDX-License-Identifier: GPL-2.0-only
"""A console over a socket: everything is kept, patterns are found, and the end of either side is seen."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.machine.console import Console

Pair = tuple[Console, socket.socket, Path]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    log = tmp_path / "l9.console.log"
    console = Console(ours, log)
    yield console, theirs, log
    theirs.close()
    console.close()


def test_pattern_that_comes_in_parts(pair: Pair) -> None:
    console, device, _ = pair
    device.sendall(b"boot\nlog")
    timer = threading.Timer(0.2, device.sendall, [b"in: "])
    timer.start()
    match = console.wait_for(r"^(log)in: $", 5)
    assert match
    assert match[1] == "log"
    assert console.wait_for("^boot$", 0.1, start=match.end()) is None


def test_time_runs_out(pair: Pair) -> None:
    console, device, _ = pair
    device.sendall(b"something else")
    began = time.monotonic()
    assert console.wait_for("login", 0.3) is None
    assert 0.25 < time.monotonic() - began < 2


def test_waiting_ends_when_the_other_side_closes(pair: Pair) -> None:
    console, device, _ = pair
    threading.Timer(0.2, device.close).start()
    began = time.monotonic()
    assert console.wait_for("login", 30) is None
    assert time.monotonic() - began < 5


def test_log_is_byte_for_byte_and_text_survives_split_characters(pair: Pair) -> None:
    console, device, log = pair
    for byte in "é\r\n".encode() + b"\xff\0|":
        device.sendall(bytes([byte]))
        time.sleep(0.01)
    assert console.wait_for(r"\|", 5)
    assert console.text == "é\r\n\ufffd\0|"
    assert log.read_bytes() == "é\r\n".encode() + b"\xff\0|"


def test_last_words_of_a_machine_that_ended_are_kept(tmp_path: Path) -> None:
    """Closing at once after the other side wrote and went away loses nothing."""
    for number in range(20):
        ours, theirs = socket.socketpair()
        log = tmp_path / f"{number}.log"
        console = Console(ours, log)
        theirs.sendall(b"Kernel panic - not syncing" + b"x" * 100_000)
        theirs.close()
        console.close()
        assert len(log.read_bytes()) == 100_026
        assert len(console.text) == 100_026


def test_typing_and_silence(pair: Pair) -> None:
    console, device, _ = pair
    console.send("ls\n")
    assert device.recv(100) == b"ls\n"
    device.sendall(b"x")
    assert console.wait_for("x", 5)
    assert console.silence_s < 1
    time.sleep(0.3)
    assert console.silence_s > 0.25


def test_close_with_a_silent_living_device_is_quick(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    console = Console(ours, tmp_path / "log")
    began = time.monotonic()
    console.close()
    assert time.monotonic() - began < 2
    theirs.close()
