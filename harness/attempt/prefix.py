# SPDX-License-Identifier: GPL-2.0-only
"""What a snapshot stands for: the boots that a cell begins with, or all up to its ``snapshot`` step."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.attempt import directories
from harness.attempt.observe import Observer, plan_of
from harness.attempt.steps import StepFailed, StepRunner, perform
from harness.check.finding import RunResult
from harness.document.as_json import read_json, to_data
from harness.host.cache import sha256_file
from harness.level import Level
from harness.scenario.language import Boot, Cell, Copy, Snapshot, StackSpec, Step
from harness.stack.saved import RestoreFailed
from harness.stack.stack import Stack

RESULTS = "setup.json"


@dataclass(frozen=True, slots=True)
class Prefix:
    """A stack brought up to ``level``, and then ``setup``; ``base`` is where its copies take files from."""

    stack: StackSpec
    level: Level
    setup: tuple[Step, ...] = ()
    base: Path = Path()

    def __str__(self) -> str:
        name = f" after {len(self.setup)} steps" if self.setup else ""
        return f"{self.stack.model}/{self.stack.timing} with {self.level} up{name}"

    def below(self) -> Prefix | None:
        """Return the prefix whose snapshot this one is made from; None for a cold boot."""
        if self.setup:
            first = leading(self.setup)
            return None if first is None else replace(self, level=first, setup=())
        return replace(self, level=Level(self.level - 1)) if self.level > Level.L0 else None

    def setup_key(self) -> list[Any]:
        """Return the setup as JSON, with the digests of the files that it copies."""
        steps = []
        for step in self.setup:
            data = {key: value for key, value in asdict(step).items() if key != "where"}
            if isinstance(step, Copy) and step.to_level:
                source = self.base / step.source
                data["sha256"] = directories.sha256(source) if source.is_dir() else sha256_file(source)
                data["source"] = ""
            steps.append({"verb": type(step).__name__, **data})
        return steps


def leading(steps: tuple[Step, ...]) -> Level | None:
    """Return the deepest level of the boots that ``steps`` begin with."""
    level = None
    for step in steps:
        if not isinstance(step, Boot):
            break
        level = step.level if level is None else max(level, step.level)
    return level


def prefix_of(cell: Cell, deepest: Level | None = None) -> Prefix | None:
    """Return the prefix of ``cell``, not beyond ``deepest``; None when it begins with no boot."""
    first = leading(cell.steps)
    if first is None:
        return None
    setup = cell.steps[: cell.setup]
    if not setup:
        return Prefix(cell.stack, first if deepest is None else min(first, deepest))
    top = max(step.level for step in setup if isinstance(step, Boot))
    if deepest is not None and top > deepest:
        return Prefix(cell.stack, min(first, deepest))
    return Prefix(cell.stack, top, setup, Path(cell.path).parent)


def carry_out(prefix: Prefix, stack: Stack, work: Path, stage: Callable[[str], None]) -> None:
    """Bring ``stack`` to where ``prefix`` ends; what setup runs left goes to ``work``.

    Raises ``RestoreFailed`` when a step of the setup fails: such a state is not worth keeping, and the cell
    will meet and report the failure itself.
    """
    if not prefix.setup:
        stack.boot(prefix.level)
        return
    stage("setup")
    runner = StepRunner(stack, Observer(stack, plan_of(()), stack.directory), stack.directory, prefix.base)
    try:
        for step in prefix.setup:
            if not isinstance(step, Snapshot):
                perform(step, runner)
    except (StepFailed, TimeoutError) as error:
        raise RestoreFailed(f"its setup fails: {error}") from error
    for name, ran in runner.runs.items():
        if ran.result.status != 0:
            raise RestoreFailed(f"its setup fails: {name} ended with status {ran.result.status}")
    results = to_data({name: ran.result for name, ran in runner.runs.items()})
    (work / RESULTS).write_text(json.dumps(results, indent=1, sort_keys=True))


def setup_results(directory: Path) -> dict[str, RunResult]:
    """Return what the setup's runs left in a snapshot, by name."""
    path = directory / RESULTS
    if not path.exists():
        return {}
    return read_json(dict[str, RunResult], path.read_text())
