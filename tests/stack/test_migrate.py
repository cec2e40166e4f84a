# SPDX-License-Identifier: GPL-2.0-only
"""The order in which L1 changes its VMM, with a stack that notes what it is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import InfraError
from harness.level import Level
from harness.stack import migrate
from harness.stack.broken import LevelBroken
from harness.stack.level_command import Completed, Process
from harness.stack.wire import Frame, Type

GOOD = b"status=completed passes=3 resent=150 total_mib=384 downtime_ms=41\n"


class Silent:
    """An agent that nobody hears."""

    def post(self, level: Level, kind: Type, channel: int, payload: bytes = b"") -> None:
        """Take a frame."""

    def wait_for(self, happened: Callable[[], bool], timeout_s: float) -> bool:  # noqa: ARG002
        """Say at once whether it has happened."""
        return happened()


class NotedStack:
    """L1's VMMs as processes that end when they are told to; ``heard`` is what happened, in order."""

    def __init__(self, *, moves: bool = True, starts: bool = True, lives: bool = True) -> None:
        self.moves, self.starts, self.lives = moves, starts, lives
        self.heard: list[str] = []
        self.generation: dict[Level, int] = {}
        self.vmms = {Level.L1: self._process()}

    def _process(self) -> Process:
        return Process(Silent(), 1 + len(self.heard), Level.L0, "qemu", None)

    def run(self, level: Level, command: str, timeout_s: float, stdin: bytes = b"") -> Completed:  # noqa: ARG002
        if "query-migrate" in command:
            self.heard.append("save" + (" to a file" if migrate.STATE in command else ""))
            return Completed(0, GOOD, b"") if self.moves else Completed(1, b"refused=1 why=blocked\n", b"")
        if "quit" in command:
            assert Level.L1 not in self.vmms, "its end would be taken for L1's"
            self.heard.append("quit")
            self.source.deliver(Frame(0, Type.EXIT, 0, bytes(4)))
            return Completed(0, b"", b"")
        if "seq 100" in command:
            return Completed(0 if self.starts else 1, b"", b"")
        if command == f"rm -f {migrate.STATE}":
            self.heard.append("file goes")
        elif not command.startswith("rm"):
            self.heard.append("names")
        return Completed(0, b"", b"")

    def next_vmm(self, level: Level, incoming: str) -> Process:
        self.source = self.vmms.get(level, self.vmms.get(Level.L1) or self._process())
        self.generation[level] = self.generation.get(level, 0) + 1
        self.heard.append(f"start {self.generation[level]} from {incoming.partition(':')[0]}")
        self.newest = self._process()
        return self.newest

    def comes_back(self, level: Level, timeout_s: float) -> bool:  # noqa: ARG002
        self.heard.append("back" if self.lives else "silent")
        return self.lives

    def hung(self, level: Level, cause: str = "") -> LevelBroken:
        return LevelBroken(level, cause)

    def broken(self, level: Level, cause: str, model: str = "") -> LevelBroken:  # noqa: ARG002
        return LevelBroken(level, cause)


def test_two_migrations_by_socket() -> None:
    stack = NotedStack()
    left = migrate.migrate(stack, "vmm", 2, 10)
    assert left.status == 0
    assert left.text.splitlines()[-1] == "migrations=2 passes_least=3 resent_least=150 resent_pages=300"
    once = ["save", "quit", "names", "back", "file goes"]
    assert stack.heard == ["start 1 from unix", *once, "start 2 from unix", *once]
    assert stack.vmms[Level.L1] is stack.newest


def test_file_is_read_by_a_vmm_that_starts_when_the_other_has_ended() -> None:
    stack = NotedStack()
    stack.source = stack.vmms[Level.L1]
    assert migrate.migrate(stack, "file", 1, 10).status == 0
    assert stack.heard == ["save to a file", "quit", "start 1 from file", "names", "back", "file goes"]


def test_refusal_leaves_l1_where_it_was() -> None:
    stack = NotedStack(moves=False)
    before = stack.vmms[Level.L1]
    left = migrate.migrate(stack, "vmm", 3, 10)
    assert (left.status, left.text.splitlines()) == (
        1,
        ["refused=1 why=blocked", "migrations=0 passes_least=0 resent_least=0 resent_pages=0"],
    )
    assert stack.vmms[Level.L1] is before
    assert stack.generation[Level.L1] == 0


def test_vmm_that_does_not_start_is_about_l1() -> None:
    with pytest.raises(LevelBroken, match="did not start"):
        migrate.migrate(NotedStack(starts=False), "vmm", 1, 10)


def test_l1_that_does_not_answer_afterwards_is_broken() -> None:
    with pytest.raises(LevelBroken, match="after its migration"):
        migrate.migrate(NotedStack(lives=False), "vmm", 1, 10)


def test_vmm_that_does_not_end_is_no_fault_of_l1() -> None:
    stack = NotedStack()
    stack.source = stack._process()  # another one ends
    with pytest.raises(InfraError, match="does not end"):
        migrate.migrate(stack, "file", 1, 10)
