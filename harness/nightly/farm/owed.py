# SPDX-License-Identifier: GPL-2.0-only
"""What earlier nights of a plan did not come to: it goes first among what the plan does not prefer more."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from harness.nightly.farm.plan import NightPlan, Task
from harness.nightly.history.database import NEVER, Results

BONUS = 50
"""Added to the priority of an owed task: rows of the plan's `priorities` above it go first all the same."""

Subject = tuple[str, str, str]
"""Cell, model and kernel, under the plan's names."""


def owed(results: Results, plan: str) -> dict[Subject, int]:
    """Return what did not run in the newest run of the plan that wanted it: for how many runs in a row."""
    rows = results.connection.execute(
        "SELECT cell, model, kernel, run.id, max(verdict != ?) FROM execution"
        " JOIN subject ON subject.id = execution.subject JOIN run ON run.id = execution.run"
        " WHERE run.plan = ? AND run.state != 'running'"
        " GROUP BY cell, model, kernel, run.id ORDER BY run.started, run.id",
        (NEVER, plan),
    )
    missed: dict[Subject, int] = {}
    for cell, model, kernel, _, ran in rows:
        subject = (cell, model, kernel)
        missed[subject] = 0 if ran else missed.get(subject, 0) + 1
    return {subject: runs for subject, runs in missed.items() if runs}


def subject_of(task: Task) -> Subject:
    """Return what the results store calls a task."""
    return task.cell.id, task.model, task.kernel


def advanced(plan: NightPlan, wanted: Mapping[Subject, int]) -> NightPlan:
    """Return the plan with the tasks of ``wanted`` moved forward, those first that have waited longest.

    Otherwise the order is the plan's.
    """

    def rank(task: Task) -> tuple[int, int, int]:
        waited = wanted.get(subject_of(task), 0)
        return -(task.priority + BONUS * (waited > 0)), -waited, task.repeat

    return dataclasses.replace(plan, tasks=tuple(sorted(plan.tasks, key=rank)))
