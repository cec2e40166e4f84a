# SPDX-License-Identifier: GPL-2.0-only
"""Begins an acceptance, or goes on with one that was interrupted, or says what it would take."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.accept import apply as applying
from harness.accept import base as bases
from harness.accept import request as requests
from harness.accept import submission, which_steps
from harness.accept.campaign import Campaign
from harness.accept.earlier import EarlierRuns
from harness.accept.lab import Lab, selected
from harness.accept.report.selection import priced
from harness.accept.report.series_report import SeriesReport
from harness.accept.request import Request
from harness.accept.selection import planning
from harness.artefacts.kernel import built_kernel, load_kernel
from harness.artefacts.payloads import MODULE_SOURCES
from harness.errors import InfraError
from harness.host.cache import Store
from harness.host.paths import RUNS
from harness.report.progress import Progress
from harness.report.publish import make_run_directory
from harness.report.store import CELLS
from harness.runner.run import history


def run(request: Request, console: Console, store: Store | None = None) -> tuple[SeriesReport, Path]:
    """Carry out ``request``; returns the report and its directory.

    ``UserError`` for a series or a base that cannot be judged, ``InfraError`` when the machine fails.
    """
    store = store or Store()
    found = submission.read(request.source, request.version)
    which_steps.chosen(request.patches, len(found.patches))
    selected(request.select, request.overrides, request.level)  # report wrong names before anything is built
    directory = _directory(request)
    try:
        with Progress(console, history=history(store)) as progress:
            base = bases.open_base(request.base, store, progress.note)
            tree, base, notes = applying.apply(found, base, directory)
            _note_request(request, directory, base, tree)
            with Lab(
                store,
                progress,
                directory / "steps",
                request.select,
                request.overrides,
                request.jobs,
                request.level,
                _earlier(request, store),
            ) as lab:
                campaign = Campaign(request, found, base, tree, lab, progress, directory)
                campaign.notes += [*found.notes, *notes]
                report = campaign.carry_out()
    except BaseException as error:
        if not (directory / "steps").exists():  # nothing has run: leave nothing
            shutil.rmtree(directory, ignore_errors=True)
        elif isinstance(error, KeyboardInterrupt | InfraError):
            console.print(f"go on with: {requests.going_on(directory)}", markup=False, soft_wrap=True)
        raise
    return report, directory


def _directory(request: Request) -> Path:
    """Return the directory of the acceptance: a new one, or that of the one that goes on."""
    if request.resume and request.out:
        for name in ("series", "kernels"):  # made again, the same
            shutil.rmtree(request.out / name, ignore_errors=True)
        return request.out
    directory = make_run_directory(RUNS, request.out)
    (directory / CELLS).rmdir()
    return directory


def _earlier(request: Request, store: Store) -> EarlierRuns | None:
    return None if request.base_anew or request.by_console else EarlierRuns(store)


def _note_request(request: Request, directory: Path, base: bases.Base, tree: applying.Tree) -> None:
    patches = [patch.data for patch in base.overlay.patches] + [each.patch.data for each in tree.patches]
    inputs = [base.repository.commit.encode(), *patches]
    if request.resume:
        requests.check_series(directory, inputs)
    else:
        begun = requests.BegunAs(request.argv, str(Path.cwd()), requests.digest(inputs))
        requests.note(directory, begun)


def dry_run(request: Request, console: Console, store: Store | None = None) -> None:
    """Say what an acceptance would run, in its order, why, and what that takes; nothing is built."""
    store = store or Store()
    found = submission.read(request.source, request.version)
    numbers = which_steps.chosen(request.patches, len(found.patches))
    usual = history(store)
    with (
        tempfile.TemporaryDirectory(prefix="nvh-accept-") as place,
        Progress(console, history=usual) as progress,
    ):
        base = bases.open_base(request.base, store, progress.note)
        tree, base, notes = applying.apply(found, base, Path(place))
        kernel = load_kernel(str(base.write_kernel(Path(place), f"{base.spec.name}-base", ())))
        built = built_kernel(kernel, store, MODULE_SOURCES)
        if request.chooses:
            earlier = _earlier(request, store)
            had = earlier.known(built, request) if built and earlier else frozenset()
            known = planning.PlanningKnowledge(store, request.overrides, usual, request.repeat, had)
            basis = planning.basis(tree, built, known)
            plan = planning.make(basis, numbers, request.budget_s, request.jobs, request.watches)
        else:
            cells = selected(request.select, request.overrides, request.level)
            plan = planning.named(
                {cell.id: requests.runs(cell.stack.timing, request.repeat) for cell in cells},
                numbers,
                (request.jobs, request.watches),
                usual,
            )
    for line in priced(plan, len(numbers), built is not None):
        console.print(Text(line), soft_wrap=True)
    for note in (*found.notes, *notes):
        console.print(Text(f"note: {note}"), soft_wrap=True)
