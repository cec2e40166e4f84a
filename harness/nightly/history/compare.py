# SPDX-License-Identifier: GPL-2.0-only
"""What is new in a run: every subject's change against an earlier run, judged with the history before it."""

from __future__ import annotations

import enum
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.nightly.history import query
from harness.nightly.history.database import NEVER, Results
from harness.nightly.history.interval import wilson
from harness.nightly.history.query import Point, StoredRun, Subject
from harness.verdict import Verdict, worst

SLOWER_RATIO = 1.5
SLOWER_S = 2.0
SLOWER_POINTS = 3
COMMON = 0.9
"""Share of a cause's cells for which the same artefact must have changed for it to be named as suspect."""
PASS = Verdict.PASS.value
RED = frozenset(verdict.value for verdict in Verdict) - {PASS}


class Change(enum.Enum):
    """What became of a subject, the most urgent first."""

    NEW_FAILURE = "new failure"
    NEW_INFRA = "new infra"
    NEW_UNDECIDED = "new undecided"
    NEW_VACUOUS = "new vacuous"
    NEVER_RAN = "never ran"
    STILL_RED = "still red"
    FIXED = "fixed"
    SLOWER = "slower"
    GONE = "gone"
    PASSES = "passes"


_NEW = {
    Verdict.FAIL.value: Change.NEW_FAILURE,
    Verdict.INFRA.value: Change.NEW_INFRA,
    Verdict.UNDECIDED.value: Change.NEW_UNDECIDED,
    Verdict.VACUOUS.value: Change.NEW_VACUOUS,
}
NEWS = frozenset(_NEW.values()) | {Change.NEVER_RAN}


@dataclass(frozen=True, slots=True)
class FlakeRate:
    """How often something was red on the very same artefacts: ``red`` of ``total``, and Wilson's 95 %
    interval.
    """

    red: int
    total: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, order=True)
class Suspect:
    """An artefact that differs between the last good and the first bad execution.

    Where nothing was ever good, ``old`` says on which model or kernel the same cell passes in the same run.
    """

    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name}: {self.old} → {self.new}"


@dataclass(frozen=True, slots=True)
class Row:
    """One subject. ``since``: the run in which it turned red, ``streak``: for how many runs it has been so.

    ``usual`` is the median of its earlier durations in seconds, None without three of them; ``flaky`` is
    None where equal artefacts always gave equal verdicts.
    """

    subject: Subject
    change: Change
    verdict: str
    before: str
    seconds: float
    usual: float | None
    flaky: FlakeRate | None
    since: str
    streak: int
    suspects: tuple[Suspect, ...]
    cause: int | None
    execution: int
    quarantine: str
    verdicts: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether it counts for the exit status."""
        return not self.quarantine


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Red subjects with one probable cause; ``suspects`` changed for nearly all the new ones."""

    kind: str
    title: str
    rows: tuple[Row, ...]
    suspects: tuple[Suspect, ...]

    @property
    def new(self) -> int:
        """How many of them are new."""
        return sum(row.change in NEWS for row in self.rows)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A run against an earlier one (None: there is none), with the runs that were looked at, the oldest
    first.
    """

    run: StoredRun
    baseline: StoredRun | None
    history: tuple[StoredRun, ...]
    rows: tuple[Row, ...]
    groups: tuple[CauseGroup, ...]

    def of(self, change: Change) -> list[Row]:
        """The rows of one change."""
        return [row for row in self.rows if row.change is change]

    @property
    def tally(self) -> Mapping[Change, int]:
        """How many subjects there are of each change."""
        found = dict.fromkeys(Change, 0)
        for row in self.rows:
            found[row.change] += 1
        return found

    @property
    def exit_status(self) -> int:
        """That of the worst verdict that counts and is new (docs/verdicts.md); 0 when nothing new is red."""
        new = (row.verdict for row in self.rows if row.counts and row.change in NEWS)
        return worst(map(query.verdict_of, new)).exit_status


@dataclass(slots=True)
class _Compared:
    """Collects rows; what suspects need is looked up once at the end."""

    results: Results
    runs: Mapping[int, StoredRun]
    first: int | None
    last: int
    drafts: list[tuple[Row, Point | None, Point | None]] = field(default_factory=list)
    passing: dict[tuple[str, str], list[Subject]] = field(default_factory=dict)


def compare(
    results: Results, run: StoredRun, baseline: StoredRun | None = None, window: int = query.WINDOW
) -> RunComparison:
    """Compare ``run`` with ``baseline`` (default: the complete run of its plan before it)."""
    baseline = baseline or query.baseline_of(results, run)
    history = query.history_of(results, run, window)
    if baseline and baseline not in history:
        history = sorted({*history, baseline}, key=lambda each: (each.started, each.id))
        if history[-1] != run:  # compared with a later one: its verdicts are no history
            history = [each for each in history if each != run] + [run]
    work = _Compared(results, {each.id: each for each in history}, baseline.id if baseline else None, run.id)
    for subject, points in query.series(results, history):
        _judge(work, subject, points)
    rows = _with_suspects(work)
    order = {change: number for number, change in enumerate(Change)}
    rows.sort(key=lambda row: (order[row.change], row.subject.cell, row.subject.model, row.subject.kernel))
    return RunComparison(run, baseline, tuple(history), tuple(rows), _groups(results, rows))


def _judge(work: _Compared, subject: Subject, points: list[Point]) -> None:
    now = points[-1]
    before = next((p for p in points if p.run == work.first), None)
    if now.run != work.last:
        if before is None:
            return  # left the plan long ago
        work.drafts.append((_row(subject, Change.GONE, before, before.verdict, points), None, None))
        return
    earlier = [p for p in points[:-1] if p.verdict != NEVER]
    if before is None or before.verdict == NEVER:
        before = earlier[-1] if earlier else None
    if now.verdict == PASS:
        work.passing.setdefault((subject.cell, subject.timing), []).append(subject)
    row = _row(subject, _change(now, before, earlier), now, before.verdict if before else "", points)
    if now.verdict not in RED:
        work.drafts.append((row, None, None))
        return
    streak = [now]
    for point in reversed(earlier):
        if point.verdict not in RED:
            work.drafts.append((_since(work, row, streak), point, streak[-1]))
            return
        streak.append(point)
    work.drafts.append((_since(work, row, streak), None, streak[-1]))


def _row(subject: Subject, change: Change, now: Point, before: str, points: list[Point]) -> Row:
    return Row(
        subject=subject,
        change=change,
        verdict=now.verdict,
        before=before,
        seconds=now.seconds,
        usual=_usual(points[:-1]),
        flaky=_flaky(points),
        since="",
        streak=0,
        suspects=(),
        cause=now.cause,
        execution=now.execution,
        quarantine=now.quarantine,
        verdicts=now.verdicts,
    )


def _changed(row: Row, **values: object) -> Row:
    kept = {name: getattr(row, name) for name in Row.__slots__}
    return Row(**{**kept, **values})


def _since(work: _Compared, row: Row, streak: list[Point]) -> Row:
    return _changed(row, since=work.runs[streak[-1].run].name, streak=len(streak))


def _change(now: Point, before: Point | None, earlier: list[Point]) -> Change:
    if now.verdict == NEVER:
        return Change.NEVER_RAN
    if now.verdict == PASS:
        if before is not None and before.verdict in RED:
            return Change.FIXED
        return Change.SLOWER if _slower(now, earlier) else Change.PASSES
    if before is not None and before.verdict == now.verdict and not _another(now, before, earlier):
        return Change.STILL_RED
    return _NEW[now.verdict]


def _another(now: Point, before: Point, earlier: list[Point]) -> bool:
    """Whether a red cell is red in another way than it was known to be.

    It is when it counts and did not before (a known defect alone no longer explains it), and when its cause
    was never seen of it; infrastructure fails in ever new words, which are no news.
    """
    if before.quarantine and not now.quarantine:
        return True
    return now.verdict != Verdict.INFRA.value and now.cause not in {p.cause for p in (before, *earlier)}


def _durations(points: Sequence[Point]) -> list[float]:
    return [point.seconds for point in points if point.verdict == PASS]


def _usual(points: Sequence[Point]) -> float | None:
    took = _durations(points)
    return statistics.median(took) if len(took) >= SLOWER_POINTS else None


def _slower(now: Point, earlier: list[Point]) -> bool:
    """More than half as long again as usual, by seconds that matter, and longer than it ever was."""
    usual = _usual(earlier)
    if usual is None:
        return False
    longest = max(_durations(earlier))
    return now.seconds > max(SLOWER_RATIO * usual, usual + SLOWER_S, longest)


def _flaky(points: Sequence[Point]) -> FlakeRate | None:
    """The rate over those artefacts on which the subject was both green and red."""
    seen: dict[int, list[str]] = {}
    for point in points:
        if point.verdict != NEVER:
            seen.setdefault(point.versions, []).extend(v for v in point.verdicts if v != NEVER)
    mixed = [v for verdicts in seen.values() if PASS in verdicts and RED & set(verdicts) for v in verdicts]
    if not mixed:
        return None
    red = sum(verdict in RED for verdict in mixed)
    return FlakeRate(red, len(mixed), *wilson(red, len(mixed)))


def _with_suspects(work: _Compared) -> list[Row]:
    ids = [point.versions for _, good, bad in work.drafts for point in (good, bad) if point]
    versions = query.versions_of(work.results, ids)
    rows = []
    for row, good, bad in work.drafts:
        if bad is None:
            rows.append(row)
        elif good is None:
            rows.append(_changed(row, suspects=_elsewhere(work, row.subject)))
        else:
            nvh = [_suspect("nvh", work.runs[p.run].nvh, "") for p in (good, bad)]
            old = {**versions[good.versions], **dict([nvh[0]])}
            new = {**versions[bad.versions], **dict([nvh[1]])}
            found = [
                Suspect(name, _version(old.get(name)), _version(new.get(name)))
                for name in sorted(old.keys() | new.keys())
                if old.get(name) != new.get(name)
            ]
            rows.append(_changed(row, suspects=tuple(found)))
    return rows


def _suspect(name: str, version: str, digest: str) -> tuple[str, tuple[str, str]]:
    return name, (version, digest)


def _version(value: tuple[str, str] | None) -> str:
    if value is None:
        return "none"
    version, digest = value
    return f"{version} ({digest[:12]})" if digest else version


def _elsewhere(work: _Compared, subject: Subject) -> tuple[Suspect, ...]:
    """Name the model, else the kernel, by which a cell that passes differs from this one that never did."""
    others = work.passing.get((subject.cell, subject.timing), [])
    models = [other.model for other in others if other.kernel == subject.kernel]
    if models:
        return (Suspect("model", f"passes on {', '.join(sorted(models))}", subject.model),)
    kernels = [other.kernel for other in others if other.model == subject.model]
    if kernels:
        return (Suspect("kernel", f"passes on {', '.join(sorted(kernels))}", subject.kernel),)
    return ()


def _common(rows: Sequence[Row]) -> tuple[Suspect, ...]:
    """What nearly all new rows share, or all rows where none is new: one was perhaps red before for its own
    reason.
    """
    asked = [row for row in rows if row.change in NEWS] or rows
    held = Counter(suspect for row in asked for suspect in row.suspects)
    return tuple(sorted(suspect for suspect, count in held.items() if count >= COMMON * len(asked)))


def _groups(results: Results, rows: Sequence[Row]) -> tuple[CauseGroup, ...]:
    known = query.causes(results)
    by_cause: dict[int, list[Row]] = {}
    for row in rows:
        if row.cause is not None and row.change not in (Change.GONE, Change.FIXED):
            by_cause.setdefault(row.cause, []).append(row)
    groups = []
    for cause, same in by_cause.items():
        groups.append(CauseGroup(*known[cause], tuple(same), _common(same)))
    return tuple(sorted(groups, key=lambda group: (-group.new, -len(group.rows), group.title)))
