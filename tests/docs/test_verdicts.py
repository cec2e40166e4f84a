# SPDX-License-Identifier: GPL-2.0-only
"""The table of docs/verdicts.md: every row drives the real functions, so that it cannot lie.

A row's "seen" is turned into findings; what a cell, a run, acceptance, the night, bisection, KCIDB and JUnit
make of them is compared with what the row says.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import junitparser
import pytest

from harness.accept import apply as applying
from harness.accept.base import Base
from harness.accept.campaign import Campaign
from harness.accept.compare import CellRuns
from harness.accept.lab import Seeds, SeriesStep, StepBuild
from harness.accept.report.series_report import Decision, SeriesReport
from harness.accept.request import Request
from harness.accept.submission import read
from harness.check.finding import Finding
from harness.host.cache import Artefact
from harness.host.paths import ROOT
from harness.nightly.farm import nightly
from harness.nightly.farm.bisect import seen_of
from harness.nightly.history import exports, query
from harness.nightly.history.compare import RunComparison, compare
from harness.nightly.history.database import RecordedCell, Results
from harness.report import junit
from harness.report.results import CellResult
from harness.runner.project import find_cells
from harness.runner.quarantine import NO_QUARANTINE, Quarantine, load_quarantine
from harness.scenario.language import Cell
from harness.scenario.scenario import NO_OVERRIDES
from harness.verdict import Verdict, of_cell
from tests.accept import conftest as toys
from tests.nightly.history import made
from tests.report import samples

PAGE = ROOT / "docs" / "verdicts.md"
COLUMNS = ("situation", "seen", "cell", "exit", "accept", "nightly", "bisect", "KCIDB", "JUnit")
KINDS = {
    "boot": "boot",
    "level": "level",
    "model": "model",
    "restore": "model",
    "no": "console",
    "tlb": "sanitizer",
}
MESSAGES = {"all-passed": "failed=4, expected 0", "no-splat-l0": "warn in f at a.c:1 (1 splat line)"}
WORDS = ("allowed", "infra", "known", "sometimes", "elsewhere", "overdue", "never", "nothing")
DEFECT = ("known", "sometimes", "elsewhere", "overdue")
"""Words of rows about a known defect, which the base of a series shows, too."""
TODAY = datetime.date(2026, 11, 23)
CELL = "defect-hidden-range"

toy = toys.toy
base = toys.base


@dataclass(frozen=True)
class Row:
    """A row, and what its second column says was seen."""

    says: Mapping[str, str]
    findings: tuple[Finding, ...]
    words: frozenset[str]

    @property
    def ran(self) -> bool:
        return not self.words & {"never", "nothing"}

    def result(self) -> CellResult:
        """The cell as its own process publishes it."""
        infra = "infra" in self.words
        if infra and not self.findings:
            return made.cell(CELL, findings=()).infra("disk full")
        found = (f.verdict for f in self.findings)
        verdict = of_cell(found, infra=infra, allow_vacuous="allowed" in self.words)
        return made.cell(CELL, verdict, *self.findings, reason="disk full" if infra else "")


def rows() -> Iterator[Row]:
    table = PAGE.read_text().partition("## What a situation leads to")[2].partition("\n## ")[0]
    lines = [
        [word.strip() for word in line.strip("|").split("|")]
        for line in table.splitlines()
        if line[:1] == "|"
    ]
    assert tuple(lines[0]) == COLUMNS
    for cells in lines[2:]:
        assert len(cells) == len(COLUMNS), cells
        says = dict(zip(COLUMNS, cells, strict=True))
        findings, words = [], set()
        for part in says["seen"].split(", "):
            if match := re.fullmatch(r"`([a-z0-9-]+)` (\w+)", part):
                name, word = match.groups()
                message = MESSAGES.get(name, f"{name} is {word}")
                if word == "otherwise":
                    word, message = "fail", "passed=0, expected 4"
                kind = "boot" if name == "quarantine" else KINDS.get(name.partition("-")[0], "response")
                findings.append(Finding(name, kind, Verdict(word), message))
            else:
                assert part in WORDS, part
                words.add(part)
        yield Row(says, tuple(findings), frozenset(words))


ROWS = list(rows())
IDS = [row.says["situation"] for row in ROWS]
every = pytest.mark.parametrize("row", ROWS, ids=IDS)


@pytest.fixture
def quarantine(tmp_path: Path) -> Callable[[Row], Quarantine]:
    """What is known where a row is about a known defect."""

    def of(row: Row) -> Quarantine:
        if not row.words & set(DEFECT):
            return NO_QUARANTINE
        path = tmp_path / "quarantine.yaml"
        path.write_text(
            "quarantine:\n"
            f"  - scenario: {CELL}\n"
            "    findings: [{name: all-passed, message: 'failed=\\d+, expected 0'}]\n"
            f"    kernel: '{'>= 9.0' if 'elsewhere' in row.words else '>= 7.3'}'\n"
            f"    seen: {'sometimes' if 'sometimes' in row.words else 'always'}\n"
            "    reason: known\n"
            f"    review: '{'2026-01-01' if 'overdue' in row.words else '2027-03-01'}'\n"
        )
        return load_quarantine(path, TODAY)

    return of


@functools.cache
def shipped() -> Cell:
    (found,) = find_cells([], [CELL], NO_OVERRIDES)
    return found


def scenario(row: Row) -> Cell:
    return dataclasses.replace(shipped(), allow_vacuous="allowed" in row.words)


def judged(row: Row, known: Quarantine) -> CellResult:
    """The cell as a run reports it."""
    return known.judged(scenario(row), row.result())


def test_the_table_covers_every_verdict_decision_and_status() -> None:
    def column(name: str) -> set[str]:
        return {row.says[name] for row in ROWS}

    assert {verdict.value for verdict in Verdict} <= column("cell")
    assert {decision.value for decision in Decision} <= column("accept")
    assert {"good", "bad", "skip"} <= column("bisect")
    assert set(exports.STATUS.values()) <= column("KCIDB")
    assert {"0", "1", "3"} <= column("exit")
    assert len(set(IDS)) == len(ROWS) > 25


@every
def test_cell_and_exit_status(row: Row, quarantine: Callable[[Row], Quarantine]) -> None:
    cells = [judged(row, quarantine(row))] if row.ran else []
    if row.ran:
        assert row.says["cell"] == cells[0].verdict.value + (", known" if cells[0].quarantine else "")
    if row.says["exit"] != "-":
        assert samples.run(*cells).exit_status == int(row.says["exit"])


@every
def test_the_headline_names_what_the_row_names_first(
    row: Row, quarantine: Callable[[Row], Quarantine]
) -> None:
    if not row.ran or row.says["cell"] == "pass":
        return
    cell = judged(row, quarantine(row))
    if cell.verdict is Verdict.INFRA:
        assert cell.headline == "disk full"
        return
    counted = [f for f in cell.findings if f.verdict is cell.verdict and (cell.quarantine or not f.expected)]
    assert cell.headline.startswith(f"{counted[0].name}: ")


@pytest.fixture
def night(tmp_path: Path, quarantine: Callable[[Row], Quarantine]) -> Iterator[Callable[[Row], Any]]:
    """A night in which the cell passed, and one in which it did what the row says."""
    with Results(tmp_path / "r.sqlite") as results:

        def of(row: Row) -> tuple[Results, RunComparison]:
            made.record(results, 1, [made.entry(made.cell(CELL))])
            if row.ran:
                entry: RecordedCell = made.entry(judged(row, quarantine(row)))
            else:
                entry = made.entry(made.cell(CELL), never="the budget", original=None)
            made.record(results, 2, [entry])
            return results, compare(results, query.runs(results)[-1])

        yield of


@every
def test_nightly_compare_and_kcidb(row: Row, night: Callable[[Row], Any]) -> None:
    if row.says["nightly"] == "-":
        return
    results, compared = night(row)
    (found,) = compared.rows
    assert row.says["nightly"] == f"{found.change.value} {compared.exit_status}"
    assert nightly.exit_status(compared) == compared.exit_status, "nothing else is red in that night"
    (test,) = exports.kcidb(results, compared)["tests"]
    assert test["status"] == row.says["KCIDB"]


@every
def test_bisect(row: Row) -> None:
    if row.says["bisect"] == "-":
        return
    seen = seen_of([row.result()] if row.ran else [])
    assert row.says["bisect"] == ("bad" if seen.causes else "good" if seen.judged else "skip")


@every
def test_junit(row: Row, night: Callable[[Row], Any], quarantine: Callable[[Row], Quarantine]) -> None:
    if "never" in row.words:
        text = exports.junit(*night(row))
    else:
        text = junit.render(samples.run(*([judged(row, quarantine(row))] if row.ran else [])))
    document = junitparser.JUnitXml.fromstring(text.encode())
    outcomes = {type(each).__name__.lower() for suite in document for case in suite for each in case.result}
    worst = next((each for each in ("failure", "error", "skipped") if each in outcomes), "none")
    assert worst == row.says["JUnit"]


class Laboratory:
    """A series of three patches: what the row says happens from the second one on, beside a green cell."""

    def __init__(self, before: CellResult, after: CellResult) -> None:
        self._sides = (before, after)

    def cells(self, _: SeriesStep) -> list[Any]:
        stack = SimpleNamespace(timing="icount", model="qemu")
        return [SimpleNamespace(id=name, stack=stack) for name in (CELL, "green")]

    def build(self, step: SeriesStep) -> StepBuild:
        artefact = Artefact("kernel", f"d{step.number}", step.kernel.parent, {"release": "1.2.3"})
        return StepBuild(step, artefact, 1.0, warnings={})

    def begin(self, step: SeriesStep) -> concurrent.futures.Future[StepBuild]:
        future: concurrent.futures.Future[StepBuild] = concurrent.futures.Future()
        future.set_result(self.build(step))
        return future

    def forget(self, _: StepBuild) -> int:
        return 0

    def run(
        self, step: SeriesStep, seeds: Seeds, _: StepBuild | None = None, __: float = 0.0
    ) -> dict[str, CellRuns]:
        seen = {CELL: self._sides[step.number >= 2], "green": made.cell("green")}
        return {name: CellRuns([seen[name]] * len(seeds[name])) for name in seeds}


@every
def test_accept(row: Row, base: Base, tmp_path: Path) -> None:
    if row.says["accept"] == "-":
        return
    shown = Finding("all-passed", "response", Verdict.FAIL, MESSAGES["all-passed"])
    before = made.cell(CELL, Verdict.FAIL, shown) if row.words & set(DEFECT) else made.cell(CELL)
    box = tmp_path / "series.mbox"
    box.write_text("\n".join(toys.THREE))
    found = read(str(box))
    tree, used, _ = applying.apply(found, base, tmp_path / "out")
    lab: Any = Laboratory(before, row.result())
    request = Request(str(box), select=((), ("named",)), patches="all", coverage=False)
    report: SeriesReport = Campaign(request, found, used, tree, lab, None, tmp_path / "out").carry_out()  # type: ignore[arg-type]
    assert report.decision.value == row.says["accept"]
    if report.decision is Decision.REJECT:
        (culprit,) = report.culprits
        assert (culprit.patch, culprit.title) == (2, "Second")
