# SPDX-License-Identifier: GPL-2.0-only
"""What a budget left out comes first the next time, night after night, until everything has had its turn."""

from __future__ import annotations

import json
from pathlib import Path

from harness.errors import EXIT_INFRA
from harness.nightly.farm import nightly
from harness.nightly.farm.owed import advanced, owed, subject_of
from harness.nightly.farm.plan import load_plan
from harness.nightly.history.database import Results
from tests.nightly.farm.plans import plan
from tests.nightly.farm.test_night import Night

MORE = "budget: {cells: 3}\npriorities: [{cells: 'urgent*', priority: 100}]\n"


def ran(night: Night) -> set[str]:
    """Of the newest run: the cells that ran, under the plan's names."""
    with Results(night.settings.results or Path()) as results:
        rows = results.connection.execute(
            "SELECT cell || ' ' || model FROM execution JOIN subject ON subject.id = subject"
            " WHERE verdict != 'never' AND run = (SELECT max(id) FROM run)"
        )
        return {row[0] for row in rows}


def test_in_turn(tmp_path: Path) -> None:
    path = plan(tmp_path, MORE, urgent=1, passing=2)
    seen = []
    for number in range(3):
        night = Night(tmp_path)
        night.settings = nightly.Settings(
            tmp_path / "results.sqlite", tmp_path / f"run-{number}", tmp_path, command=night.settings.command
        )
        assert night.begin(path) == EXIT_INFRA  # something never ran
        seen.append(ran(night))
    urgent = {"urgent[n=0] qemu", "urgent[n=0] qemu-10.0"}
    assert all(urgent < each for each in seen), "the plan's own priority goes before what is owed"
    others = [each - urgent for each in seen]
    assert [len(each) for each in others] == [1, 1, 1]
    assert len(set().union(*others)) == 3, "none again before the others had their turn"


def test_a_resumed_run_keeps_its_own_order(tmp_path: Path) -> None:
    path = plan(tmp_path, MORE, urgent=1, passing=2)
    Night(tmp_path).begin(path)
    settings = nightly.Settings(tmp_path / "results.sqlite", tmp_path / "second", tmp_path)
    begun, directory, data = nightly.begin(path, settings)
    assert data["owed"] == json.loads((directory / nightly.RUN).read_text())["owed"]
    assert len(data["owed"]) == 3
    again, _, _ = nightly.resume(directory)
    assert [subject_of(task) for task in again.tasks] == [subject_of(task) for task in begun.tasks]
    assert [subject_of(task) for task in begun.tasks] != [subject_of(task) for task in load_plan(path).tasks]


def test_what_ran_since_is_not_owed(tmp_path: Path) -> None:
    path = plan(tmp_path, MORE, urgent=1, passing=2)
    Night(tmp_path).begin(path)
    with Results(tmp_path / "results.sqlite") as results:
        behind = owed(results, "made")
        assert {name for name, _, _ in behind} == {"passing[n=0]", "passing[n=1]"}
        assert set(behind.values()) == {1}
        assert owed(results, "another plan") == {}
    moved = advanced(load_plan(path), behind)
    assert [task.cell.scenario for task in moved.tasks[:2]] == ["urgent", "urgent"]
    assert {subject_of(task) for task in moved.tasks[2:5]} == set(behind)
