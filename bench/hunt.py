# SPDX-License-Identifier: GPL-2.0-only
"""Programs a second of ``nvh hunt``, how that grows with machines side by side, and what the sanitizer costs.

``.venv/bin/python -m bench.hunt [--seconds 60] [--jobs 1,2] [--kind KIND] [--seed S]`` hunts with one seed
and as many machines as each number says, one hunt after another; the first number without the sanitizer, too.
It prints programs and sharp observations a second and the ratio to the first hunt. Twice the machines on
twice the free cores should be about twice the programs: nothing is shared but the host. Where the cores are
not free the ratio says so.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.reproduce.hunt.campaign import Totals, Wanted, hunt


def measure(jobs: int, seconds: float, seed: str, kinds: tuple[str, ...], sanitize: bool) -> Totals:
    """One hunt in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
        place = Path(name) / "hunt"
        wanted = Wanted(seconds=seconds, seed=seed, out=place, jobs=jobs, kinds=kinds, sanitize=sanitize)
        totals = hunt(wanted, Console(quiet=True))
    assert not totals.errors, totals.errors
    return totals


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--kind", action="append", default=[])
    parser.add_argument("--seed", default="bench")
    options = parser.parse_args()
    kinds = tuple(options.kind)
    jobs = [int(word) for word in options.jobs.split(",")]
    measure(1, 5.0, options.seed, kinds, True)  # pays for the snapshots
    table = Table("machines", "sanitizer", "programs", "programs/s", "sharp/s", "ratio", "found", box=None)
    first = 0.0
    for machines, sanitize in [(jobs[0], True), (jobs[0], False), *((each, True) for each in jobs[1:])]:
        totals = measure(machines, options.seconds, options.seed, kinds, sanitize)
        rate = totals.programs / totals.seconds
        first = first or rate
        sharp = totals.sharp.sharp / totals.seconds
        numbers = [f"{rate:.1f}", f"{sharp:.1f}", f"{rate / first:.2f}", str(len(totals.findings))]
        table.add_row(str(machines), "on" if sanitize else "off", str(totals.programs), *numbers)
    Console().print(table)


if __name__ == "__main__":
    main()
