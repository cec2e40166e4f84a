# SPDX-License-Identifier: GPL-2.0-only
"""junit.xml for CI systems: a suite per scenario, a test case per expectation.

fail is a ``failure`` of type ``fail``; vacuous and undecided are failures of those types, except a vacuous
expectation in a cell that passed (the scenario allows it), which is ``skipped``; infra is an ``error``. A
finding that a quarantine entry expects is ``skipped``, too; the other findings of its cell are not. Cells
that do not apply to the machine are a suite of their own, ``skipped``.
"""

from __future__ import annotations

import collections
from pathlib import Path

import junitparser

from harness.check.finding import Finding
from harness.report.results import CellResult, RunSummary
from harness.report.safe_text import one_line, xml
from harness.report.store import write_text
from harness.verdict import Verdict

NAME = "junit.xml"
CELL_CASE = "cell"
"""Name of the case that stands for the cell itself where no expectation carries its verdict."""

ABSENT = "not-applicable"
"""Name of the suite of cells that the machine cannot run."""


def _details(cell: CellResult, finding: Finding | None) -> str:
    lines = [finding.message if finding else cell.reason or cell.headline]
    if finding:
        lines.append(f"at {finding.where}" if finding.where else "")
        lines.append("bound " + " ".join(f"{k}={v}" for k, v in finding.bindings.items()))
        lines += [("> " if e == finding.trigger else "  ") + e.text for e in finding.around(10)]
    lines.append(f"reproduce: {cell.command}")
    return xml("\n".join(line for line in lines if line.strip() not in ("", "bound")))


def _case(
    cell: CellResult, label: str, name: str, verdict: Verdict, finding: Finding | None
) -> junitparser.TestCase:
    case = junitparser.TestCase(
        name=xml(f"{label}::{one_line(name, 200)}"), classname=xml(one_line(cell.scenario, 200)), time=0.0
    )
    message = xml(one_line(finding.message if finding else cell.reason or cell.headline, 500))
    if verdict is Verdict.PASS:
        return case
    outcome: junitparser.Error | junitparser.Failure | junitparser.Skipped
    if finding is not None and finding.expected:
        outcome = junitparser.Skipped(xml(f"known defect, as expected: {finding.expected}"), verdict.value)
    elif verdict is Verdict.INFRA:
        outcome = junitparser.Error(message, verdict.value)
    elif verdict is Verdict.VACUOUS and cell.verdict is Verdict.PASS:
        outcome = junitparser.Skipped(f"vacuous, which the scenario allows: {message}", verdict.value)
    else:
        outcome = junitparser.Failure(message, verdict.value)
    outcome.text = _details(cell, finding)
    case.result = [outcome]
    return case


def _cases(cell: CellResult, label: str) -> list[junitparser.TestCase]:
    cases = [_case(cell, label, f.name, f.verdict, f) for f in cell.findings]
    if cell.reason and cell.verdict is Verdict.FAIL:  # what went wrong after it was red
        cases.append(_case(cell, label, CELL_CASE, Verdict.INFRA, None))
    elif not any(f.verdict is cell.verdict and not f.expected for f in cell.findings) and not cell.quarantine:
        cases.append(_case(cell, label, CELL_CASE, cell.verdict, None))
    # Consumers add the cases' times up: the cell's time is on one of them.
    cases[0].time = round(cell.seconds, 3)
    return cases


def _properties(run: RunSummary, cells: list[CellResult]) -> list[tuple[str, str]]:
    rows = [("run", run.id), ("nvh", f"{run.nvh_version} {run.nvh_commit}".strip())]
    rows += [("host", f"{run.host.cpus} CPUs, {run.host.memory_mib} MiB")]
    rows += [("model", f"{cell.model} {cell.timing}".strip()) for cell in cells]
    for versions in (run.artefacts, *(cell.versions for cell in cells)):
        for name, version in versions.items():
            digest = f" sha256:{version.sha256}" if version.sha256 else ""
            rows.append((f"version.{name}", version.version + digest))
    return list(dict.fromkeys(rows))


def _absent(run: RunSummary) -> junitparser.TestSuite:
    """A suite of what was asked for and does not apply to the machine: skipped, never passed."""
    suite = junitparser.TestSuite(ABSENT)
    for cell, why in run.not_applicable.items():
        case = junitparser.TestCase(name=xml(one_line(cell, 200)), classname=ABSENT, time=0.0)
        case.result = [junitparser.Skipped(xml(one_line(why, 500)), ABSENT)]
        suite.add_testcase(case)
    return suite


def render(run: RunSummary) -> str:
    """Return the run as a JUnit XML document."""
    document = junitparser.JUnitXml(xml(f"nvh {run.id}"))
    ids = collections.Counter(cell.id for cell in run.cells)
    scenarios = dict.fromkeys(cell.scenario for cell in run.cells)
    for scenario in scenarios:
        cells = [cell for cell in run.cells if cell.scenario == scenario]
        suite = junitparser.TestSuite(xml(one_line(scenario, 200)))
        suite.timestamp = min(cell.started for cell in cells)
        for name, value in _properties(run, cells):
            suite.add_property(xml(name), xml(one_line(value)))
        for cell in cells:
            # The same cell on two models: only the directory names differ.
            label = cell.id if ids[cell.id] == 1 else cell.slug
            suite.add_testcases(_cases(cell, label))
        document.add_testsuite(suite)
    if run.not_applicable:
        document.add_testsuite(_absent(run))
    document.update_statistics()  # type: ignore[no-untyped-call]
    body: str | bytes = document.tostring()  # type: ignore[no-untyped-call]
    return body.decode("utf-8") if isinstance(body, bytes) else body


def write(run: RunSummary, directory: Path) -> Path:
    """Write ``directory/junit.xml`` in one step and return its path."""
    write_text(directory / NAME, render(run))
    return directory / NAME
