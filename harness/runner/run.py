# SPDX-License-Identifier: GPL-2.0-only
"""One whole run: artefacts, cells, reports."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness import __version__
from harness.attempt.booted import FILE as BOOTED
from harness.attempt.booted import Booted
from harness.attempt.job import SEED, Job, write_job
from harness.attempt.sections import sections
from harness.host.cache import Store
from harness.host.paths import CHECKOUT, PROGRAM, RUNS, SCENARIOS
from harness.machine.qemu import Plugin
from harness.report.history import History
from harness.report.progress import Progress
from harness.report.publish import make_run_directory, point_latest, publish, utc_now
from harness.report.results import ArtefactVersion, CellResult, HostMachine, RunSummary
from harness.report.store import CELLS
from harness.report.terminal import print_summary
from harness.runner import default
from harness.runner.choice import Chooser, Start
from harness.runner.prepare import Builder, build_all
from harness.runner.processes import LocalRunner
from harness.runner.quarantine import Quarantine, load_quarantine
from harness.runner.snapshots import Snapshots
from harness.scenario.language import Cell
from harness.scenario.load import slug
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages


class RunWatcher:
    """Sees a run go on. This one lets it end by itself."""

    def begin(self) -> None:
        """Everything is built, and the first cell begins."""

    def goes_on(self, result: CellResult) -> bool:
        """Return whether the run goes on after ``result``."""
        return result is not None


START = Start()
NOBODY = RunWatcher()


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run is to be.

    ``out``         its directory; None: a new one below ``runs/``
    ``jobs``        how many cells at once; None: as many as CPUs and memory admit
    ``keep``        save the machine of each cell that does not pass
    ``quarantine``  what is known to be red; None: what quarantine.yaml says
    ``live``        show what the cells' runs print while they go on
    ``watcher``     may end the run early; cells that it cuts off are ``infra``
    ``rank``        the order in which cells begin, lower first; None: that of images/default.yaml
    """

    cells: Sequence[Cell]
    overrides: Overrides
    out: Path | None = None
    jobs: int | None = None
    start: Start = START
    seed: int = SEED
    keep: bool = False
    quarantine: Quarantine | None = None
    watcher: RunWatcher = NOBODY
    rank: Callable[[Cell], int] | None = None
    live: bool = False


BOOTS_S = 60.0
"""From the kernel's build to the first verdict on two idle cores: three boots, a snapshot, and a cell."""
KERNELS = ("kernel", "l0_kernel", "l1_kernel", "l2_kernel")
REPEATED = ("model", *KERNELS, "timing", "mutant", "l1_mutant", "sanitize")
"""The overrides that the command which reproduces a cell has to say again."""


def history(store: Store) -> History:
    """Return the record of how long builds and cells usually take on this machine."""
    return History(store.root / "history.json")


def reproduce(cell: Cell, overrides: Overrides, seed: int = SEED) -> str:
    """Return the one command that runs exactly this cell again."""
    words = [PROGRAM, "run"]
    path = Path(cell.path).absolute()
    if not path.is_relative_to(SCENARIOS):
        words.append(str(path))
    words.append(cell.id)
    for option in REPEATED:
        if value := getattr(overrides, option):
            # Absolute, because the command may be used from another directory.
            words += [f"--{option.replace('_', '-')}", str(Path(value).absolute()) if "/" in value else value]
    if seed != SEED:
        words += ["--seed", str(seed)]
    return shlex.join(words)


def make_jobs(
    cells: Sequence[Cell],
    images: dict[str, StackImages],
    overrides: Overrides,
    directory: Path,
    seed: int = SEED,
    keep: bool = False,
    watch: tuple[Plugin, ...] = (),
    live: bool = False,
) -> list[tuple[Job, Path]]:
    """Write the work order of every cell below ``directory``; returns each with its directory."""
    jobs = []
    for cell in cells:
        own = dataclasses.replace(overrides, mutant=cell.mutant or None, l1_mutant=cell.l1_mutant or None)
        job = Job(cell, images[cell.id], slug(cell.id), reproduce(cell, own, seed), seed, keep, watch, live)
        place = directory / CELLS / job.slug
        place.mkdir(parents=True)
        write_job(place, job)
        jobs.append((job, place))
    return jobs


def run_and_print(wanted: RunSpec, console: Console) -> RunSummary:
    """Run the cells for a person: the results are printed too, and ``runs/latest`` names the run."""
    return printed(*run_cells(wanted, console), console, named=wanted.out is not None)


def printed(summary: RunSummary, directory: Path, console: Console, named: bool) -> RunSummary:
    """Print the results of a run; ``runs/latest`` names it, unless a person ``named`` its directory."""
    if not named:
        point_latest(RUNS, directory)
    print_summary(summary, console, directory=directory)
    return summary


def summary_of(
    directory: Path,
    started: str,
    begun: float,
    cells: Sequence[CellResult],
    versions: Mapping[str, ArtefactVersion] | None = None,
    not_applicable: Mapping[str, str] | None = None,
    command: str = "",
) -> RunSummary:
    """Return the summary of a run here that ends now; ``begun`` is by the monotonic clock."""
    return RunSummary(
        id=directory.name,
        started=started,
        seconds=round(time.monotonic() - begun, 3),
        host=HostMachine.here(),
        nvh_version=__version__,
        nvh_commit=commit(),
        command=command,
        cells=tuple(cells),
        artefacts=versions or {},
        not_applicable=not_applicable or {},
    )


def run_cells(wanted: RunSpec, console: Console) -> tuple[RunSummary, Path]:
    """Build and run the cells and publish the results; returns the summary and the run's directory.

    Raises ``InputError`` when the quarantine does not fit the cells.
    """
    cells, store, watcher = wanted.cells, Store(), wanted.watcher
    known = load_quarantine() if wanted.quarantine is None else wanted.quarantine
    known.check(cells)
    started, begun = utc_now(), time.monotonic()
    directory = make_run_directory(RUNS, wanted.out)
    with Progress(console, history=history(store)) as progress:
        with _removed_on_error(directory):
            images = dict(build_all(cells, Builder(store, progress, then_s=BOOTS_S)))
        orders = make_jobs(
            cells, images, wanted.overrides, directory, wanted.seed, wanted.keep, live=wanted.live
        )
        chooser = Chooser(Snapshots(store, progress.note), wanted.start)
        booted = Booted(store.root / BOOTED)
        rank = wanted.rank or default.shipped().rank
        runner = LocalRunner(progress, wanted.jobs, chooser, history(store), booted, rank)
        watcher.begin()
        results = runner.run(orders, lambda result: None if watcher.goes_on(result) else runner.stop())
    by_id = {cell.id: cell for cell in cells}
    judged = [known.judged(by_id[each.id], each) for each in results]
    summary = summary_of(directory, started, begun, judged, artefacts(images))
    publish(summary, directory, sections(directory))
    return summary, directory


@contextlib.contextmanager
def _removed_on_error(directory: Path) -> Iterator[None]:
    """Leave no empty run behind when nothing could be run."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            (directory / CELLS).rmdir()
            directory.rmdir()
        raise


def artefacts(images: dict[str, StackImages]) -> dict[str, ArtefactVersion]:
    """Return every artefact of a run: name to version and SHA-256."""
    found: dict[str, ArtefactVersion] = {}
    for each in images.values():
        found[f"model {each.model.spec.name}"] = ArtefactVersion(
            f"QEMU {each.model.version}", each.model.sha256
        )
        for kernel in each.kernels.values():
            name = f"kernel {kernel.manifest.get('name', '')}"
            found[name] = ArtefactVersion(
                str(kernel.manifest.get("release", "")), str(kernel.manifest.get("sha256", ""))
            )
        for rootfs in each.rootfs.values():
            found[f"rootfs {rootfs.manifest['name']}"] = ArtefactVersion(
                rootfs.digest, str(rootfs.manifest["sha256"])
            )
    return found


def commit() -> str:
    """Return the project's own commit, with ``+`` for uncommitted changes; empty outside a checkout."""
    if CHECKOUT is None:
        return ""
    result = subprocess.run(
        ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty=+", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip()
