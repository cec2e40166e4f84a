# SPDX-License-Identifier: GPL-2.0-only
"""What the farm itself costs: scheduling per empty cell, and plan to page at many simulated cells.

``.venv/bin/python -m bench.nightly [--cells 1000] [--simulated 50000] [--nights 3] [--dask]`` prints the
overhead per cell beside the bare processes of the same cells, run one after the other in the same minute, and
seconds and peak memory of every part at the simulated size. Results have the real schema; nothing boots.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from harness.nightly.farm import nightly
from harness.nightly.farm.backend import Backend
from harness.nightly.farm.ledger import Ledger
from harness.nightly.farm.local import Local
from harness.nightly.farm.messages import PUBLISHED, AttemptEnding
from harness.nightly.farm.night import key_of
from harness.nightly.farm.plan import load_plan
from harness.nightly.farm.price import price
from harness.nightly.history import exports, html, query
from harness.nightly.history.compare import compare
from harness.nightly.history.database import RecordedCell, Results
from tests.nightly.farm import clusters
from tests.nightly.farm.conftest import STANDIN
from tests.nightly.farm.plans import SCENARIO
from tests.nightly.history import made

POINTS = 1000
"""Points of one scenario's matrix; the language allows 1024."""
LIMIT_S, LIMIT_MIB, LIMIT_MS = 60.0, 1024.0, 50.0
T = TypeVar("T")


def write_plan(place: Path, cells: int, models: str, kernels: str) -> Path:
    """Write a plan of about so many cells."""
    each = cells // (len(models.split(",")) * len(kernels.split(",")))
    names = []
    for number in range(-(-each // POINTS)):
        names.append(f"passing-{number:03d}")
        points = ", ".join(map(str, range(min(POINTS, each - number * POINTS))))
        (place / f"{names[-1]}.yaml").write_text(SCENARIO.format(name=names[-1], points=points))
    path = place / "plan.yaml"
    listed = ", ".join(f"{name}.yaml" for name in names)
    path.write_text(f"plan: made\nmodels: [{models}]\nkernels: [{kernels}]\nscenarios: [{listed}]\n")
    return path


def empty_cells(place: Path, cells: int, make: Callable[[Path], Backend]) -> tuple[float, float, int]:
    """Return seconds per cell of a whole night of empty cells, of the bare processes, and how many cells."""
    path = write_plan(place, cells, "qemu", "nv")
    settings = nightly.Settings(place / "r.sqlite", place / "run", place, command=(str(STANDIN),))
    begun = nightly.begin(path, settings)
    count = len(begun[0].tasks)
    started = time.monotonic()
    with (place / "log").open("w") as log:
        assert nightly.run(*begun, make, settings, Console(file=log)) == 0
    whole = time.monotonic() - started
    bare = place / "bare"
    bare.mkdir()
    started = time.monotonic()
    for number in range(count):
        cell = bare / f"passing{number}"
        cell.mkdir()
        subprocess.run([STANDIN, cell], check=True, stdout=subprocess.DEVNULL)
    return whole / count, (time.monotonic() - started) / count, count


class Parts:
    """Seconds of each part, wall clock and CPU: on a busy host only the second says something."""

    def __init__(self) -> None:
        self.seconds: dict[str, tuple[float, float]] = {}

    def timed(self, name: str, what: Callable[[], T]) -> T:
        """Run and time one part, or more of it."""
        started, used = time.monotonic(), time.process_time()
        result = what()
        before = self.seconds.get(name, (0.0, 0.0))
        took = time.monotonic() - started, time.process_time() - used
        self.seconds[name] = before[0] + took[0], before[1] + took[1]
        return result


def simulated(place: Path, cells: int, nights: int, parts: Parts) -> None:
    """Do everything of a night of so many cells but run them; earlier nights are there and not counted."""
    results = Results(place / "r.sqlite")
    for number in range(1, nights):
        made.record(results, number, made.many(cells, number), place)
    path = write_plan(place, cells, "qemu, qemu-10.0", "nv, nv-previous")
    plan = parts.timed("plan", lambda: load_plan(path))
    parts.timed("price", lambda: price(plan, query.Durations(results), 64))

    def ledger() -> None:
        with Ledger(place / "ledger.jsonl") as written:
            for task in plan.tasks:
                key = key_of(task)
                written.submitted(key, 1, "")
                written.ended(key, 1, AttemptEnding(PUBLISHED, worker="node7:1"))

    parts.timed("ledger, written", ledger)
    parts.timed("ledger, read", lambda: Ledger(place / "ledger.jsonl").__exit__())
    broken = {"qemu-10.0": nights}

    number = results.begin(made.begun(*made.night(nights), place / made.night(nights)[0]))

    def store(entries: Sequence[RecordedCell]) -> None:
        for entry in entries:  # one transaction each, as the driver does it
            results.record(number, [entry])

    entries = made.many(cells, nights, broken=broken)
    while some := list(itertools.islice(entries, 1000)):  # to make up results is no part of a night
        parts.timed("store", functools.partial(store, some))
    results.end(number, 3600.0)
    run = query.find_run(results, "latest")
    compared = parts.timed("compare", lambda: compare(results, run))
    assert len(compared.rows) == cells // 4 * 4
    parts.timed("page", lambda: html.write(results, compared, place / run.name / html.NAME))
    parts.timed("exports", lambda: exports.write(results, compared, place))
    results.close()


def main() -> int:
    """Measure and print; returns 1 when a limit of the issue is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--simulated", type=int, default=50_000)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--dask", action="store_true", help="over a cluster of two workers, too")
    options = parser.parse_args()
    console = Console(highlight=False)
    fine = True
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
        place = Path(name)
        (place / "sim").mkdir()
        parts = Parts()
        simulated(place / "sim", options.simulated, options.nights, parts)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        table = Table("part", "seconds", "CPU s", box=None)
        for part, (seconds, cpu) in parts.seconds.items():
            table.add_row(part, f"{seconds:.2f}", f"{cpu:.2f}")
        whole = sum(seconds for seconds, _ in parts.seconds.values())
        table.add_row("all", f"{whole:.2f}", f"{sum(cpu for _, cpu in parts.seconds.values()):.2f}")
        console.print(table)
        console.print(f"{options.simulated} cells, {options.nights} nights: {whole:.1f} s, {peak:.0f} MiB")
        fine = fine and whole < LIMIT_S and peak < LIMIT_MIB
        backends: dict[str, Callable[[Path], Backend]] = {"local": lambda _: Local(2)}
        rows = {}
        for backend, make in backends.items():
            (place / backend).mkdir()
            rows[backend] = empty_cells(place / backend, options.cells, make)
        if options.dask:
            from harness.nightly.farm.dask_cluster import Dask

            (place / "dask").mkdir()
            with clusters.dask_cluster(place / "cluster") as cluster:
                for _ in range(2):
                    cluster.worker(1)
                rows["dask"] = empty_cells(
                    place / "dask", options.cells, lambda run: Dask(cluster.address, run.name)
                )
        for backend, (each, bare, count) in rows.items():
            console.print(
                f"{backend}: {count} empty cells, {each * 1000:.1f} ms each, page and store included; "
                f"the bare process {bare * 1000:.1f} ms; ratio {each / bare:.1f}"
            )
            fine = fine and each * 1000 < LIMIT_MS
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
