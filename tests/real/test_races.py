# SPDX-License-Identifier: GPL-2.0-only
"""A hunt for races on the real machine: two CPUs meet, what comes of it is kept, and otherwise it is silent.

Each runs programs of one kind of a hunt until something is kept, at most one for each way to begin. What
comes of it follows from the seed, however fast the host is.
"""

from __future__ import annotations

import json
import math
import queue
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.errors import EXIT_RED
from harness.host.cache import Store
from harness.level import Level
from harness.report.progress import Progress
from harness.reproduce.hunt.campaign import Wanted, stack_for
from harness.reproduce.races import conflict_programs, worker
from harness.reproduce.races.campaign import LANE
from harness.reproduce.races.told import Done
from harness.reproduce.races.worker import RaceOrder, RaceWorker
from harness.runner.prepare import Builder
from tests.real.conftest import Run, needs_mutants

SEED = "11"
"""With it the first program of these kinds has its translation when its user begins."""
PROGRAMS = len(conflict_programs.WAYS)
REPEATS = 2
SHRINK_RUNS = 3


@dataclass(frozen=True)
class Hunted:
    """What the programs of a hunt brought: each one's totals, and the records of what was kept."""

    done: list[Done]
    kept: list[dict[str, Any]]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few repetitions."""
    for name, value in (("REPEATS", REPEATS), ("SHRINK_RUNS", SHRINK_RUNS)):
        monkeypatch.setattr(worker, name, value)


def hunt(
    place: Path, kind: str, *, mutant: str = "", as_new: bool = False, programs: int = PROGRAMS
) -> Hunted:
    """Run programs of ``kind`` until something is kept."""
    spec = stack_for(LANE, Wanted(seconds=1, seed=SEED, out=place, mutant=mutant))
    with Progress(Console(file=sys.stderr)) as progress:
        images = Builder(Store(), progress).images(spec, watched=True)
    place.mkdir()
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    order = RaceOrder(
        seed=SEED,
        first=0,
        stride=1,
        images=images,
        spec=spec,
        out=place,
        deadline=math.inf,
        kernel=spec.levels[Level.L0].kernel,
        mutant=mutant,
        as_new=("defect-fault-against-tlbi",) if as_new else (),
    )
    made = RaceWorker(order, told)  # type: ignore[arg-type]
    try:
        kept = any(made.one(kind) for _ in range(programs))
    finally:
        made.target.close()
    done = [each for _ in range(told.qsize()) if isinstance(each := told.get(), Done)]
    records = [json.loads(path.read_text()) for path in place.glob("findings/*/finding.json")]
    assert kept == bool(records)
    return Hunted(done, records)


def test_a_defect_of_linux_is_met_and_its_trace_is_the_same_each_time(tmp_path: Path) -> None:
    """A fault that an operation overtakes (docs/defects.md): known, and new with --as-new."""
    found = hunt(tmp_path / "new", "stage2", as_new=True)
    (record,) = found.kept
    assert record["same"] == REPEATS
    assert record["holds"]
    known = hunt(tmp_path / "known", "stage2", programs=sum(each.begins for each in found.done))
    assert known.kept == []
    assert sum(each.known["defect-fault-against-tlbi"] for each in known.done) > 0
    assert sum(each.met for each in known.done) > 0


def test_a_kernel_with_a_race_is_found_out_and_the_right_one_is_not(tmp_path: Path) -> None:
    needs_mutants()
    (record,) = hunt(tmp_path / "wrong", "vncr", mutant="race-vncr-no-retry").kept
    assert record["same"] == REPEATS
    right = hunt(tmp_path / "right", "vncr", programs=1)
    assert right.kept == []
    assert {word for each in right.done for word in each.verdicts} == {"pass"}
    assert sum(each.met for each in right.done) >= 4


NOWHERE = """\
scenario: nowhere
summary: Holds a vCPU where this kernel has no such place.
steps:
  - boot: l0
  - hold: {at: user_mem_abort call none_of_these, cpu: 1, until: {step: work}, deadline: 100ms, times: 1}
    name: nobody
  - run: sleep 600
    on: l0
    name: work
expect:
  - result: zero
    of: work
"""


def test_a_cell_ends_undecided_where_the_kernel_lacks_its_place(tmp_path: Path) -> None:
    """What would run without the hold is another program: it is not begun, and not judged."""
    run = Run(tmp_path, {"nowhere": NOWHERE})
    try:
        assert run.finish(120) == EXIT_RED, run.log.read_text()
    finally:
        run.end()
    (cell,) = run.cells().values()
    assert cell["verdict"] == "undecided"
    said = {each["name"]: (each["verdict"], each["message"]) for each in cell["findings"]}
    assert said["nobody"][0] == "undecided"
    assert "calls no 'none_of_these'" in said["nobody"][1]
    assert said["zero"] == ("undecided", "run work never started; runs: none")
