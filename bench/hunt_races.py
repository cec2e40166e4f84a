# SPDX-License-Identifier: GPL-2.0-only
"""How soon ``nvh hunt --races`` finds each race fault when nobody names it: the table of docs/races.md.

``.venv/bin/python -m bench.hunt_races [--seconds 600] [--seed N] [--jobs 2] [--select FAULT]... [--out DIR]``
hunts once on the kernel with each fault ``race-*`` of images/mutants.yaml, with all kinds of programs, until
the first finding or for so long, with a seed of its own drawn from ``--seed``, and prints a row for each.
``seconds`` are from the start of the machines until the finding was kept, repetitions included.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from pathlib import Path

from rich.console import Console

from harness.reproduce.hunt.campaign import Wanted
from harness.reproduce.races.campaign import RaceTotals, hunt
from harness.scenario.mutants import choose, load

RACES = "race-"
"""What the names of race faults begin with."""


def row(name: str, wanted: Wanted, totals: RaceTotals) -> str:
    """One line of the table in Markdown."""
    seen = totals.kept[0].split("; ")[0] if totals.kept else "; ".join(totals.notes[:1])
    found = "found" if totals.kept else "not found"
    return (
        f"| `{name}` | {wanted.seed} | {found} | {totals.seconds:.0f} | {totals.programs} | {totals.runs} | "
        f"{seen} |"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10**6)))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--select", action="append", default=[])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    names = options.select or [each.name for each in load() if each.name.startswith(RACES)]
    choose(load(), names)
    place = options.out or Path(tempfile.mkdtemp(prefix="nvh-races-"))
    print("| fault | seed | | seconds | programs | runs | what was seen |", flush=True)
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in names:
        seed = f"{options.seed}-{name}"
        wanted = Wanted(
            seconds=options.seconds,
            seed=seed,
            out=place / name,
            jobs=options.jobs,
            mutant=name,
            one=True,
        )
        print(row(name, wanted, hunt(wanted, Console(quiet=True))), flush=True)


if __name__ == "__main__":
    main()
