# SPDX-License-Identifier: GPL-2.0-only
"""Builds the kernels of a series and runs cells on them; one build goes on beside the cells that run."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import __version__
from harness.accept.compare import CellRuns
from harness.accept.coverage.measure import plugin_for, read_all
from harness.artefacts.kernel import warnings
from harness.artefacts.kernel.make import BuildFailed
from harness.attempt.booted import FILE as BOOTED
from harness.attempt.booted import Booted
from harness.errors import UserError
from harness.host.cache import Artefact, Store
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.report.progress import Progress
from harness.report.publish import publish, utc_now
from harness.report.results import CellResult, HostMachine, RunSummary
from harness.report.store import CELLS
from harness.runner.choice import Chooser, Start
from harness.runner.prepare import Builder, build_all
from harness.runner.processes import LocalRunner
from harness.runner.project import find_cells
from harness.runner.run import artefacts, commit, history, make_jobs
from harness.runner.snapshots import Snapshots
from harness.scenario.language import Boot, Cell
from harness.scenario.load import slug
from harness.scenario.scenario import Overrides
from harness.trace.executed.counts import Trace
from harness.verdict import Verdict

MAX_INFRA_RETRIES = 1
Seeds = Mapping[str, Sequence[int]]
"""The seeds with which each cell is run, by its id."""


@dataclass(frozen=True, slots=True)
class SeriesStep:
    """The base (``number`` 0) or the series up to patch ``number``; ``kernel`` is its kernel file."""

    number: int
    name: str
    kernel: Path


@dataclass(frozen=True, slots=True)
class StepBuild:
    """How a step was built. ``why`` has the errors when it was not; ``compiled`` are the objects made for it.

    ``cached``: the kernel was there already. ``warnings`` by object, None when it has no record of them.
    """

    step: SeriesStep
    artefact: Artefact | None
    seconds: float
    why: str = ""
    cached: bool = False
    compiled: tuple[str, ...] = ()
    warnings: Mapping[str, Sequence[str]] | None = None


def selected(
    select: tuple[Sequence[Path], Sequence[str]], overrides: Overrides, level: Level = Level.L0
) -> list[Cell]:
    """Return the cells of all files and directories named, and the shipped ones that match a pattern.

    Those that run by default where nothing is named; of all these the ones that boot ``level``, because the
    others do not execute its kernel. Errors are those of ``find_cells``, and ``UserError`` when none does.
    """
    paths, patterns = select
    if paths and patterns:
        cells = [*find_cells(paths, (), overrides), *find_cells((), patterns, overrides)]
        cells = list({cell.id: cell for cell in cells}.values())
    else:
        cells = find_cells(paths, patterns, overrides)
    found = [cell for cell in cells if any(isinstance(s, Boot) and s.level >= level for s in cell.steps)]
    if cells and not found:
        raise UserError(f"none of {len(cells)} cells boots {level}, so none executes its kernel")
    return found


def on_level(overrides: Overrides, level: Level, kernel: Path) -> Overrides:
    """Return ``overrides`` with the kernel of one level, and those of the others as they were."""
    named = str(kernel.absolute())
    match level:
        case Level.L0:
            return dataclasses.replace(overrides, l0_kernel=named)
        case Level.L1:
            return dataclasses.replace(overrides, l1_kernel=named)
        case _:
            return dataclasses.replace(overrides, l2_kernel=named)


class Lab:
    """Kernels and cells of one acceptance, for one ``level`` of the stack.

    Use as a context manager: leaving it ends a build that goes on.
    """

    def __init__(
        self,
        store: Store,
        progress: Progress,
        directory: Path,
        select: tuple[Sequence[Path], Sequence[str]],
        overrides: Overrides,
        jobs: int | None = None,
        level: Level = Level.L0,
    ) -> None:
        self.level = level
        self.store = store
        self.directory = directory
        self._progress = progress
        self._builder = Builder(store, progress)
        self._select = select
        self._overrides = overrides
        self._jobs = jobs
        self._stopping = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "build")

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def cells(self, step: SeriesStep) -> list[Cell]:
        """Return the selected cells, with the kernel of ``step`` at its level."""
        return selected(self._select, on_level(self._overrides, self.level, step.kernel), self.level)

    def begin(self, step: SeriesStep) -> concurrent.futures.Future[StepBuild]:
        """Build a step beside whatever else goes on; builds take turns."""
        return self._pool.submit(self.build, step)

    def build(self, step: SeriesStep) -> StepBuild:
        """Build now. What does not compile is in the result; ``InfraError`` where the machine failed."""
        begun = time.monotonic()
        built_before = {each.digest for each in self.store.artefacts() if each.kind == "kernel"}
        builder = Builder(self.store, _Stoppable(self._progress, self._stopping))
        try:
            artefact = builder.kernel(str(step.kernel))
        except (BuildFailed, UserError) as error:
            return StepBuild(step, None, time.monotonic() - begun, str(error))
        cached = artefact.digest in built_before
        record = artefact.path / warnings.FILE
        known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else None
        compiled = () if cached else tuple(artefact.manifest.get("compiled", ()))
        return StepBuild(step, artefact, time.monotonic() - begun, "", cached, compiled, known)

    def run(self, step: SeriesStep, seeds: Seeds) -> dict[str, CellRuns]:
        """Run each cell of ``seeds`` once per seed; returns their runs by cell.

        Each seed leaves an ordinary run directory. A cell that ended in ``infra`` is run once more; both
        count for what they are.
        """
        cells = [cell for cell in self.cells(step) if cell.id in seeds]
        found: dict[str, CellRuns] = {cell.id: CellRuns() for cell in cells}
        for seed, results in self._run(step, cells, seeds):
            for result in results:
                found[result.id].results.append(result)
                if result.verdict is Verdict.INFRA:
                    self._progress.note(
                        f"{step.name}: {result.id} with seed {seed} is infra: {result.reason}"
                    )
        again = [cell for cell in cells if not found[cell.id].decided]
        first = {cell.id: seeds[cell.id][:MAX_INFRA_RETRIES] for cell in again}
        for _, results in self._run(step, again, first, ".again") if again else ():
            for result in results:
                found[result.id].results.append(result)
        return found

    def watch(self, build: StepBuild) -> dict[str, Trace]:
        """Run every cell once with the model's trace of what L0 executes; returns the traces by cell."""
        assert build.artefact is not None
        cells = self.cells(build.step)
        places: dict[str, Path] = {}
        by_model: dict[str, list[Cell]] = {}
        for cell in cells:
            by_model.setdefault(cell.stack.model, []).append(cell)
        for number, (model, some) in enumerate(by_model.items()):
            plugin = plugin_for(self._builder.model(model), build.artefact, self.store, self._progress)
            end = f".watched{number or ''}"
            for seed, _ in self._run(build.step, some, {cell.id: (1,) for cell in some}, end, (plugin,)):
                here = self.directory / f"{build.step.name}.seed{seed}{end}" / CELLS
                places |= {cell.id: here / slug(cell.id) for cell in some}
        return read_all(places, self._progress)

    def _run(
        self,
        step: SeriesStep,
        cells: Sequence[Cell],
        seeds: Seeds,
        end: str = "",
        watch: tuple[Plugin, ...] = (),
    ) -> Iterator[tuple[int, Sequence[CellResult]]]:
        images = dict(build_all(cells, self._builder))
        overrides = on_level(self._overrides, self.level, step.kernel)
        started, begun = utc_now(), time.monotonic()
        orders, places, sizes = [], {}, {}
        for seed in sorted({seed for cell in cells for seed in seeds[cell.id]}):
            some = [cell for cell in cells if seed in seeds[cell.id]]
            places[seed] = self.directory / f"{step.name}.seed{seed}{end}"
            sizes[seed] = len(some)
            orders += make_jobs(some, images, overrides, places[seed], seed, watch=watch)
        chooser = Chooser(Snapshots(self.store, self._progress.note), Start())
        booted = Booted(self.store.root / BOOTED)
        runner = LocalRunner(self._progress, self._jobs, chooser, history(self.store), booted)
        results = iter(runner.run(orders))
        for seed in sizes:
            part = tuple(itertools.islice(results, sizes[seed]))
            summary = RunSummary(
                id=places[seed].name,
                started=started,
                seconds=round(time.monotonic() - begun, 3),
                host=HostMachine.here(),
                nvh_version=__version__,
                nvh_commit=commit(),
                cells=part,
                artefacts=artefacts(images),
            )
            publish(summary, places[seed])
            yield seed, part


class _Stopped(BaseException):
    """Ends the build of an acceptance that was given up."""


class _Stoppable(Progress):
    """A build's view of the common progress, through which it learns that it is to stop."""

    def __init__(self, shown: Progress, stopping: threading.Event) -> None:
        super().__init__(shown.console)
        self._shown = shown
        self._stopping = stopping

    def phase(self, key: str, text: str, expected_s: float | None = None, known_as: str = "") -> None:
        """As for the common progress."""
        self._shown.phase(key, text, expected_s, known_as)

    def update(self, key: str, text: str) -> None:
        """As for the common progress; raises when the build is to stop."""
        if self._stopping.is_set():
            raise _Stopped
        self._shown.update(key, text)

    def done(self, key: str, ok: bool, text: str = "") -> None:
        """As for the common progress."""
        self._shown.done(key, ok, text)

    def note(self, text: str) -> None:
        """As for the common progress."""
        with contextlib.suppress(ValueError):
            self._shown.note(text)
