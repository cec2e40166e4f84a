# SPDX-License-Identifier: GPL-2.0-only
"""A worker that is killed in any phase of its work: its cell is run again or had published, counted once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.document.as_json import read_json, to_data
from harness.errors import EXIT_PASS
from harness.host.paths import ROOT
from harness.nightly.farm.backend import ENDED, News
from harness.nightly.farm.messages import LOST, AttemptEnding, AttemptOrder
from harness.nightly.farm.work import ENDING
from harness.report import store
from tests.nightly.farm.conftest import machine
from tests.nightly.farm.plans import plan
from tests.nightly.farm.test_night import Night
from tests.processes import wait_gone

WORKER = """
import os, sys
from harness.nightly.farm import work
from tests.nightly.farm.drive import die_at
if os.environ["DIE_AT"]:
    die_at(os.environ["DIE_AT"])
sys.exit(work.main(sys.argv[1:]))
"""
PHASES = {
    "harness.runner.supervise:_Watch.wait:1:before": "lost",
    "harness.nightly.farm.work:publish:1:before": "lost",
    "harness.nightly.farm.work:publish:1:after": "published",
    "harness.nightly.farm.work:write_atomic:1:before": "published",
}
"""Where it dies, and what the driver finds then."""


class Mortal:
    """A worker for each order, as Slurm has them; the first of all dies at ``point``."""

    name = "mortal"
    slots = 1
    window: int | None = 1

    def __init__(self, place: Path, point: str) -> None:
        self._place, self._point = place, point
        self._running: dict[str, tuple[AttemptOrder, subprocess.Popen[bytes]]] = {}
        self.statuses: list[int] = []

    def submit(self, order: AttemptOrder) -> str:
        orders = self._place / f"{order.key}.{order.attempt}.orders"
        orders.write_text(json.dumps(to_data(order)) + "\n")
        environment = {**os.environ, "DIE_AT": "" if self.statuses else self._point}
        words = [sys.executable, "-c", WORKER, str(orders), "0"]
        self._running[order.key] = order, subprocess.Popen(words, cwd=ROOT, env=environment)
        return ""

    def flush(self) -> None:
        pass

    def adopt(self, order: AttemptOrder, token: str) -> bool:  # noqa: ARG002
        return False

    def cancel(self, key: str) -> None:
        self._running[key][1].kill()

    def poll(self, timeout_s: float) -> list[News]:
        time.sleep(min(timeout_s, 0.05))
        found = []
        for key, (order, process) in list(self._running.items()):
            if process.poll() is None:
                continue
            del self._running[key]
            self.statuses.append(process.returncode)
            told = Path(order.directory + ENDING)
            ending = (
                read_json(AttemptEnding, told.read_text()) if told.exists() else AttemptEnding(LOST, "died")
            )
            found.append(News(key, ENDED, ending=ending))
        return found

    def close(self) -> None:
        for _, process in self._running.values():
            process.kill()
            process.wait()


@pytest.mark.real
@pytest.mark.parametrize(("phase", "found"), PHASES.items())
def test_a_worker_that_is_killed_in_any_phase(tmp_path: Path, phase: str, found: str) -> None:
    backend = Mortal(tmp_path, phase)
    night = Night(tmp_path)
    begun = plan(tmp_path, **{"slow" if "_Watch" in phase else "passing": 1})
    assert night.begin(begun, backend) == EXIT_PASS
    assert backend.statuses == [-signal.SIGKILL, 0, *([0] if found == "lost" else [])]
    assert [(verdict, original) for _, verdict, original, _ in night.rows()] == [("pass", "pass")] * 2
    cells = [store.read_cell(path) for path in (night.run / "cells").glob("*/result.json")]
    said = [cell.facts["attempts"] for cell in cells if "attempts" in cell.facts]
    assert said == (["2, because attempt 1: died"] if found == "lost" else [])
    left = [pid for place in night.run.glob("*/*/") if (pid := machine(place))]
    assert wait_gone(left, 10) == []
