# SPDX-License-Identifier: GPL-2.0-only
"""junit.xml: a suite per step, with a case for its build and one per cell."""

from __future__ import annotations

from pathlib import Path

import junitparser

from harness.accept.compare import REJECTING, CellComparison, SeriesEffect
from harness.accept.report.series_report import SeriesReport, StepRecord
from harness.report.safe_text import one_line, xml
from harness.report.store import write_text

NAME = "junit.xml"


def render(report: SeriesReport) -> str:
    """Return the report as a JUnit XML document."""
    document = junitparser.JUnitXml(xml(f"nvh accept {report.origin}"))
    for step in report.steps:
        suite = junitparser.TestSuite(xml(one_line(f"{step.name} {step.title}".strip(), 200)))
        suite.timestamp = report.started
        for name, value in (
            ("base", f"{report.base} {report.base_commit}".rstrip()),
            ("model", f"{report.model} {report.timing}"),
            ("nvh", report.nvh),
        ):
            suite.add_property(name, xml(one_line(value)))
        suite.add_testcases([_build(step), *(_cell(step, each) for each in step.cells)])
        document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]
    body: str | bytes = document.tostring()  # type: ignore[no-untyped-call]
    return body.decode("utf-8") if isinstance(body, bytes) else body


def write(report: SeriesReport, directory: Path) -> Path:
    """Write ``directory/junit.xml`` in one step and return its path."""
    write_text(directory / NAME, render(report))
    return directory / NAME


def _build(step: StepRecord) -> junitparser.TestCase:
    case = junitparser.TestCase(name=f"{step.name}::build", classname="build", time=step.build.seconds)
    if not step.build.ok:
        failure = junitparser.Failure(xml(one_line(step.build.why, 500)), "build")
        failure.text = xml(step.build.why)
        case.result = [failure]
    return case


def _cell(step: StepRecord, found: CellComparison) -> junitparser.TestCase:
    case = junitparser.TestCase(name=xml(f"{step.name}::{found.cell}"), classname="cell", time=0.0)
    says = found.series_says or found.base_says
    message = xml(one_line(f"{found.base} -> {found.series}: {found.outcome.meaning}: {says}", 500))
    outcome: junitparser.Failure | junitparser.Error | junitparser.Skipped | None = None
    if found.outcome in REJECTING:
        outcome = junitparser.Failure(message, found.outcome.value)
    elif found.outcome is SeriesEffect.UNKNOWN:
        outcome = junitparser.Error(message, found.outcome.value)
    elif found.outcome is SeriesEffect.RED_BEFORE:
        outcome = junitparser.Skipped(message, found.outcome.value)
    if outcome is not None:
        outcome.text = xml(f"{says}\nreproduce: {found.command}")
        case.result = [outcome]
    return case
