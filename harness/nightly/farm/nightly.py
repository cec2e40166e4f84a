# SPDX-License-Identifier: GPL-2.0-only
"""A whole night: plan, price, run, results store, page."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import __version__
from harness.errors import UserError
from harness.host.cache import Store, write_atomic
from harness.host.paths import RUNS
from harness.nightly.farm import models
from harness.nightly.farm.backend import Backend
from harness.nightly.farm.driver import Driver
from harness.nightly.farm.ledger import NAME as LEDGER
from harness.nightly.farm.ledger import Ledger
from harness.nightly.farm.night import Night
from harness.nightly.farm.owed import Subject, advanced, owed
from harness.nightly.farm.plan import NightPlan, load_plan
from harness.nightly.history import exports, html, query
from harness.nightly.history.compare import Change, RunComparison, compare
from harness.nightly.history.database import UID, Begun, Results, default_path
from harness.nightly.history.terminal import print_comparison
from harness.report import store
from harness.report.progress import Progress
from harness.report.publish import make_run_directory, point_latest, utc_now
from harness.report.results import HostMachine, RunSummary
from harness.runner.prepare import Builder
from harness.runner.quarantine import load_quarantine
from harness.runner.run import commit
from harness.verdict import worst

RUN = "nightly.json"
FORMAT = 1
SUMMARISED = 5000
"""Most cells of which summary.json, which holds every result whole, is written."""

MakeBackend = Callable[[Path], Backend]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a night runs with. ``command`` stands in for a cell's process and for what it would need.

    ``url`` is where ``runs`` is published.
    """

    results: Path | None = None
    out: Path | None = None
    runs: Path = RUNS
    fresh: bool = False
    command: tuple[str, ...] = ()
    url: str = ""


def fingerprint(plan: NightPlan) -> dict[str, str]:
    """Return the SHA-256 of every file that says what a plan runs."""
    paths = {str(plan.path.absolute()), *(str(Path(task.cell.path).absolute()) for task in plan.tasks)}
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sorted(paths)}


def begin(path: Path, settings: Settings) -> tuple[NightPlan, Path, dict[str, Any]]:
    """Load a plan and make the directory of its run; returns both, and what the directory's file says.

    What earlier runs of the plan did not come to goes first; the file has it, so that a run that is
    resumed goes on in its own order.
    """
    plan, behind = ordered(path, settings)
    directory = make_run_directory(settings.runs, settings.out)
    data = {
        "format": FORMAT,
        "uid": secrets.token_hex(UID // 2),
        "plan": str(path.absolute()),
        "started": utc_now(),
        "files": fingerprint(plan),
        "fresh": settings.fresh,
        "owed": [[*subject, runs] for subject, runs in sorted(behind.items())],
    }
    write_atomic(directory / RUN, json.dumps(data, indent=1))
    (directory / "plan.yaml").write_bytes(path.read_bytes())
    return plan, directory, data


def ordered(path: Path, settings: Settings) -> tuple[NightPlan, dict[Subject, int]]:
    """Return a plan in the order of its next run, and what earlier ones did not come to."""
    plan = load_plan(path)
    with Results(settings.results or default_path(settings.runs)) as results:
        behind = owed(results, plan.name)
    return advanced(plan, behind), behind


def resume(directory: Path) -> tuple[NightPlan, Path, dict[str, Any]]:
    """Return what ``begin`` returned for a run that was interrupted.

    Raises ``UserError`` when the directory holds none, and when its plan or scenarios are no longer the
    same: their verdicts would not be those of one run.
    """
    try:
        data = json.loads((directory / RUN).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise UserError(f"{directory / RUN}: format {data['format']}, this nvh reads {FORMAT}")
    except OSError as error:
        what = f"no {RUN} in it" if directory.is_dir() else "no such directory"
        raise UserError(f"{directory} holds no nightly run: {what}; name the directory of one") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{directory / RUN} is damaged: {error}; name another run's directory") from error
    for path, digest in data["files"].items():
        try:
            found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; the run began with it and cannot go on") from error
        if found != digest:
            raise UserError(f"{path} has changed since the run began; start a new one")
    behind = {(cell, model, kernel): runs for cell, model, kernel, runs in data.get("owed", ())}
    return advanced(load_plan(Path(data["plan"])), behind), directory, data


def run(
    plan: NightPlan,
    directory: Path,
    data: Mapping[str, Any],
    make_backend: MakeBackend,
    settings: Settings,
    console: Console,
) -> int:
    """Run what of a plan is not finished in ``directory``, record it and make the page; returns the exit
    status.

    That of the worst verdict that counts, where what never ran weighs as ``infra``. What is interrupted can
    be resumed.
    """
    began = begun = time.monotonic()
    with (
        Results(settings.results or default_path(settings.runs)) as results,
        Ledger(directory / LEDGER) as ledger,
        Progress(console) as progress,
    ):
        quarantine = load_quarantine()
        quarantine.check(task.cell for task in plan.tasks)
        number = results.begin(_begun(plan, directory, data))
        begun -= ledger.spent_s  # what earlier drivers of this run took
        with _told(results, number, directory, begun, console):
            backend = make_backend(directory)
            try:
                night = Night(
                    plan,
                    directory,
                    results,
                    number,
                    progress,
                    None if settings.command else Builder(Store(), progress),
                    quarantine=quarantine,
                    command=settings.command,
                    fresh=bool(data["fresh"]),
                    slots=backend.slots,
                )
                night.consoles()
                night.planned()
                if plan.check_models and not settings.command:
                    night.checked(models.check_models(plan, directory, Store()))
                night.prepare()
            except BaseException:
                backend.close()
                raise
            deadline = began + plan.hours * 3600 if plan.hours else None
            never = Driver(backend, ledger, night, deadline).run(night.work())
            night.never(never, f"the plan's budget of {plan.hours or 0:g} h was used up")
            night.never(night.beyond, f"beyond the plan's budget of {plan.cells} cells")
        results.end(number, round(time.monotonic() - begun, 3))
        compared = publish(results, number, directory, plan, night, console, settings.url)
    if settings.out is None:
        point_latest(settings.runs, directory)
    print_comparison(compared, console)
    console.print(f"page {directory / html.NAME}", markup=False, highlight=False, soft_wrap=True)
    return exit_status(compared)


def exit_status(compared: RunComparison) -> int:
    """Return the exit status of a night: what counts is every verdict, old or new."""
    counted = (row for row in compared.rows if row.counts and row.change is not Change.GONE)
    return worst(query.verdict_of(row.verdict) for row in counted).exit_status


def _begun(plan: NightPlan, directory: Path, data: Mapping[str, Any]) -> Begun:
    return Begun(
        directory.name,
        plan.name,
        directory,
        str(data["started"]),
        HostMachine.here(),
        __version__,
        commit(),
        str(data.get("uid", "")),
    )


@contextlib.contextmanager
def _told(results: Results, number: int, directory: Path, begun: float, console: Console) -> Iterator[None]:
    """Say how to go on when the run is interrupted."""
    try:
        yield
    except BaseException:
        results.end(number, round(time.monotonic() - begun, 3), "interrupted")
        console.print(f"go on with: ./nvh nightly --resume {directory}", markup=False, soft_wrap=True)
        raise


def publish(
    results: Results,
    number: int,
    directory: Path,
    plan: NightPlan,
    night: Night,
    console: Console,
    url: str = "",
) -> RunComparison:
    """Write the page, junit.xml, kcidb.json and, of a run that is not too large, summary.json."""
    found = next(each for each in query.runs(results) if each.id == number)
    compared = compare(results, found)
    try:
        exports.write(results, compared, directory, url)
    except UserError as error:  # without kcidb-io; the rest is as good
        console.print(f"no kcidb.json: {error}", markup=False, highlight=False, soft_wrap=True)
    if len(night.cells) <= SUMMARISED:
        summary = RunSummary(
            directory.name,
            found.started,
            found.seconds or 0.0,
            HostMachine.here(),
            __version__,
            commit(),
            f"./nvh nightly {plan.path}",
            tuple(night.cells),
            not_applicable=night.not_applicable,
        )
        store.write_run(summary, directory)
    html.write(results, compared, directory / html.NAME)
    return compared
