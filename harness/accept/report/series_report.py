# SPDX-License-Identifier: GPL-2.0-only
"""The findings about a series as plain data, and the verdict that follows from them."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.accept import cost_limit
from harness.accept.compare import REJECTING, CellComparison, SeriesEffect
from harness.accept.cost import CostRow
from harness.accept.cost_limit import CostVerdict
from harness.accept.coverage.report import PatchCoverage
from harness.accept.report.selection import CellSelection
from harness.accept.stats import shown
from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED
from harness.report.safe_text import some

COST = "cost of emulation"
"""What a culprit is of that the figures name."""
MENDING = (SeriesEffect.FIXED, SeriesEffect.BETTER)


class Decision(enum.Enum):
    """``undecided``: nothing speaks against the series, but the machine failed where it was to be asked."""

    ACCEPT = "accept"
    REJECT = "reject"
    UNDECIDED = "undecided"

    @property
    def exit_status(self) -> int:
        """0, 1 or 3."""
        return {Decision.ACCEPT: EXIT_PASS, Decision.REJECT: EXIT_RED, Decision.UNDECIDED: EXIT_INFRA}[self]


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """How a step was built: ``seconds`` of wall clock, the objects compiled for it, warnings it added.

    ``why`` has the errors when it does not build. ``cached``: nothing was compiled, the kernel was there.
    ``known_warnings``: whether the warnings of the step before are on record, so that new ones can be told.
    """

    ok: bool
    seconds: float
    cached: bool = False
    compiled: tuple[str, ...] = ()
    new_warnings: tuple[str, ...] = ()
    known_warnings: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """The base (``number`` 0) or the series up to a patch; ``cells`` are empty where none was run."""

    number: int
    name: str
    title: str
    kernel: str
    build: BuildRecord
    cells: tuple[CellComparison, ...] = ()
    seconds: float = 0.0

    @property
    def bad(self) -> bool:
        """Whether it does not build, or a cell rejects it."""
        return not self.build.ok or any(each.outcome in REJECTING for each in self.cells)


@dataclass(frozen=True, slots=True)
class PatchRecord:
    """A patch as it was applied. ``merged``: by a three-way merge."""

    number: int
    title: str
    commit: str
    files: tuple[str, ...]
    merged: bool


@dataclass(frozen=True, slots=True)
class Culprit:
    """``patch`` is the first that makes ``what`` bad; ``last_good`` the last one known to be good (0: base).

    ``repaired``: the whole series is good again, so that the damage only meets who bisects.
    """

    what: str
    patch: int
    title: str
    last_good: int
    says: str = ""
    repaired: bool = False

    @property
    def label(self) -> str:
        """The patch, for people."""
        return f"patch {self.patch} ({self.title})"

    @property
    def damage(self) -> str:
        """What it does."""
        end = ", though a later patch repairs it" if self.repaired else ""
        return f"{self.what}{end}: {self.says}"


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """Everything about one acceptance; ``seconds`` is wall clock.

    ``base_commit`` is empty where the base's source is no repository. ``repeat`` and ``repeat_racy`` are the
    runs on each side of a cell under a deterministic timing and of any other; 0 when there is none of the
    kind. ``cost_limit``: relative, None for none. ``selection``: what ran and what did not. ``level`` is the
    one that ran the series. ``base_earlier``: cells of the base that an earlier acceptance ran on it, which
    did not run again.
    """

    origin: str
    title: str
    version: int
    base: str
    base_commit: str
    model: str
    timing: str
    kernel: str
    nvh: str
    host: str
    started: str
    seconds: float
    command: str
    repeat: int
    repeat_racy: int
    patches: tuple[PatchRecord, ...]
    steps: tuple[StepRecord, ...]
    culprits: tuple[Culprit, ...] = ()
    notes: tuple[str, ...] = ()
    coverage: PatchCoverage | None = None
    cost: tuple[CostRow, ...] = ()
    diff: str = field(default="", repr=False)
    cost_limit: float | None = cost_limit.LIMIT
    selection: CellSelection | None = None
    level: str = "l0"
    base_earlier: int = 0

    @property
    def where(self) -> str:
        """Which level runs the kernels of the series, and what the others run."""
        others = [f"L{n}" for n in range(3) if f"l{n}" != self.level]
        return f"{self.level.upper()}; {' and '.join(others)} run the scenarios' own kernels"

    @property
    def costs(self) -> CostVerdict:
        """What the cost of emulation says."""
        return cost_limit.judge(self.cost, self.cost_limit)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What speaks neither for nor against, and a person should know."""
        return tuple(self._remarks())

    @property
    def repeated(self) -> str:
        """How often each cell is run on each side, in words."""
        kinds = ((self.repeat, "deterministic"), (self.repeat_racy, "racy"))
        parts = [f"{count} of each {kind} cell" for count, kind in kinds if count]
        return f"{' and '.join(parts) or 'none'} on each side, more where the sides differ"

    @property
    def whole(self) -> StepRecord:
        """The step with every patch."""
        return max(self.steps, key=lambda step: step.number)

    @property
    def count(self) -> dict[SeriesEffect, int]:
        """How many cells of the whole series met each outcome."""
        return {o: sum(each.outcome is o for each in self.whole.cells) for o in SeriesEffect}

    @property
    def fixes(self) -> tuple[str, ...]:
        """What the series mends: cells that are red less often than on the base, and how sure that is."""
        mended = [each for each in self.whole.cells if each.outcome in MENDING]
        return tuple(
            f"{each.cell}: red in {each.base.red} of {each.base.runs} runs on the base, "
            f"in {each.series.red} of {each.series.runs} with the series"
            f" ({shown(1.0 if each.p is None else each.p)})"
            + ("" if each.outcome is SeriesEffect.FIXED else "; so few runs could give that by chance")
            + (f"; on the base: {each.base_says}" if each.base_says else "")
            for each in mended
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the series is not accepted; empty when it is."""
        return tuple(self._against()) or tuple(self._missing())

    @property
    def decision(self) -> Decision:
        """``reject`` for any reason against it, else ``undecided`` where a verdict is missing."""
        if any(True for _ in self._against()):
            return Decision.REJECT
        return Decision.UNDECIDED if any(True for _ in self._missing()) else Decision.ACCEPT

    @property
    def exit_status(self) -> int:
        """0 accept, 1 reject, 3 undecided."""
        return self.decision.exit_status

    def _against(self) -> Iterator[str]:
        for culprit in self.culprits:
            yield f"{culprit.label}: {culprit.damage}"
        cells = self.whole.cells
        known = [each for each in cells if each.outcome is not SeriesEffect.UNKNOWN]
        if known and not any(each.series.red < each.series.runs for each in known):
            yield "no cell passes with the series, so nothing speaks for it"
        if not any(culprit.what == COST for culprit in self.culprits):
            yield from self.costs.against

    def _missing(self) -> Iterator[str]:
        for each in self.whole.cells:
            if each.outcome is SeriesEffect.UNKNOWN:
                yield f"{each.cell}: {each.outcome.meaning}: {each.series_says or each.base_says}"
        if self.whole.build.ok and not self.whole.cells:
            yield "no cell was run on the whole series"
        found = self.coverage
        if not self.whole.build.ok or found is None or found.why_not:
            return
        if not found.can_run:
            yield (
                "nothing of this series can run here: no line that it adds, changes or removes has code in "
                "this configuration, so green cells say nothing of it"
            )
        elif not found.ran:
            lines = found.executable + found.removed_executable
            what = "the line" if lines == 1 else f"any of the {lines} lines"
            yield f"no cell ran {what} with code that the series changes"

    def _remarks(self) -> Iterator[str]:
        yield from self.costs.remarks
        found = self.coverage
        if found is None or found.why_not:
            return
        for patch in self.patches:
            ran, can = found.by_patch(patch.number)
            if found.can_run and not can:
                yield f"patch {patch.number}: nothing of this patch can run here"
            elif found.ran and not ran:
                what = "its line" if can == 1 else f"any of its {can} lines"
                yield f"patch {patch.number}: no cell ran {what} with code"
        if found.lost:
            names = some((f"{name}()" for name in found.lost), 4)
            yield f"coverage shrinks: no cell reaches {names} any more, which the base ran"


def replace(report: SeriesReport, **changes: object) -> SeriesReport:
    """Return a copy with some fields changed."""
    return dataclasses.replace(report, **changes)  # type: ignore[arg-type]
