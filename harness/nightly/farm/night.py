# SPDX-License-Identifier: GPL-2.0-only
"""One run of a plan: its directory, its work orders, and what is made of every ending."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harness.attempt.booted import FILE as BOOTED
from harness.attempt.booted import Booted
from harness.attempt.job import Job, planned_cell, write_job
from harness.bundle.console_cells import ConsoleBundles, ConsoleCell, reasons
from harness.bundle.console_order import COMMAND, planned_on, write_order
from harness.bundle.console_run import BUNDLES
from harness.errors import NvhError
from harness.host.cache import sha256_file
from harness.nightly.farm import artefacts, models
from harness.nightly.farm.driver import CellWork
from harness.nightly.farm.messages import PUBLISHED, AttemptEnding, AttemptOrder
from harness.nightly.farm.plan import NightPlan, Task
from harness.nightly.farm.price import LeftToRun, expected
from harness.nightly.farm.work import publish
from harness.nightly.history.database import RETRY, RecordedCell, Results
from harness.nightly.history.import_run import label as label_of
from harness.nightly.history.query import Durations
from harness.report import store
from harness.report.progress import Progress
from harness.report.results import CellResult
from harness.report.safe_text import seconds
from harness.runner.prepare import Builder, needs_plugins, uses_plugins
from harness.runner.processes import bound, cells_here
from harness.runner.quarantine import Quarantine
from harness.runner.run import history, reproduce
from harness.runner.supervise import GRACE_S
from harness.scenario.language import Cell, StackSpec
from harness.scenario.load import slug
from harness.stack.images import StackImages

ATTEMPTS = "attempts"
PLANNED = "planned.json"
"""What a stand-in for a cell's process makes its result of."""
KEY_LIMIT = 120
NOT_YET = "not reached: the run goes on, or its driver died"
SWITCHED_S = 600.0
"""What a machine has to be switched on and off, to open its console, and for what it says at its end."""
MEASURED = 1.15
"""A cell is admitted with what it was seen to take, and so much more."""


def key_of(task: Task) -> str:
    """Return a task's name in its run, which is that of its directory: ``cell+model+kernel+repeat``."""
    words = [slug(task.cell.id), task.model, task.kernel, str(task.repeat)]
    plain = "+".join(re.sub(r"[^A-Za-z0-9.=_-]+", "_", word) for word in words).lstrip(".-")
    if len(plain) < KEY_LIMIT and plain == "+".join(words):
        return plain
    digest = hashlib.sha256("\0".join(words).encode()).hexdigest()[:8]
    return f"{plain[: KEY_LIMIT - 10]}.{digest}"


@dataclasses.dataclass(slots=True)
class _Images:
    """What a cell's stack is made of, or why that could not be built; once with plugins, once without."""

    build: Callable[[StackSpec, bool, bool], StackImages]
    known: dict[str, StackImages | NvhError] = dataclasses.field(default_factory=dict)

    def of(self, cell: Cell) -> StackImages:
        """Return the images; raises the ``NvhError`` that building them raised."""
        watched, of_use = needs_plugins(cell), uses_plugins(cell)
        key = f"{watched} {of_use} {cell.stack!r}"
        if key not in self.known:
            try:
                self.known[key] = self.build(cell.stack, watched, of_use)
            except NvhError as error:
                self.known[key] = error
        found = self.known[key]
        if isinstance(found, NvhError):
            raise found
        return found


class Night:
    """The work of a plan in a run's directory, and the watcher of its driver.

    ``command`` stands in for the cell's process (tests and the bench have one; it is given the directory).
    """

    def __init__(
        self,
        plan: NightPlan,
        directory: Path,
        results: Results,
        run: int,
        progress: Progress,
        builder: Builder | None,
        *,
        quarantine: Quarantine,
        command: tuple[str, ...] = (),
        fresh: bool = False,
        slots: int = 1,
    ) -> None:
        self._directory = directory
        self._results = results
        self._run = run
        self._progress = progress
        self._images = _Images(builder.images) if builder else None
        self._artefacts = builder.store if builder else None
        self._bundles: dict[str, ConsoleBundles] = {}
        self.not_applicable = dict(plan.not_applicable)
        self._cache = str(builder.store.root) if builder else ""
        self._booted = Booted(builder.store.root / BOOTED) if builder else None
        self._quarantine = quarantine
        self._command = command
        self._fresh = fresh
        self._slots = slots
        self._confirm = plan.confirm
        self._durations = Durations(results, cells_here(history(builder.store)) if builder else None)
        kept = plan.tasks if plan.cells is None else plan.tasks[: plan.cells]
        self.tasks = {key_of(task): task for task in kept}
        self.beyond = {key_of(task): task for task in plan.tasks[len(kept) :]}
        self._expected = {key: expected(task, self._durations)[0] for key, task in self.tasks.items()}
        self._left = LeftToRun(dict(self._expected))
        self._counts: Counter[str] = Counter()
        self._retries = 0
        self.cells: list[CellResult] = []
        self._wrong: Mapping[str, str] = {}
        (directory / ATTEMPTS).mkdir(exist_ok=True)
        progress.headline = self.headline

    def checked(self, found: Mapping[str, CellResult]) -> None:
        """Record the models' own checks; what is red on a model that failed its own is put down to that."""
        self._wrong = models.suspects(found)
        self._results.record(self._run, [models.entry(label, each) for label, each in found.items()])
        for label, each in found.items():
            self.cells.append(each)
            self._counts[each.verdict.value] += 1
            told = (
                f"model {label}: {each.headline}" if each.headline else f"model {label} passes its own check"
            )
            self._progress.note(told)

    def planned(self) -> None:
        """Record everything as not reached yet, so that a run whose driver dies shows what never ran."""
        entries = [self._never(key, NOT_YET) for key in (*self.tasks, *self.beyond)]
        self._results.record(self._run, entries)
        store.write_planned([each.result for each in entries], self._directory)

    def consoles(self) -> None:
        """Make the bundles of the cells on console models; what such a model shall not run is set apart."""
        if self._artefacts is None:
            return
        for name in dict.fromkeys(each.overrides.model for each in self.tasks.values() if each.by_console):
            assert name is not None
            bundles = ConsoleBundles(
                name, self._directory / BUNDLES / label_of(name), self._artefacts, self._progress
            )
            mine = {key: task for key, task in self.tasks.items() if task.overrides.model == name}
            cells = {key: ConsoleCell.of(task.cell) for key, task in mine.items()}
            apart = bundles.choose(list(cells.values()))
            for key, task in mine.items():
                if task.cell.id in apart:
                    where = f"{task.cell.id} on {task.model}/{task.kernel}"
                    self.not_applicable[where] = apart[task.cell.id]
                    del self.tasks[key], self._expected[key], self._left.each[key]
            bundles.make([cells[key] for key in mine if key in self.tasks])
            self._bundles[name] = bundles
        for line in reasons(self.not_applicable):
            self._progress.note(f"not applicable, {line}")

    def prepare(self) -> None:
        """Build what the cells need; what cannot be built makes its cells infra, not the others."""
        if self._images is None:
            return
        for task in (task for task in self.tasks.values() if not task.by_console):
            try:
                self._images.of(task.cell)
            except NvhError as error:
                self._progress.note(f"{task.model}/{task.kernel}: {error}")

    def work(self) -> list[CellWork]:
        """Return everything there is to do, the most urgent first."""
        return [self._work(key) for key in self.tasks]

    def _work(self, key: str) -> CellWork:
        final = self._directory / store.CELLS / key
        return CellWork(key, final, lambda attempt: self.order(key, attempt))

    def order(self, key: str, attempt: int) -> AttemptOrder:
        """Write the work order of an attempt, unless it is there, and return it."""
        task = self.tasks[key]
        place = self._directory / ATTEMPTS / f"{key}.{attempt}"
        needed = bound(task.cell)
        peak = self._durations.peak_mib(task.cell.id, task.model, task.kernel, task.cell.stack.timing)
        plain = AttemptOrder(
            key,
            attempt,
            str(place.absolute()),
            str((self._directory / store.CELLS / key).absolute()),
            task.cell.timeout + GRACE_S,
            math.ceil(needed.cpus),
            min(needed.memory_mib, int(peak * MEASURED)) if peak else needed.memory_mib,
            command=self._command,
        )
        if self._images is None:
            place.mkdir(exist_ok=True)
            (place / PLANNED).write_text(json.dumps(store.to_json(self.plan_of(key)), indent=1))
            return plain
        if task.by_console:
            return self._console_order(key, place, plain)
        job = self.job(key)
        model = job.images.model
        if not place.exists():
            place.mkdir()
            write_job(place, job)
            if self._booted:
                self._booted.leave(job, place)
        by_path = model.artefact is None
        return dataclasses.replace(
            plain,
            deadline_s=job.limit_s + GRACE_S,
            cache=self._cache,
            needs=artefacts.needs(job.images),
            program=model.launcher[0] if by_path else "",
            program_sha256=sha256_file(Path(model.launcher[0])) if by_path else "",
            fresh=self._fresh,
        )

    def _console_order(self, key: str, place: Path, plain: AttemptOrder) -> AttemptOrder:
        """The order of a cell on a console model, which is carried out by a process of its own kind."""
        task = self.tasks[key]
        assert task.overrides.model is not None
        bundles = self._bundles[task.overrides.model]
        cell = ConsoleCell.of(task.cell)
        order = bundles.order(cell, key, reproduce(task.cell, task.overrides, task.repeat), task.repeat)
        if not place.exists():
            place.mkdir()
            write_order(place, order)
        takes = len(cell.steps) * (task.cell.timeout * bundles.model.slowdown + SWITCHED_S)
        # A machine that is there once is waited for.
        turns = 1 if bundles.model.qemu else sum(each.by_console for each in self.tasks.values())
        return dataclasses.replace(plain, deadline_s=turns * takes + GRACE_S, command=COMMAND)

    def job(self, key: str) -> Job:
        """Return the job of a cell; raises what building its images raised. Each repeat has its seed."""
        task = self.tasks[key]
        assert self._images is not None
        images = self._images.of(task.cell)
        command = reproduce(task.cell, task.overrides, task.repeat)
        return Job(task.cell, images, key, command, task.repeat)

    def plan_of(self, key: str) -> CellResult:
        """Return the result of a cell of which nothing but its plan is known."""
        task = self.tasks.get(key) or self.beyond[key]
        command = reproduce(task.cell, task.overrides, task.repeat)
        if task.by_console:
            return planned_on(task.cell, key, command, task.repeat, task.model)
        return planned_cell(task.cell, key, command, task.repeat)

    def began(self, key: str, worker: str) -> None:
        """Show it."""
        task = self.tasks[key]
        label = f"{task.cell.id} on {task.model}/{task.kernel}"
        self._progress.phase(key, label, self._expected.get(key))
        self._progress.update(key, f"at {worker}")

    def stage(self, key: str, text: str) -> None:
        """Show it."""
        self._progress.update(key, text)

    def lost(self, key: str, why: str) -> None:
        """Say that it is run again."""
        self._progress.done(key, False, f"lost, and run again: {why}")

    def ended(self, key: str, ending: AttemptEnding, attempt: int, lost: Sequence[str]) -> Iterable[CellWork]:
        """Publish and record what came of a cell; a red one may be run again to tell whether it is flaky."""
        own = self._result(key, ending, attempt, lost)
        original = own.verdict if ending.how == PUBLISHED else None
        self._learn(key, ending, own)
        task, machine = self.tasks[key], own.machine
        result = models.blamed(self._quarantine.judged(task.cell, own), task.model, self._wrong)
        entry = RecordedCell(
            result,
            task.model,
            task.kernel,
            original,
            task.repeat,
            attempts=max(1, attempt),
            worker=ending.worker,
            peak_mib=_most(ending.peak_mib, machine.memory_mib if machine else None),
            cpu_seconds=ending.cpu_seconds,
        )
        self._results.record(self._run, [entry])
        if task.confirms:
            self._retries += 1
        else:
            self.cells.append(result)
            self._counts[result.verdict.value] += 1
        self._left.ended(key, result.seconds if ending.how == PUBLISHED else None)
        self._progress.done(key, result.is_fine, result.word)
        return () if result.is_fine else self._again(task)

    def _learn(self, key: str, ending: AttemptEnding, result: CellResult) -> None:
        """Remember which levels came up; what an image that is gone leaves unknown stays so."""
        if self._booted and ending.how == PUBLISHED and not self.tasks[key].by_console:
            with contextlib.suppress(NvhError):
                self._booted.learn(self.job(key), result, self._directory / store.CELLS / key)

    def _again(self, task: Task) -> Iterable[CellWork]:
        """Red cells of the plan's own repeats are confirmed; what confirms is not confirmed again."""
        if not self._confirm or task.confirms:
            return ()
        more = []
        for number in range(1, self._confirm + 1):
            again = dataclasses.replace(task, repeat=RETRY * task.repeat + number, confirms=True)
            key = key_of(again)
            self.tasks[key] = again
            self._expected[key] = self._left.each[key] = self._expected[key_of(task)]
            more.append(self._work(key))
        return more

    def _result(self, key: str, ending: AttemptEnding, attempt: int, lost: Sequence[str]) -> CellResult:
        plan = self.plan_of(key)
        final = self._directory / store.CELLS / key
        if ending.how == PUBLISHED or (final / store.RESULT).exists():
            result = store.collect(final, plan)
        else:
            result = plan.infra(ending.reason)
            place = self._directory / ATTEMPTS / f"{key}.{attempt}"
            place.mkdir(exist_ok=True)
            store.write_cell(result, place)
            if not publish(place, final):
                result = store.collect(final, plan)
        if lost and "attempts" not in result.facts and (final / store.RESULT).exists():
            facts = {**result.facts, "attempts": f"{attempt}, because {'; '.join(lost)}"}
            result = dataclasses.replace(result, facts=facts)
            store.write_cell(result, final)
        return result

    def never(self, keys: Iterable[str], why: str) -> None:
        """Record cells that did not run, for ``why``."""
        entries = []
        for key in keys:
            task = self.tasks.get(key) or self.beyond[key]
            self._counts["never ran"] += not task.confirms
            self._left.ended(key, None)
            entries.append(self._never(key, why))
        self._results.record(self._run, entries)

    def _never(self, key: str, why: str) -> RecordedCell:
        task = self.tasks.get(key) or self.beyond[key]
        return RecordedCell(self.plan_of(key), task.model, task.kernel, None, task.repeat, never=why)

    def headline(self) -> str:
        """Return how far the run is, its verdicts and when it will probably end; any thread may ask."""
        done = sum(self._counts.values())
        counts = ", ".join(f"{count} {word}" for word, count in dict(self._counts).items())
        rest = self._left.seconds(self._slots)
        end = time.strftime("%H:%M", time.localtime(time.time() + rest))
        told = f"; about {seconds(rest)} left, until {end}" if self._left.each else ""
        if self._retries:
            told = f"; {self._retries} {'retry' if self._retries == 1 else 'retries'}{told}"
        total = done + sum(not self.tasks[key].confirms for key in list(self._left.each))
        return f"{done} of {total} cells: {counts or 'none yet'}{told}"

    @property
    def counts(self) -> Mapping[str, int]:
        """How many cells have each verdict so far."""
        return self._counts


def _most(*values: float | None) -> float | None:
    """The largest of those that are known."""
    return max((value for value in values if value is not None), default=None)
