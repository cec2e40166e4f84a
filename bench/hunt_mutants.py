# SPDX-License-Identifier: GPL-2.0-only
"""How soon ``nvh hunt`` finds kernels with an injected fault, and how short programs get: the table of
docs/hunt.md.

``.venv/bin/python -m bench.hunt_mutants [--seconds 300] [--seed N] [--jobs 2] [--select MUTANT | --masked]...
[--out DIR]`` hunts once on each kernel with an injected fault, until the first finding or for so long, with a
seed of its own drawn from ``--seed``, and prints a row for each. ``seconds`` are until the finding was shrunk
and kept, from the start of the machines.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from pathlib import Path

from rich.console import Console

from harness.reproduce.hunt.campaign import Totals, Wanted, hunt
from harness.scenario.mutants import NONE, choose, load

TEN = (
    "ipas2-no-unmap",
    "no-hint-one-page",
    "ripas2-half-range",
    "vmid-of-next",
    "context-first-only",
    "l1-write-permission-lost",
    "s1-no-tlbi",
    "s1-broadcast-lost",
    "tge-ignored",
    "vncr-own-vcpu",
)
"""One for each way to be wrong: what, how much, for whom, which permissions, no TLBI, which PEs, which
regime."""

MASKED = (
    "s1-local-not-upgraded",
    "s1-asid-dropped",
    "s1-vmid-of-l1",
    "s1-no-dsb",
    "s2-no-tlbi",
    "s2-range-base",
)
"""What the model's own TLB hides (docs/sanitizer.md)."""


def row(name: str, wanted: Wanted, totals: Totals) -> str:
    """One line of the table in Markdown."""
    known = sum(totals.known.values())
    if not totals.findings:
        return f"| `{name}` | {wanted.seed} | not found | | | {totals.programs} | {known} | |"
    found = totals.findings[0]
    note = "" if found["confirmed"] else " (not alone)"
    return (
        f"| `{name}` | {wanted.seed} | found{note} | {found['seconds']:.0f} | {found['actions']} | "
        f"{totals.programs} | {known} | {found['cause']} |"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10**6)))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--select", action="append", default=[])
    parser.add_argument("--masked", action="store_true", help="those that only the sanitizer can tell")
    parser.add_argument(
        "--all", action="store_true", help="every kernel with an injected fault and not ten of them"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    seeds = {mutant.name: str(rng.randrange(10**6)) for mutant in load()}
    names = options.select or list(seeds if options.all else MASKED if options.masked else TEN)
    choose(load(), [name for name in names if name != NONE])
    place = options.out or Path(tempfile.mkdtemp(prefix="nvh-hunts-"))
    print(
        "| kernel with an injected fault | seed | | seconds | actions | programs | known | what was seen |",
        flush=True,
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in names:
        wanted = Wanted(
            seconds=options.seconds,
            seed=seeds.get(name, options.seed),
            out=place / name,
            jobs=options.jobs,
            mutant="" if name == NONE else name,
            one=True,
        )
        print(row(name, wanted, hunt(wanted, Console(quiet=True))), flush=True)


if __name__ == "__main__":
    main()
