# SPDX-License-Identifier: GPL-2.0-only
"""Builds the kernels of a series and runs cells on them; one build goes on beside the cells that run."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import math
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.accept.compare import CellRuns
from harness.accept.coverage.measure import plugin_for, read_all
from harness.accept.earlier import EarlierRuns
from harness.accept.on_console import OnConsole, verdicts
from harness.accept.stoppable import Stoppable
from harness.artefacts.kernel import warnings
from harness.artefacts.kernel.make import BuildFailed
from harness.attempt.booted import FILE as BOOTED
from harness.attempt.booted import Booted
from harness.attempt.job import Job
from harness.bundle.console_cells import fitting, reasons, without_model
from harness.bundle.console_model import is_console
from harness.errors import InfraError, UserError
from harness.host.cache import Artefact, Store, tree_bytes
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.report.progress import Progress
from harness.report.publish import publish, utc_now
from harness.report.results import CellResult
from harness.report.store import CELLS
from harness.runner.choice import Chooser, Start
from harness.runner.prepare import Builder, build_all
from harness.runner.processes import LATE, LocalRunner
from harness.runner.project import find_cells
from harness.runner.run import artefacts, history, make_jobs, summary_of
from harness.runner.snapshots import KIND as SNAPSHOT
from harness.runner.snapshots import Snapshots
from harness.scenario.language import Boot, Cell
from harness.scenario.load import slug
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages
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

    @property
    def label(self) -> str:
        """For progress lines: ``base`` or ``patch 2``."""
        return f"patch {self.number}" if self.number else "base"


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
    others do not execute its kernel. On a console model, those that need no more than a console. Errors are
    those of ``find_cells``, and ``UserError`` when none does.
    """
    console = overrides.model if is_console(overrides.model or "") else None
    if console:
        overrides = without_model(overrides)
    paths, patterns = select
    if paths and patterns:
        cells = [*find_cells(paths, (), overrides), *find_cells((), patterns, overrides)]
        cells = list({cell.id: cell for cell in cells}.values())
    else:
        cells = find_cells(paths, patterns, overrides)
    found = [cell for cell in cells if any(isinstance(s, Boot) and s.level >= level for s in cell.steps)]
    if cells and not found:
        raise UserError(f"none of {len(cells)} cells boots {level}, so none executes its kernel")
    if console is None:
        return found
    fits, apart = fitting(found, console)
    if not fits:
        raise UserError(f"none of {len(found)} cells can run on {console}: {'; '.join(reasons(apart))}")
    return [each.cell for each in fits]


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

    Use as a context manager: leaving it ends a build that goes on. With ``earlier`` the base's cells that ran
    for another acceptance do not run again, and what they come to here is kept for the next one.
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
        earlier: EarlierRuns | None = None,
    ) -> None:
        self.level = level
        self.earlier = earlier
        self.store = store
        self.directory = directory
        self._progress = progress
        self._builder = Builder(store, progress)
        self._select = select
        self._overrides = overrides
        self._jobs = jobs
        self._chosen: tuple[str, ...] | None = None
        named = overrides.model or ""
        self._console = OnConsole(named, directory, store, progress) if is_console(named) else None
        self._cells: dict[Path, list[Cell]] = {}
        self._watched: dict[int, dict[str, Path]] = {}
        self._stopping = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "build")

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def choose(self, cells: Sequence[str]) -> None:
        """Take these shipped cells, in this order, instead of those that are selected."""
        self._chosen = tuple(cells)
        self._cells.clear()

    def cells(self, step: SeriesStep) -> list[Cell]:
        """Return the cells of the acceptance, with the kernel of ``step`` at its level."""
        if step.kernel not in self._cells:
            overrides = on_level(self._overrides, self.level, step.kernel)
            if self._chosen is None:
                found = selected(self._select, overrides, self.level)
                self._cells[step.kernel] = self._console.fit(found) if self._console else found
            else:
                by_id = {cell.id: cell for cell in find_cells((), ("*",), overrides)}
                self._cells[step.kernel] = [by_id[each] for each in self._chosen]
        return self._cells[step.kernel]

    def begin(self, step: SeriesStep) -> concurrent.futures.Future[StepBuild]:
        """Build a step beside whatever else goes on; builds take turns."""
        return self._pool.submit(self.build, step)

    def build(self, step: SeriesStep) -> StepBuild:
        """Build now. What does not compile is in the result; ``InfraError`` where the machine failed."""
        begun = time.monotonic()
        built_before = {each.digest for each in self.store.artefacts() if each.kind == "kernel"}
        builder = Builder(self.store, Stoppable(self._progress, self._stopping))
        try:
            artefact = builder.kernel(str(step.kernel))
        except (BuildFailed, UserError) as error:
            return StepBuild(step, None, time.monotonic() - begun, str(error))
        cached = artefact.digest in built_before
        record = artefact.path / warnings.FILE
        known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else None
        compiled = () if cached else tuple(artefact.manifest.get("compiled", ()))
        return StepBuild(step, artefact, time.monotonic() - begun, "", cached, compiled, known)

    def run(
        self, step: SeriesStep, seeds: Seeds, watch: StepBuild | None = None, within_s: float = math.inf
    ) -> dict[str, CellRuns]:
        """Run each cell of ``seeds`` once per seed; returns their runs by cell.

        Each seed leaves an ordinary run directory. A cell that ended in ``infra`` is run once more; both
        count for what they are. With ``watch``, the step's kernel, the first seed of each is run under the
        model's trace of what L0 executes (``traces``). What an interrupted acceptance has run stands. A cell
        that has not begun ``within_s`` seconds, which count from when all is built, has no runs.
        """
        cells = [cell for cell in self.cells(step) if cell.id in seeds]
        found: dict[str, CellRuns] = {cell.id: CellRuns() for cell in cells}
        for seed, results in self._run(step, cells, seeds, watch=watch, within_s=within_s):
            for result in results:
                found[result.id].results.append(result)
                if result.verdict is Verdict.INFRA:
                    self._progress.note(
                        f"{step.label}: {result.id} with seed {seed} is infra: {result.reason}"
                    )
        again = [cell for cell in cells if found[cell.id].results and not found[cell.id].decided]
        first = {cell.id: seeds[cell.id][:MAX_INFRA_RETRIES] for cell in again}
        for _, results in self._run(step, again, first, ".again") if again else ():
            for result in results:
                found[result.id].results.append(result)
        return found

    def traces(self, step: SeriesStep) -> dict[str, Trace]:
        """Return what L0 executed in each cell that ran on ``step`` under watch."""
        return read_all(self._watched.get(step.number, {}), self._progress)

    def watch(self, build: StepBuild, only: Sequence[str] = ()) -> dict[str, Trace]:
        """Run every cell (or ``only`` these) under the model's trace of what L0 executes; returns them."""
        cells = [cell for cell in self.cells(build.step) if not only or cell.id in only]
        for _ in self._run(build.step, cells, {cell.id: (1,) for cell in cells}, ".watched", build):
            pass
        return self.traces(build.step)

    def forget(self, build: StepBuild) -> int:
        """Delete the snapshots that were made for the kernel of a step; returns their bytes.

        Nothing else begins from them, and they would push those of other kernels out of the cache.
        """
        if build.artefact is None:
            return 0
        mine = [
            each
            for each in self.store.artefacts()
            if each.kind == SNAPSHOT and each.manifest.get("key", {}).get("kernel") == build.artefact.digest
        ]
        freed = sum(tree_bytes(each.path) for each in mine)
        for each in mine:
            self.store.remove(each)
        return freed

    def _plugin(self, model: str, build: StepBuild) -> tuple[Plugin, ...]:
        """What watches ``build`` on ``model``; nothing, and a note, where it loads no plugin."""
        assert build.artefact is not None
        try:
            return (plugin_for(self._builder.model(model), build.artefact, self.store, self._progress),)
        except (UserError, InfraError) as error:
            self._progress.note(f"no coverage on {model}: {error}")
            return ()

    def _orders(
        self,
        cells: Sequence[Cell],
        images: dict[str, StackImages],
        place: Path,
        seed: int,
        plugins: Mapping[str, tuple[Plugin, ...]],
        overrides: Overrides,
    ) -> list[tuple[Job, Path]]:
        """Return the work orders of ``cells``, less those that ``place`` has a verdict of."""
        found = []
        for cell in cells:
            here = place / CELLS / slug(cell.id)
            if here.is_dir():  # of an acceptance that was interrupted
                shutil.rmtree(here)
            some = plugins.get(cell.stack.model, ())
            found += make_jobs([cell], images, overrides, place, seed, watch=some)
        return found

    def _left(self, orders: Sequence[tuple[Job, Path]], had: dict[str, CellResult]) -> list[tuple[Job, Path]]:
        """Return the orders that have to run: what another acceptance ran of the base is added to ``had``."""
        left = []
        for job, place in orders:
            if self.earlier and (result := self.earlier.take(job, place)):
                had[job.cell.id] = result
            else:
                left.append((job, place))
        if len(left) < len(orders):
            self._progress.note(
                f"base: {len(orders) - len(left)} of {len(orders)} cells ran for another acceptance"
            )
        return left

    def _run(
        self,
        step: SeriesStep,
        cells: Sequence[Cell],
        seeds: Seeds,
        end: str = "",
        watch: StepBuild | None = None,
        within_s: float = math.inf,
    ) -> Iterator[tuple[int, Sequence[CellResult]]]:
        overrides = on_level(self._overrides, self.level, step.kernel)
        if self._console:
            whole = self.cells(step)
            yield from self._console.run(step.name, step.label, whole, cells, seeds, end, overrides)
            return
        images = dict(build_all(cells, self._builder))
        started, begun = utc_now(), time.monotonic()
        models = {cell.stack.model for cell in cells}
        plugins = {model: self._plugin(model, watch) for model in models} if watch else {}
        orders, places, had = [], {}, {}
        numbers = sorted({seed for cell in cells for seed in seeds[cell.id]})
        for seed in numbers:
            some = [cell for cell in cells if seed in seeds[cell.id]]
            places[seed] = self.directory / f"{step.name}.seed{seed}{end}"
            had[seed] = verdicts(places[seed], some)
            first = seed == numbers[0]
            if first and watch:
                here = places[seed] / CELLS
                self._watched.setdefault(step.number, {}).update(
                    {cell.id: here / slug(cell.id) for cell in some if plugins[cell.stack.model]}
                )
            todo = [cell for cell in some if cell.id not in had[seed]]
            some_orders = self._orders(todo, images, places[seed], seed, plugins if first else {}, overrides)
            orders += self._left(some_orders, had[seed]) if not step.number else some_orders
        chooser = Chooser(Snapshots(self.store, self._progress.note), Start())
        booted = Booted(self.store.root / BOOTED)
        order = {cell.id: place for place, cell in enumerate(cells)}
        runner = LocalRunner(
            self._progress,
            self._jobs,
            chooser,
            history(self.store),
            booted,
            lambda cell: order[cell.id] if self._chosen else 0,
            step.label,
            time.monotonic() + within_s,
        )
        done = [result for result in runner.run(orders) if result.reason != LATE]
        results = {(result.id, result.seed): result for result in done}
        if self.earlier and not step.number:
            for job, place in orders:
                if result := results.get((job.cell.id, job.seed)):
                    self.earlier.keep(job, place, result)
        for seed, place in places.items():
            known = {
                **{cell: result for (cell, number), result in results.items() if number == seed},
                **had[seed],
            }
            part = tuple(known[cell.id] for cell in cells if cell.id in known)
            publish(summary_of(place, started, begun, part, artefacts(images)), place)
            yield seed, part
