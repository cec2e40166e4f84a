# SPDX-License-Identifier: GPL-2.0-only
"""The real machine for tests: one booted three-level stack, and ``nvh run`` as a process that can be hurt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.host.cache import Store
from harness.host.paths import ROOT
from harness.level import Level
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.scenario.defaults import MUTANT_KERNEL
from harness.scenario.scenario import NO_OVERRIDES
from harness.stack.stack import Stack
from tests.processes import wait_gone

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this directory boots the machine."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.real)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """L0, L1 and L2 of the default stack, booted once."""
    spec = default_stack(NO_OVERRIDES)
    with Progress(Console(file=sys.stderr)) as progress:
        images = Builder(Store(), progress).images(spec)
    with Stack(images, spec, tmp_path_factory.mktemp("stack")) as booted:
        booted.boot(Level.L2)
        yield booted


def processes_in(directory: Path) -> dict[int, str]:
    """Return pid and command line of every process whose working directory is below ``directory``."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink().is_relative_to(directory.resolve()):
                words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if words:  # a zombie has none
                    found[int(path.name)] = words
        except OSError:
            continue
    return found


def nvh(*words: str, timeout_s: float = 900) -> tuple[int, str]:
    """Run a verb to its end; returns exit status and standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=ROOT,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, done.stdout


def needs_mutants() -> None:
    """Skip a test for which the kernel with the faults is not built."""
    if not any(a.kind == "kernel" and a.manifest.get("name") == MUTANT_KERNEL for a in Store().artefacts()):
        pytest.skip(f"the kernel {MUTANT_KERNEL} is not built: ./nvh images build kernel:{MUTANT_KERNEL}")


class Run:
    """``nvh run`` of scenarios in a directory of its own, in the background."""

    def __init__(self, directory: Path, scenarios: Mapping[str, str], *options: str) -> None:
        self.directory = directory
        self.out = directory / "out"
        (directory / "scenarios").mkdir()
        for name, text in scenarios.items():
            (directory / "scenarios" / f"{name}.yaml").write_text(text)
        where = [str(directory / "scenarios"), "--out", str(self.out)]
        words = [sys.executable, "-m", "harness", "run", *where, *options]
        self.log = directory / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ)
            )

    def machines(self) -> dict[int, str]:
        """The QEMU processes of its cells."""
        return {pid: words for pid, words in processes_in(self.out).items() if "-qmp" in words}

    def cell_processes(self) -> list[int]:
        """The processes that run its cells."""
        return [pid for pid, words in processes_in(self.out).items() if "harness.attempt.execute" in words]

    def until(self, happened: Callable[[], object], what: str, deadline_s: float = 120) -> None:
        """Wait for something to happen while the run goes on."""
        end = time.monotonic() + deadline_s
        while not happened():
            assert self.process.poll() is None, f"the run ended before {what}:\n{self.log.read_text()}"
            assert time.monotonic() < end, f"no {what} within {deadline_s:.0f} s:\n{self.log.read_text()}"
            time.sleep(0.1)

    def finish(self, deadline_s: float = 300) -> int:
        """Wait for its end; returns the exit status. Nothing that it started may remain."""
        status = self.process.wait(deadline_s)
        assert wait_gone(list(processes_in(self.out)), 10) == []
        return status

    def cells(self) -> dict[str, dict[str, Any]]:
        """The results by scenario name, from summary.json."""
        summary = json.loads((self.out / "summary.json").read_text())
        return {cell["scenario"]: cell for cell in summary["cells"]}

    def place(self, name: str) -> Path:
        """The directory of the only cell of a scenario."""
        return next((self.out / "cells").glob(f"{name}*"))

    def end(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runs: list[Run] = []

    def begin(scenarios: Mapping[str, str], *options: str) -> Run:
        place = tmp_path / f"run{len(runs)}"
        place.mkdir()
        runs.append(Run(place, scenarios, *options))
        return runs[-1]

    yield begin
    for run in runs:
        run.end()
