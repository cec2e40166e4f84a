# SPDX-License-Identifier: GPL-2.0-only
"""What a day with nvh is made of, in one run, each figure beside its goal.

``.venv/bin/python -m bench.everyday [--mutants 12] [--fresh] [--seconds 60]`` measures, one after another:
``nvh run`` with its snapshots made, a cell of 60 cases, part ``one`` of the litmus matrix and all of it,
``nvh hunt`` with one machine, and each 12th kernel with an injected fault against ``nvh run``: the share that
is red, the median time to the first red cell. ``--fresh`` begins with an empty cache, once with nvh's kernel
and once with Debian's, and times the first verdict: packages are fetched and a kernel is built. A ratio above
1 is better than the goal. The goals are of two idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import hunt, litmus
from harness.host.paths import ROOT
from harness.scenario.mutants import load

LIMIT_S = 5400.0
SMALL = "litmus-trap[family=trap-none]"
VERDICTS = ("pass", "fail", "infra", "undecided", "vacuous")


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` in ``unit``; ``more``: more of it is better."""

    name: str
    value: float
    unit: str
    goal: float
    more: bool = False

    @property
    def ratio(self) -> float:
        """How many times as good as the goal."""
        return self.value / self.goal if self.more else self.goal / self.value


def nvh(out: Path, *words: str, cache: Path | None = None) -> tuple[float, float, dict[str, Any]]:
    """Seconds until the first verdict and until the end of ``nvh words``, and the JSON it left in ``out``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"NVH_CACHE": str(cache)} if cache else {})
    begun, first = time.monotonic(), 0.0
    command = [sys.executable, "-m", "harness", *words, "--out", str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout or ():
            if not first and is_verdict(line):
                first = time.monotonic() - begun
            if time.monotonic() - begun > LIMIT_S:
                process.terminate()
    took = time.monotonic() - begun
    left = next((out / name for name in ("mutants.json", "summary.json") if (out / name).exists()), None)
    assert left is not None, f"{' '.join(words)} ended with status {process.returncode} and left nothing"
    found: dict[str, Any] = json.loads(left.read_text())
    return first, took, found


def is_verdict(line: str) -> bool:
    """Whether a line of progress ends a cell: ``done  covering-wide: pass (4.3 s)``."""
    words = line.split()
    return len(words) > 2 and words[0] in ("done", "FAIL") and words[2] in VERDICTS


def runs(place: Path) -> Iterator[Figure]:
    """``nvh run`` a second time, and one small cell."""
    nvh(place / "cold", "run")
    _, took, found = nvh(place / "warm", "run")
    assert found["worst"] == "pass", found["counts"]
    yield Figure("nvh run, its snapshots made", took, "s", 180)
    nvh(place / "first", "run", SMALL)
    _, _, found = nvh(place / "small", "run", SMALL)
    yield Figure(f"{SMALL}, 60 cases", found["cells"][0]["seconds"], "s", 3)


def matrix() -> Iterator[Figure]:
    """Part one by itself, then all parts with two machines."""
    specs = [part.stack("qemu", "icount") for part in litmus.PARTS]
    (one,), _ = litmus.measured(litmus.PARTS[:1], specs[:1], 1)
    yield Figure("litmus matrix, part one", one.rate, "cases/s", litmus.GOAL_RATE, more=True)
    _, took = litmus.measured(litmus.PARTS, specs, 2)
    yield Figure("litmus matrix, all parts, two machines", took, "s", litmus.GOAL_S)


def programs(seconds: float) -> Iterator[Figure]:
    """A hunt with one machine."""
    hunt.measure(1, 5.0, "everyday", (), True)  # pays for the snapshots
    totals = hunt.measure(1, seconds, "everyday", (), True)
    yield Figure("nvh hunt, one machine", totals.programs / totals.seconds, "programs/s", 60, more=True)


def faults(place: Path, every: int) -> Iterator[Figure]:
    """Each n-th kernel with an injected fault that can be told from the right one."""
    names = [row.name for row in load() if not row.survives][::every]
    chosen = [word for name in names for word in ("--select", name)]
    _, _, found = nvh(place / "faults", "mutants", "--with", "default", *chosen)
    red = [row["seconds"] for row in found["mutants"] if row["outcome"] == "killed"]
    yield Figure(
        f"of {len(names)} kernels with a fault, red in nvh run",
        100 * len(red) / len(names),
        "%",
        95,
        more=True,
    )
    yield Figure("median time to the first red cell", statistics.median(red), "s", 60)


def fresh(place: Path) -> Iterator[Figure]:
    """With nothing in the cache: nvh's own kernel, then Debian's in another cache."""
    for name, goal, words in (("nv", 600, ()), ("debian", 240, ("--kernel", "debian"))):
        first, _, _ = nvh(place / f"fresh-{name}", "run", *words, cache=place / f"cache-{name}")
        yield Figure(f"first verdict, empty cache, kernel {name}", first, "s", goal)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mutants", type=int, default=12, help="each N-th of them; 0: none")
    parser.add_argument("--fresh", action="store_true", help="begin with empty caches, too")
    parser.add_argument("--seconds", type=float, default=60.0, help="of hunting")
    options = parser.parse_args()
    console = Console()
    table = Table("figure", "measured", "goal", "ratio", box=None)
    with tempfile.TemporaryDirectory(prefix="nvh-bench-") as name:
        place = Path(name)
        parts = [fresh(place)] if options.fresh else []
        parts += [runs(place), matrix(), programs(options.seconds)]
        parts += [faults(place, options.mutants)] if options.mutants else []
        for part in parts:
            for figure in part:
                console.print(f"{figure.name}: {figure.value:.1f} {figure.unit}")
                goal = f"{figure.goal:g} {figure.unit}"
                table.add_row(figure.name, f"{figure.value:.1f} {figure.unit}", goal, f"{figure.ratio:.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
