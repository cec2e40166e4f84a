"""Programs a second of ``nvh hunt``, and how that grows with machines side by side.

``.venv/bin/python -m bench.hunt [--seconds 60] [--jobs 1,2] [--kind KIND]`` hunts with one seed and as many
machines as each number says, one hunt after another, and prints programs and sharp observations a second and
the ratio to the first. Twice the machines on twice the free cores should be about twice the programs: nothing
is shared but the host. Where the cores are not free the ratio says so.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.hunt.campaign import Totals, Wanted, hunt


def measure(jobs: int, seconds: float, kinds: tuple[str, ...]) -> Totals:
    """One hunt; the first one also pays for the snapshots, so it is run once before."""
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
        wanted = Wanted(seconds=seconds, seed="bench", out=Path(name) / "hunt", jobs=jobs, kinds=kinds)
        return hunt(wanted, Console(quiet=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--kind", action="append", default=[])
    options = parser.parse_args()
    kinds = tuple(options.kind)
    measure(1, 5.0, kinds)
    table = Table("machines", "programs", "programs/s", "sharp/s", "ratio", box=None)
    first = 0.0
    for jobs in (int(word) for word in options.jobs.split(",")):
        totals = measure(jobs, options.seconds, kinds)
        rate = totals.programs / totals.seconds
        first = first or rate
        sharp = totals.sharp.sharp / totals.seconds
        table.add_row(str(jobs), str(totals.programs), f"{rate:.1f}", f"{sharp:.1f}", f"{rate / first:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
