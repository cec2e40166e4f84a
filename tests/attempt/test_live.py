# SPDX-License-Identifier: GPL-2.0-only
"""What runs print is told while they go on, each line once."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from harness.attempt import live
from harness.attempt.live import LiveOutput
from harness.stack.level_command import Completed


@dataclass
class Talker:
    stdout: bytes = b""
    stderr: bytes = b""

    def snapshot(self) -> Completed:
        return Completed(-1, self.stdout, self.stderr)


def until(told: list[str], count: int) -> None:
    end = time.monotonic() + 30
    while len(told) < count and time.monotonic() < end:
        time.sleep(0.01)


def test_whole_lines_are_reported_at_once_and_the_rest_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_S", 0.01)
    told: list[str] = []
    output = LiveOutput(told.append)
    one, two = Talker(b"first\nhalf"), Talker(b"", b"\xff\x1b[31mred\n")
    output.follow("one", one)
    output.follow("two", two)
    until(told, 2)
    assert sorted(told)[0] == "one first"
    assert "\x1b" not in "".join(told)
    one.stdout += b" a line\nlast"
    until(told, 3)
    assert told[-1] == "one half a line"
    output.close()
    assert told[-1] == "one last"
    assert len(told) == 4
    output.close()
    assert len(told) == 4


def test_a_long_line_is_cut() -> None:
    told: list[str] = []
    output = LiveOutput(told.append)
    output.follow("one", Talker(b"x" * 10_000))
    output.close()
    assert len(told[0]) <= live.LONGEST + len("one ") + 1
