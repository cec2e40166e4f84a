# SPDX-License-Identifier: GPL-2.0-only
"""One acceptance, from the series to the report: apply, build, run, compare, find the first bad patch."""

from __future__ import annotations

import functools
import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import __version__
from harness.accept import apply as applying
from harness.accept import base as bases
from harness.accept import compare as comparing
from harness.accept import confirming, cost_limit, submission, warned, which_steps
from harness.accept import cost as costs
from harness.accept.compare import REJECTING, CellComparison, CellRuns, SeriesEffect
from harness.accept.coverage import measure
from harness.accept.coverage.report import PatchCoverage
from harness.accept.earlier import FACT
from harness.accept.lab import Lab, SeriesStep, StepBuild
from harness.accept.report.selection import plan_line, selection_of
from harness.accept.report.series_report import (
    COST,
    BuildRecord,
    Culprit,
    PatchRecord,
    SeriesReport,
    StepRecord,
)
from harness.accept.request import DETERMINISTIC, Request, runs
from harness.accept.selection import kept, planning
from harness.accept.selection.choose import Plan
from harness.errors import InfraError, UserError
from harness.report.progress import Progress
from harness.report.publish import utc_now
from harness.report.results import HostMachine
from harness.runner.project import find_cells
from harness.runner.run import commit, history
from harness.scenario.language import Cell
from harness.trace.executed.counts import Trace

SEED = 1
BASE_SHARE = 0.75
"""Of the budget: when the base stops to begin cells. The price is half of it, without the snapshots."""


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
    plan: Plan | None = None
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
        """Build, choose, run, compare, search, record coverage; returns the report.

        After the base the whole series runs, which shows most; then the steps between.
        """
        started, begun = utc_now(), time.monotonic()
        numbers = which_steps.chosen(self.request.patches, self.count)
        futures = {number: self.lab.begin(self.step(number)) for number in (0, *numbers)}
        self.builds[0] = futures.pop(0).result()
        self.choose(numbers)
        self.take(0)
        self.builds |= {number: future.result() for number, future in futures.items()}
        for number in (self.count, *numbers[:-1]):
            self.take(number)
            if number != self.count:
                self.lab.forget(self.builds[number])
        culprits = self.culprits()
        whole = self.builds[self.count]
        coverage: PatchCoverage | None = None
        cost: tuple[costs.CostRow, ...] = ()
        if self.request.watches and whole.artefact:
            coverage, cost, dear = self.watched(whole)
            culprits = (*culprits, *dear)
        for number, build in self.builds.items():
            if number:
                self.lab.forget(build)
        cells = self.lab.cells(self.step(0))
        return SeriesReport(
            origin=self.submission.origin,
            title=self.submission.title,
            version=self.submission.version,
            base=self.base.label,
            base_commit="" if self.base.repository.imported else self.base.repository.commit,
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
            cost_limit=self.request.cost_limit,
            selection=selection_of(
                self.plan,
                self.request.select[1],
                cells,
                self.request.budget_s,
                coverage.ran_functions if coverage else (),
            ),
            diff=self.tree.diff(),
            level=str(self.request.level),
            base_earlier=sum(
                any(FACT in each.facts for each in runs.results) for runs in self.runs.get(0, {}).values()
            ),
        )

    def choose(self, numbers: Sequence[int]) -> None:
        """Choose the cells where nobody named any."""
        base = self.builds[0]
        if not base.artefact:
            raise UserError(f"the base does not build, so nothing can be said of the series:\n{base.why}")
        if not self.request.chooses:
            return
        known = planning.PlanningKnowledge(
            self.lab.store,
            self.request.overrides,
            history(self.lab.store),
            self.request.repeat,
            self.lab.earlier.known(base.artefact, self.request) if self.lab.earlier else frozenset(),
        )
        self.plan = kept.load(self.directory) if self.request.resume else None
        if self.plan is None:
            found = planning.basis(self.tree, base.artefact, known)
            how = (self.request.budget_s, self.request.jobs, self.request.watches)
            self.plan = planning.make(found, numbers, *how)
            kept.note(self.directory, self.plan)
        self.lab.choose(self.plan.cells)
        self.progress.note(plan_line(self.plan))

    def _repeated(self, cells: Sequence[Cell], racy: bool) -> int:
        """Return how often each cell of a kind is run on each side at first; 0 when there is none."""
        some = [cell for cell in cells if (cell.stack.timing != DETERMINISTIC) is racy]
        return len(self.seeds[some[0].id]) if some else 0

    def step(self, number: int) -> SeriesStep:
        """Return the step up to patch ``number``, with its kernel file."""
        name = f"{self.base.spec.name}-patch-{number}" if number else f"{self.base.spec.name}-base"
        patches = tuple(patch.patch for patch in self.tree.patches[:number])
        place = self.base.write_kernel(self.directory / "kernels", name, patches)
        return SeriesStep(number, f"patch-{number}" if number else "base", place)

    @functools.cached_property
    def seeds(self) -> dict[str, Sequence[int]]:
        """The seeds of the first runs of every cell."""
        found: dict[str, Sequence[int]] = {}
        for cell in self.lab.cells(self.step(0)):
            found[cell.id] = range(SEED, SEED + runs(cell.stack.timing, self.request.repeat))
        return found

    def more(self, cell: str) -> range:
        """Return the seeds of the further runs of a cell that differs."""
        first = SEED + len(self.seeds[cell])
        return range(first, first + self.request.confirm)

    def take(self, number: int) -> None:
        """Run the cells of a step that was built, and compare them with the base's."""
        begun = time.monotonic()
        built = self.builds[number]
        if not built.artefact:
            self._note_step(number, built, (), begun)
            return
        seeds = self.seeds
        if self.plan and 0 < number < self.count:
            seeds = {cell: seeds[cell] for cell in self.plan.between.get(number, ()) if cell in seeds}
        watch = built if self.request.watches and number in (0, self.count) else None
        within_s = self.request.budget_s * BASE_SHARE if self.plan and not number else math.inf
        self.runs[number] = self.lab.run(built.step, seeds, watch, within_s) if seeds else {}
        if not number:
            self._drop_late()
        found = self.judged(number, list(self.runs[number])) if number else []
        self._note_step(number, built, tuple(found), begun)

    def _drop_late(self) -> None:
        """Leave out what the base had no time for: without its runs nothing can be compared."""
        late = {cell for cell, runs in self.runs[0].items() if not runs.results}
        if not late or not self.plan:
            return
        self.plan = self.plan.without(late)
        self.lab.choose(self.plan.cells)
        for cell in late:
            del self.runs[0][cell], self.seeds[cell]
        self.progress.note(f"{len(late)} cells had not begun at three quarters of the budget, and do not run")

    def judged(self, number: int, cells: Sequence[str]) -> list[CellComparison]:
        """Compare a step with the base; where they differ, run both some more first."""
        base, here = self.runs[0], self.runs[number]
        again = [cell for cell in comparing.differing(base, here) if cell in cells]
        again = [cell for cell in again if cell not in self.bad_since]
        if again and self.request.confirm:
            within_s = self.request.budget_s * confirming.SHARE if self.plan else math.inf
            differ = len(again)
            again = confirming.affordable(again, base, here, self.request.confirm, within_s)
            if len(again) < differ:
                self.progress.note(f"{len(again)} of {differ} cells that differ run again, within the budget")
            for side, step in ((base, self.step(0)), (here, self.step(number))):
                short = {cell: self.more(cell) for cell in again if cell not in self.confirmed[step.number]}
                self.confirmed[step.number] |= short.keys()
                for cell, more in self.lab.run(step, short).items() if short else ():
                    side[cell].results += more.results
        found = comparing.compare(base, {cell: here[cell] for cell in cells})
        for each in found:
            if each.outcome in REJECTING:
                self.bad_since[each.cell] = min(number, self.bad_since.get(each.cell, number))
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
            first = which_steps.first_bad(
                self._last_good(cell, since), since, functools.partial(self._is_bad, cell)
            )
            seen = {number: each for number in self.steps if (each := self._seen(number, cell))}
            says = seen[first if first in seen else since].series_says
            last = seen.get(self.count)
            repaired = last is not None and last.outcome not in REJECTING
            sure = any(each.outcome is SeriesEffect.REGRESSION for each in seen.values())
            outcome = SeriesEffect.REGRESSION if sure else SeriesEffect.SUSPECT
            found.append(
                self._culprit(f"{outcome.value} of {cell}", first, first - 1, says, repaired=repaired)
            )
        return tuple(sorted(dict.fromkeys(found), key=lambda each: each.patch))

    def _seen(self, number: int, cell: str) -> CellComparison | None:
        """What a step showed of a cell; None where it did not run."""
        return next((each for each in self.steps[number].cells if each.cell == cell), None)

    def _last_good(self, cell: str, since: int) -> int:
        """The last step before ``since`` on which the cell ran and was no worse than on the base (0)."""
        good = [
            n
            for n in self.steps
            if n < since and (each := self._seen(n, cell)) and each.outcome not in REJECTING
        ]
        return max(good, default=0)

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

    def watched(
        self, whole: StepBuild
    ) -> tuple[PatchCoverage, tuple[costs.CostRow, ...], tuple[Culprit, ...]]:
        """Return coverage and cost by what both sides executed, and the patch that cost speaks against."""
        assert whole.artefact is not None
        series, base = (self.lab.traces(self.builds[number].step) for number in (self.count, 0))
        everything = find_cells([], ["*"], self.request.overrides) if self.request.suggest else None
        before = self.builds[0].artefact
        try:
            coverage = measure.coverage_of(
                self.tree,
                whole.artefact,
                series,
                self.lab.store,
                everything,
                self.tree.source(measure.HANDLERS, self.base.repository.commit),
                (before, base) if before else None,
                self.steady(),
            )
        except InfraError as error:
            coverage = PatchCoverage(why_not=str(error))
        exact = {c.id for c in self.lab.cells(self.step(0)) if c.stack.timing == DETERMINISTIC}
        sides = [{c: t for c, t in side.items() if c in exact} for side in (base, series)]
        return coverage, costs.compare(*sides), self.dear(*sides)

    def steady(self) -> set[str]:
        """Return the cells that were never red on the base, nor with the whole series."""
        here = self.runs.get(self.count, {})
        return {cell for cell, runs in here.items() if not runs.rate.red and not self.runs[0][cell].rate.red}

    def dear(self, base: Mapping[str, Trace], series: Mapping[str, Trace]) -> tuple[Culprit, ...]:
        """Return the patch since which the cost speaks against the series, by a cell that shows it.

        A cell shows it, all of them decide it: one alone may have met another CPU.
        """
        limit = self.request.cost_limit
        if not cost_limit.judge(costs.compare(base, series), limit).against:
            return ()

        def speaks(cell: str, trace: Trace) -> tuple[str, ...]:
            return cost_limit.judge(costs.compare({cell: base[cell]}, {cell: trace}), limit).against

        showing = next((cell for cell in base if cell in series and speaks(cell, series[cell])), None)
        if showing is None:
            return ()
        says = speaks(showing, series[showing])

        def is_bad(number: int) -> bool:
            if self._does_not_build(number):
                return False
            trace = self.lab.watch(self.builds[number], [showing]).get(showing)
            return trace is not None and bool(speaks(showing, trace))

        first = which_steps.first_bad(0, self.count, is_bad)
        return (self._culprit(COST, first, first - 1, f"in {showing}: {says[0]}"),)


def _first_error(why: str) -> str:
    lines = [line for line in why.splitlines() if "error" in line.lower()]
    return lines[0].strip() if lines else why.splitlines()[0]
