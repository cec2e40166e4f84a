# SPDX-License-Identifier: GPL-2.0-only
"""One acceptance, from the series to the report: apply, build, run, compare, find the first bad patch."""

from __future__ import annotations

import concurrent.futures
import functools
import shutil
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from harness import __version__
from harness.accept import apply as applying
from harness.accept import base as bases
from harness.accept import compare as comparing
from harness.accept import cost as costs
from harness.accept import submission, warned, which_steps
from harness.accept.compare import REJECTING, CellComparison, CellRuns, SeriesEffect
from harness.accept.coverage import measure
from harness.accept.coverage.report import PatchCoverage
from harness.accept.lab import Lab, Seeds, SeriesStep, StepBuild, selected
from harness.accept.report.series_report import BuildRecord, Culprit, PatchRecord, SeriesReport, StepRecord
from harness.errors import InfraError, UserError
from harness.host.cache import Store
from harness.host.paths import RUNS
from harness.level import Level
from harness.report.progress import Progress
from harness.report.publish import make_run_directory, utc_now
from harness.report.results import HostMachine
from harness.report.store import CELLS
from harness.runner.project import find_cells
from harness.runner.run import commit, history
from harness.scenario.language import Cell
from harness.scenario.scenario import NO_OVERRIDES, Overrides

SEED = 1
REPEAT_RACY = 5
DETERMINISTIC = "icount"
CONFIRM = 5


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for.

    ``repeat``: runs of each cell and side, 0 for one of those under a deterministic timing and
    ``REPEAT_RACY`` of the others; ``confirm``: further runs where the sides differ. ``command`` is for the
    report. ``level`` is the one that runs the series: at L1 it is KVM as a guest hypervisor that is judged,
    and neither coverage nor cost is recorded, because the model's trace is of L0's code.
    """

    source: str
    base: str = bases.CONFIGURATION
    select: tuple[Sequence[Path], Sequence[str]] = ((), ())
    overrides: Overrides = NO_OVERRIDES
    patches: str = which_steps.ALL
    version: int | None = None
    repeat: int = 0
    confirm: int = CONFIRM
    coverage: bool = True
    suggest: bool = False
    jobs: int | None = None
    out: Path | None = None
    command: str = ""
    level: Level = Level.L0


def run(request: Request, console: Console, store: Store | None = None) -> tuple[SeriesReport, Path]:
    """Carry out ``request``; returns the report and its directory.

    ``UserError`` for a series or a base that cannot be judged, ``InfraError`` when the machine fails.
    """
    store = store or Store()
    found = submission.read(request.source, request.version)
    which_steps.chosen(request.patches, len(found.patches))
    selected(request.select, request.overrides, request.level)  # report wrong names before anything is built
    directory = make_run_directory(RUNS, request.out)
    (directory / CELLS).rmdir()
    try:
        with Progress(console, history=history(store)) as progress:
            base = bases.open_base(request.base, store, progress.note)
            tree, base, notes = applying.apply(found, base, directory)
            with Lab(
                store,
                progress,
                directory / "steps",
                request.select,
                request.overrides,
                request.jobs,
                request.level,
            ) as lab:
                campaign = Campaign(request, found, base, tree, lab, progress, directory)
                campaign.notes += [*found.notes, *notes]
                report = campaign.carry_out()
    except BaseException:
        if not (directory / "steps").exists():  # nothing has run: leave nothing
            shutil.rmtree(directory, ignore_errors=True)
        raise
    return report, directory


@dataclass
class Campaign:
    """The state of one acceptance."""

    request: Request
    submission: submission.Submission
    base: bases.Base
    tree: applying.Tree
    lab: Lab
    progress: Progress
    directory: Path
    notes: list[str] = field(default_factory=list)
    builds: dict[int, StepBuild] = field(default_factory=dict)
    steps: dict[int, StepRecord] = field(default_factory=dict)
    runs: dict[int, dict[str, CellRuns]] = field(default_factory=dict)
    confirmed: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    bad_since: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many patches there are."""
        return len(self.tree.patches)

    def carry_out(self) -> SeriesReport:
        """Build, run, compare, search, record coverage; returns the report."""
        started, begun = utc_now(), time.monotonic()
        numbers = (0, *which_steps.chosen(self.request.patches, self.count))
        futures = {number: self.lab.begin(self.step(number)) for number in numbers}
        for number in numbers:
            self.take(number, futures[number])
        culprits = self.culprits()
        whole = self.builds[self.count]
        coverage: PatchCoverage | None = None
        cost: tuple[costs.CostRow, ...] = ()
        if self.request.coverage and whole.artefact and self.request.level is Level.L0:
            coverage, cost = self.watched(whole)
        cells = self.lab.cells(self.step(0))
        return SeriesReport(
            origin=self.submission.origin,
            title=self.submission.title,
            version=self.submission.version,
            base=self.base.label,
            base_commit=self.base.repository.commit,
            model=", ".join(sorted({cell.stack.model for cell in cells})),
            timing=", ".join(sorted({cell.stack.timing for cell in cells})),
            kernel=str(whole.artefact.manifest["release"]) if whole.artefact else "",
            nvh=f"{__version__} {commit()}".strip(),
            host=f"{HostMachine.here().cpus} CPUs, {HostMachine.here().memory_mib} MiB",
            started=started,
            seconds=round(time.monotonic() - begun, 1),
            command=self.request.command,
            repeat=self._repeated(cells, racy=False),
            repeat_racy=self._repeated(cells, racy=True),
            patches=tuple(
                PatchRecord(p.number, p.title, p.commit, p.files, p.merged) for p in self.tree.patches
            ),
            steps=tuple(self.steps[number] for number in sorted(self.steps)),
            culprits=culprits,
            notes=tuple(self.notes),
            coverage=coverage,
            cost=cost,
            diff=self.tree.diff(),
            level=str(self.request.level),
        )

    def _repeated(self, cells: Sequence[Cell], racy: bool) -> int:
        """Return how often each cell of a kind is run on each side at first; 0 when there is none."""
        some = [cell for cell in cells if (cell.stack.timing != DETERMINISTIC) is racy]
        return len(self.seeds[some[0].id]) if some else 0

    def step(self, number: int) -> SeriesStep:
        """Return the step up to patch ``number``, with its kernel file."""
        name = f"{self.base.spec.name}-p{number}" if number else f"{self.base.spec.name}-base"
        patches = tuple(patch.patch for patch in self.tree.patches[:number])
        place = self.base.write_kernel(self.directory / "kernels", name, patches)
        return SeriesStep(number, f"patch-{number}" if number else "base", place)

    @functools.cached_property
    def seeds(self) -> Seeds:
        """The seeds of the first runs of every cell."""
        found = {}
        for cell in self.lab.cells(self.step(0)):
            racy = cell.stack.timing != DETERMINISTIC
            count = self.request.repeat or (REPEAT_RACY if racy else 1)
            found[cell.id] = range(SEED, SEED + count)
        return found

    def more(self, cell: str) -> range:
        """Return the seeds of the further runs of a cell that differs."""
        first = SEED + len(self.seeds[cell])
        return range(first, first + self.request.confirm)

    def take(self, number: int, build: concurrent.futures.Future[StepBuild] | StepBuild) -> None:
        """Wait for the build of a step, then run its cells and compare them with the base's."""
        begun = time.monotonic()
        built = build if isinstance(build, StepBuild) else build.result()
        self.builds[number] = built
        if not built.artefact:
            if number == 0:
                raise UserError(
                    f"the base does not build, so nothing can be said of the series:\n{built.why}"
                )
            self._note_step(number, built, (), begun)
            return
        self.runs[number] = self.lab.run(built.step, self.seeds)
        found = self.judged(number, list(self.runs[number])) if number else []
        self._note_step(number, built, tuple(found), begun)

    def judged(self, number: int, cells: Sequence[str]) -> list[CellComparison]:
        """Compare a step with the base; where they differ, run both some more first."""
        base, here = self.runs[0], self.runs[number]
        again = [cell for cell in comparing.differing(base, here) if cell in cells]
        again = [cell for cell in again if cell not in self.bad_since]
        if again and self.request.confirm:
            for side, step in ((base, self.step(0)), (here, self.step(number))):
                short = {cell: self.more(cell) for cell in again if cell not in self.confirmed[step.number]}
                self.confirmed[step.number] |= short.keys()
                for cell, more in self.lab.run(step, short).items() if short else ():
                    side[cell].results += more.results
        found = comparing.compare(base, {cell: here[cell] for cell in cells})
        for each in found:
            if each.outcome in REJECTING:
                self.bad_since.setdefault(each.cell, number)
        return found

    def _note_step(
        self, number: int, built: StepBuild, cells: tuple[CellComparison, ...], begun: float
    ) -> None:
        before = self.builds[max(n for n in self.builds if n < number)] if number else built
        touched = {file for patch in self.tree.patches for file in patch.files}
        new, known = warned.added(before, built, touched) if number else ((), True)
        self.steps[number] = StepRecord(
            number=number,
            name=built.step.name,
            title=self.tree.patches[number - 1].title if number else self.base.label,
            kernel=str(built.step.kernel),
            build=BuildRecord(
                built.artefact is not None,
                round(built.seconds, 1),
                built.cached,
                built.compiled,
                new,
                known,
                built.why,
            ),
            cells=cells,
            seconds=round(time.monotonic() - begun, 1),
        )

    def culprits(self) -> tuple[Culprit, ...]:
        """Return the first bad patch for everything that went wrong, searching between the steps that ran."""
        found = []
        tested = sorted(self.steps)
        for number in tested:
            step = self.steps[number]
            if not step.build.ok and number and self.builds[self._before(number)].artefact:
                first = which_steps.first_bad(self._before(number), number, self._does_not_build)
                why = self.builds[first].why
                found.append(self._culprit("does not build", first, first - 1, _first_error(why)))
        for cell, since in list(self.bad_since.items()):
            good = self._before(since)
            first = which_steps.first_bad(good, since, functools.partial(self._is_bad, cell))
            where = self.steps[first] if first in self.steps else self.steps[since]
            says = next((c.series_says for c in where.cells if c.cell == cell), "")
            last = next((c for c in self.steps[self.count].cells if c.cell == cell), None)
            repaired = last is not None and last.outcome not in REJECTING
            outcome = next(
                (c.outcome for c in self.steps[since].cells if c.cell == cell), SeriesEffect.REGRESSION
            )
            found.append(
                self._culprit(f"{outcome.value} of {cell}", first, first - 1, says, repaired=repaired)
            )
        return tuple(sorted(dict.fromkeys(found), key=lambda each: each.patch))

    def _culprit(self, what: str, patch: int, good: int, says: str, repaired: bool = False) -> Culprit:
        return Culprit(what, patch, self.tree.patches[patch - 1].title, good, says, repaired)

    def _before(self, number: int) -> int:
        """The step before ``number`` among those that ran and built."""
        return max(n for n in self.steps if n < number and self.steps[n].build.ok)

    def _does_not_build(self, number: int) -> bool:
        if number not in self.builds:
            self.builds[number] = self.lab.build(self.step(number))
            self._note_step(number, self.builds[number], (), time.monotonic())
        return self.builds[number].artefact is None

    def _is_bad(self, cell: str, number: int) -> bool:
        """Whether ``cell`` is worse than on the base after patch ``number``; what does not build is not."""
        if self._does_not_build(number):
            return False
        runs = self.runs.setdefault(number, {})
        begun = time.monotonic()
        if cell not in runs:
            runs |= self.lab.run(self.step(number), {cell: self.seeds[cell]})
        before = dict(self.bad_since)
        self.bad_since.pop(cell, None)
        (found,) = self.judged(number, [cell])
        self.bad_since = before
        others = tuple(each for each in self.steps[number].cells if each.cell != cell)
        self._note_step(number, self.builds[number], (*others, found), begun)
        return found.outcome in REJECTING

    def watched(self, whole: StepBuild) -> tuple[PatchCoverage, tuple[costs.CostRow, ...]]:
        """Run the cells once more on both sides with the model's trace of executed code."""
        assert whole.artefact is not None
        try:
            series, base = (self.lab.watch(self.builds[number]) for number in (self.count, 0))
        except UserError as error:
            return PatchCoverage(why_not=str(error)), ()
        everything = find_cells([], ["*"], self.request.overrides) if self.request.suggest else None
        try:
            coverage = measure.coverage_of(
                self.tree,
                whole.artefact,
                series,
                self.lab.store,
                everything,
                self.tree.source(measure.HANDLERS, self.base.repository.commit),
            )
        except InfraError as error:
            coverage = PatchCoverage(why_not=str(error))
        exact = {c.id for c in self.lab.cells(self.step(0)) if c.stack.timing == DETERMINISTIC}
        return coverage, costs.compare(
            *({c: t for c, t in side.items() if c in exact} for side in (base, series))
        )


def _first_error(why: str) -> str:
    lines = [line for line in why.splitlines() if "error" in line.lower()]
    return lines[0].strip() if lines else why.splitlines()[0]
