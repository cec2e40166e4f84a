# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of the results store: runs, each subject's verdicts over them, usual durations, details."""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError, closest
from harness.nightly.history.database import NEVER, RETRY, Results
from harness.verdict import Verdict

WINDOW = 30
"""Runs that a history looks back on."""
RECENT = 5
"""Durations whose median is the usual one."""
RANK = {NEVER: -1, **{verdict.value: verdict.rank for verdict in Verdict}}
"""Which of a subject's executions counts: one that never ran says less than any that did."""


def verdict_of(word: str) -> Verdict:
    """Return what a verdict's word in the store weighs: what never ran is as good as ``infra``."""
    return Verdict.INFRA if word == NEVER else Verdict(word)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as the store knows it; ``seconds`` is None while it runs and after a crash.

    ``uid`` is its identity: names are those of directories, and two runs may share one. ``began``: whether
    any of its cells ran.
    """

    id: int
    name: str
    plan: str
    directory: str
    started: str
    seconds: float | None
    state: str
    nvh: str
    uid: str
    began: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared from run to run."""

    cell: str
    scenario: str
    model: str
    kernel: str
    timing: str


@dataclass(frozen=True, slots=True)
class Point:
    """A subject in one run: the worst verdict of its executions, and the execution that had it.

    ``verdicts`` are those of all executions; ``seconds`` the median of those that ran.
    """

    run: int
    verdict: str
    verdicts: tuple[str, ...]
    seconds: float
    versions: int
    cause: int | None
    execution: int
    quarantine: str


@dataclass(frozen=True, slots=True)
class Detail:
    """What the page shows of one execution."""

    slug: str
    headline: str
    command: str
    original: str
    attempts: int
    worker: str
    files: int
    started: str


_RUN = (
    "SELECT id, name, plan, directory, started, seconds, state, nvh_version || ' ' || nvh_commit, uid,"
    f" EXISTS (SELECT 1 FROM execution WHERE run = run.id AND verdict <> '{NEVER}') FROM run"
)


def find_run(results: Results, name: str) -> StoredRun:
    """Return the run of that id or name, or for ``latest`` the newest one of which anything ran.

    ``UserError`` with the closest name, and for a name that several runs have.
    """
    known = runs(results)
    if not known:
        raise UserError(
            f"{results.path} holds no run yet; begin with `nvh nightly PLAN`, or name the "
            "directories of two runs"
        )
    if name == "latest":
        return ([run for run in known if run.began] or known)[-1]
    if own := [run for run in known if run.uid == name]:
        return own[0]
    found = [run for run in known if run.name == name]
    if len(found) > 1:
        told = "".join(f"\n  {run.uid}  {run.started}  {run.directory}" for run in found)
        raise UserError(f"{len(found)} runs have the name {name!r}; name one by its id:{told}")
    if found:
        return found[0]
    near = closest(name, [run.name for run in known])
    hint = f"; did you mean {near!r}?" if near else ""
    raise UserError(f"{results.path} has no run {name!r} ({len(known)} runs){hint}")


def runs(results: Results) -> list[StoredRun]:
    """Return every run, the oldest first."""
    rows = results.connection.execute(f"{_RUN} ORDER BY started, id")
    return [StoredRun(*row) for row in rows]


def history_of(results: Results, last: StoredRun, window: int = WINDOW) -> list[StoredRun]:
    """Return the runs of the same plan up to ``last`` (which is the last of them), at most ``window``.

    Those that never began are none: nothing of them can be compared.
    """
    known = runs(results)
    before = [
        run
        for run in known[: known.index(last)]
        if run.plan == last.plan and run.state != "running" and run.began
    ]
    return [*before[-(window - 1) :], last] if window > 1 else [last]


def baseline_of(results: Results, last: StoredRun) -> StoredRun | None:
    """Return the run to compare ``last`` with: the one before it of the same plan that ended by itself."""
    done = [run for run in history_of(results, last, 1 << 30)[:-1] if run.state == "done"]
    return done[-1] if done else None


def series(results: Results, within: Sequence[StoredRun]) -> Iterator[tuple[Subject, list[Point]]]:
    """Yield each subject of some runs with its points, in the order of ``within``."""
    if not within:
        return
    order = {run.id: number for number, run in enumerate(within)}
    marks = ",".join(map(str, order))
    rows = results.connection.execute(
        "SELECT subject, run, verdict, seconds, versions, cause, id, quarantine FROM execution"
        f" WHERE run IN ({marks}) ORDER BY subject, run, id"
    )
    subjects = {
        row[0]: Subject(*row[1:])
        for row in results.connection.execute("SELECT id, cell, scenario, model, kernel, timing FROM subject")
    }
    for subject, group in itertools.groupby(rows, key=lambda row: row[0]):
        points = [_point(list(same)) for _, same in itertools.groupby(group, key=lambda row: row[1])]
        points.sort(key=lambda point: order[point.run])
        yield subjects[subject], points


def _weight(row: Any) -> float:
    """A known defect that showed as expected says more than a pass, and less than anything that counts."""
    verdict, quarantine = row[2], row[7]
    return RANK[Verdict.PASS.value] + 0.5 if quarantine else RANK[verdict]


def _point(rows: list[Any]) -> Point:
    worst = max(rows, key=_weight)
    took = [row[3] for row in rows if row[2] != NEVER]
    seconds = statistics.median(took) if took else 0.0
    verdicts = tuple(row[2] for row in rows)
    return Point(worst[1], worst[2], verdicts, seconds, worst[4], worst[5], worst[6], worst[7])


def versions_of(results: Results, ids: Sequence[int]) -> Mapping[int, Mapping[str, tuple[str, str]]]:
    """Return what cells ran on, by the id of the set: name to version and SHA-256."""
    found: dict[int, Mapping[str, tuple[str, str]]] = {}
    for each in set(ids):
        (text,) = results.connection.execute("SELECT json FROM versions WHERE id = ?", (each,)).fetchone()
        found[each] = {name: (v["version"], v["sha256"]) for name, v in json.loads(text).items()}
    return found


def causes(results: Results) -> Mapping[int, tuple[str, str]]:
    """Return kind and title of every cause by its id."""
    rows = results.connection.execute("SELECT id, kind, title FROM cause")
    return {row[0]: (row[1], row[2]) for row in rows}


def details(results: Results, run: StoredRun) -> Mapping[int, Detail]:
    """Return the executions of a run by their id."""
    rows = results.connection.execute(
        "SELECT id, slug, headline, command, coalesce(original, ''), attempts, worker, files, started"
        " FROM execution WHERE run = ?",
        (run.id,),
    )
    return {row[0]: Detail(*row[1:]) for row in rows}


def findings_of(results: Results, execution: int) -> list[tuple[str, str, str]]:
    """Return name, verdict and message of what did not pass in an execution."""
    rows = results.connection.execute(
        "SELECT name, verdict, message FROM finding WHERE execution = ? ORDER BY rowid", (execution,)
    )
    return [(name, verdict, message) for name, verdict, message in rows]


def files_of(results: Results, ids: set[int]) -> Mapping[int, Sequence[Mapping[str, str]]]:
    """Return the lists of files by their id."""
    rows = ((i, results.connection.execute("SELECT json FROM files WHERE id = ?", (i,))) for i in ids)
    return {each: json.loads(row.fetchone()[0]) for each, row in rows}


def counts(results: Results, within: Sequence[StoredRun]) -> Mapping[int, Mapping[str, int]]:
    """Return how many cells of each verdict the runs have, by run and verdict; a retry is no cell."""
    found: dict[int, dict[str, int]] = {run.id: {} for run in within}
    marks = ",".join(map(str, found)) or "NULL"
    rows = results.connection.execute(
        f"SELECT run, verdict, count(*) FROM execution"
        f" WHERE run IN ({marks}) AND repeat < {RETRY} GROUP BY run, verdict"
    )
    for run, verdict, count in rows:
        found[run][verdict] = count
    return found


class Durations:
    """How long cells usually take, in seconds, and what memory they were seen to take, in MiB.

    The median of the last ``RECENT`` executions that were judged; where the very subject never ran, that of
    its cell on anything; where the store has none, what the cell took ``here`` in whatever run (by cell, in
    seconds); where it never ran, that of all cells.
    """

    def __init__(self, results: Results, here: Mapping[str, float] | None = None) -> None:
        rows = results.connection.execute(
            "SELECT s.cell, s.model, s.kernel, s.timing, e.seconds, e.peak_mib FROM execution e"
            " JOIN subject s ON s.id = e.subject WHERE e.verdict NOT IN ('never', 'infra') ORDER BY e.id DESC"
        )
        own: dict[tuple[str, ...], list[float]] = {}
        cells: dict[str, list[float]] = {}
        peaks: dict[tuple[str, ...], float] = {}
        for *key, seconds, peak in rows:
            times = own.setdefault(tuple(key), [])
            if len(times) < RECENT:
                times.append(seconds)
                cells.setdefault(key[0], []).append(seconds)
                if peak is not None:
                    peaks[tuple(key)] = max(peak, peaks.get(tuple(key), 0.0))
        self._own = {key: statistics.median(times) for key, times in own.items()}
        self._cells = {key: statistics.median(times) for key, times in cells.items()}
        self._here = dict(here or {})
        each = {**self._here, **self._cells}
        self._all = statistics.median(each.values()) if each else None
        self._peaks = peaks

    def usual(self, cell: str, model: str, kernel: str, timing: str) -> tuple[float | None, str]:
        """Return seconds and where they come from: ``own``, ``cell``, ``here``, ``all``, or None and
        ``unknown``.
        """
        own = self._own.get((cell, model, kernel, timing))
        if own is not None:
            return own, "own"
        if cell in self._cells:
            return self._cells[cell], "cell"
        if cell in self._here:
            return self._here[cell], "here"
        return (self._all, "all") if self._all is not None else (None, "unknown")

    def peak_mib(self, cell: str, model: str, kernel: str, timing: str) -> float | None:
        """Return the most memory that recent executions took."""
        return self._peaks.get((cell, model, kernel, timing))
