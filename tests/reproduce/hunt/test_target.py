# SPDX-License-Identifier: GPL-2.0-only
"""A batch that does not come to its end: by its programs, by the machine, or by the host."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import InfraError
from harness.level import Level
from harness.machine.process import CpuTime
from harness.reproduce.hunt.target import Target
from harness.stack.broken import LevelBroken

TEXT = "program b0-0\nend\nprogram b0-1\nend\n"
CRASHED = LevelBroken(Level.L0, "its agent has gone, the model runs on")


class Stands:
    """A stack on which nvh-litmus ends with ``error``; QEMU then had ``got`` of the ``wanted`` seconds."""

    def __init__(self, error: Exception, got: float, wanted: float) -> None:
        self._error = error
        self._works = itertools.chain([CpuTime(1.0, 2.0)], itertools.repeat(CpuTime(1.0 + got, 2.0 + wanted)))
        self.closed = False

    @property
    def machine(self) -> Any:
        return SimpleNamespace(work=next(self._works))

    def start(self, *_: Any) -> Any:
        quiet = SimpleNamespace(text="")
        return SimpleNamespace(send=lambda _: None, close_stdin=lambda: None, snapshot=lambda: quiet)

    def wait(self, *_: Any) -> Any:
        raise self._error

    def consoles(self) -> dict[Level, str]:
        return {}

    def close(self) -> None:
        self.closed = True


def target(stack: Stands, place: Path) -> Target:
    made = Target(cast(Any, None), cast(Any, None), cast(Any, None), place)
    made._stack = cast(Any, stack)
    return made


@pytest.mark.parametrize("error", [TimeoutError("still runs after 240 s"), CRASHED])
def test_program_that_does_not_end_is_a_hang(tmp_path: Path, error: Exception) -> None:
    stack = Stands(error, got=200.0, wanted=240.0)
    (hung,) = target(stack, tmp_path).run(TEXT).outcomes
    assert (hung.name, hung.verdict) == ("b0-0", "hang")
    assert str(error) in hung.rest
    assert stack.closed


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InfraError("QEMU ended with signal 9"), "QEMU ended with signal 9"),
        (TimeoutError("still runs after 240 s"), "the host gave QEMU less than half of what it wanted"),
    ],
)
def test_host_that_fails_is_no_finding(tmp_path: Path, error: Exception, words: str) -> None:
    stack = Stands(error, got=20.0, wanted=240.0)
    with pytest.raises(InfraError, match=words):
        target(stack, tmp_path).run(TEXT)
    assert stack.closed
