# SPDX-License-Identifier: GPL-2.0-only
"""A comparison for other programs: JUnit for CI systems, KCIDB for the kernel's own results database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import junitparser

from harness.errors import InfraError, UserError
from harness.nightly.history import query
from harness.nightly.history.compare import Change, Row, RunComparison
from harness.nightly.history.database import NEVER, Results
from harness.nightly.history.kcidb_fields import ORIGIN, checkout, excerpt, logs, path_of, word
from harness.report.results import QUARANTINE
from harness.report.safe_text import one_line, xml
from harness.report.store import write_text
from harness.verdict import Verdict

JUNIT = "junit.xml"
KCIDB = "kcidb.json"
STATUS = {
    Verdict.PASS.value: "PASS",
    Verdict.FAIL.value: "FAIL",
    Verdict.VACUOUS.value: "ERROR",
    Verdict.UNDECIDED.value: "ERROR",
    Verdict.INFRA.value: "MISS",
    NEVER: "MISS",
}
"""KCIDB's words. A vacuous or undecided cell ran and leaves the kernel's status unknown, which is its ERROR.
A known defect is a FAIL of the kernel whatever it is for us, and one that is gone is a PASS.
"""


def _outcome(
    row: Row, detail: query.Detail
) -> junitparser.Error | junitparser.Failure | junitparser.Skipped | None:
    message = xml(one_line(detail.headline, 500))
    if row.verdict == Verdict.PASS.value:
        return None
    if row.quarantine:
        return junitparser.Skipped(xml(f"known defect, as expected: {row.quarantine}"), row.verdict)
    if row.verdict == NEVER:
        message = f"never ran: {message}"
    infra = query.verdict_of(row.verdict) is Verdict.INFRA
    made = junitparser.Error if infra else junitparser.Failure
    outcome = made(message, row.verdict)
    told = [row.change.value, *(f"first bad {suspect}" for suspect in row.suspects)]
    if row.since:
        told.append(f"red since {row.since}")
    outcome.text = xml("\n".join([*told, f"reproduce: {detail.command}"]))
    return outcome


def junit(results: Results, compared: RunComparison) -> str:
    """Return the run as JUnit XML: a suite per model and kernel, a case per cell, whatever its repeats."""
    details = query.details(results, compared.run)
    suites: dict[str, list[junitparser.TestCase]] = {}
    for row in compared.rows:
        detail = details.get(row.execution)
        if detail is None:
            continue
        name = f"{row.subject.model} {row.subject.kernel} {row.subject.timing}"
        case = junitparser.TestCase(
            xml(one_line(row.subject.cell, 200)),
            xml(one_line(row.subject.scenario, 200)),
            round(row.seconds, 3),
        )
        if (outcome := _outcome(row, detail)) is not None:
            case.result = [outcome]
        suites.setdefault(name, []).append(case)
    document = junitparser.JUnitXml(xml(f"nvh {compared.run.name}"))
    for name, cases in suites.items():
        suite = junitparser.TestSuite(xml(one_line(name, 200)))
        suite.timestamp = compared.run.started
        suite.add_testcases(cases)  # all at once: each call counts everything again
        document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]
    body: str | bytes = document.tostring()  # type: ignore[no-untyped-call]
    return body.decode("utf-8") if isinstance(body, bytes) else body


def kcidb(results: Results, compared: RunComparison, url: str = "") -> dict[str, Any]:
    """Return the run in KCIDB's format, checked against its own schema by ``check_kcidb``.

    A checkout and a build stand for each kernel version that was seen at L0; the model is a test's
    environment. ``url`` is where the directory of runs is published; without it tests have no addresses.
    """
    run = compared.run
    details = query.details(results, run)
    kinds = {number: kind for number, (kind, _) in query.causes(results).items()}
    rows = [row for row in compared.rows if row.change is not Change.GONE]
    versions = _versions(results, rows)
    files = query.files_of(results, {details[row.execution].files for row in rows})
    builds: dict[str, dict[str, Any]] = {}
    checkouts: dict[str, dict[str, Any]] = {}
    tests = []
    for row in rows:
        known = versions.get(row.execution, {})
        release, digest = known.get("kernel l0", ("", ""))
        build = f"{ORIGIN}:{word(row.subject.kernel)}-{digest[:16] or 'unknown'}"
        if build not in builds:
            checkouts[build] = checkout(build, release, known.get("kernel l0 source", ("", ""))[0])
            builds[build] = {
                "id": build,
                "checkout_id": build,
                "origin": ORIGIN,
                "architecture": "arm64",
                "config_name": row.subject.kernel,
                "status": "PASS",
                "misc": {"sha256": digest, "release": release},
            }
        detail = details[row.execution]
        model = known.get("model", ("", ""))
        test: dict[str, Any] = {
            "id": f"{ORIGIN}:{run.uid}:{detail.slug}",
            "build_id": build,
            "origin": ORIGIN,
            "environment": {
                "comment": f"{row.subject.model} {model[0]}".strip(),
                "misc": {"model": row.subject.model, "sha256": model[1], "timing": row.subject.timing},
            },
            "path": path_of(row.subject.cell),
            "comment": one_line(row.subject.cell, 500),
            "status": _status(row, kinds),
            "misc": {
                "verdict": row.verdict,
                "change": row.change.value,
                "headline": detail.headline,
                "reproduce": detail.command,
                "quarantine": row.quarantine,
                "first_bad": [str(suspect) for suspect in row.suspects],
                "run": run.name,
                "run_started": run.started,
            },
        }
        if row.verdict != NEVER:
            test |= {"start_time": detail.started, "duration": row.seconds}
            test |= logs(f"{url.rstrip('/')}/{run.name}" if url else "", detail.slug, files[detail.files])
        if row.verdict != Verdict.PASS.value:
            test["log_excerpt"] = excerpt(results, row.execution, detail, Path(run.directory))
        tests.append(test)
    return {
        "version": {"major": 5, "minor": 3},
        "checkouts": list(checkouts.values()),
        "builds": list(builds.values()),
        "tests": tests,
    }


def _status(row: Row, kinds: Mapping[int, str]) -> str:
    gone = row.cause is not None and kinds[row.cause] == QUARANTINE
    return STATUS[Verdict.PASS.value if gone else row.verdict]


def _versions(results: Results, rows: list[Row]) -> dict[int, Any]:
    wanted = {row.execution for row in rows}
    pairs = [
        (execution, versions)
        for execution, versions in results.connection.execute("SELECT id, versions FROM execution")
        if execution in wanted
    ]
    known = query.versions_of(results, [versions for _, versions in pairs])
    return {execution: known[versions] for execution, versions in pairs}


def check_kcidb(data: dict[str, Any]) -> None:
    """Check against KCIDB's schema; ``UserError`` without kcidb-io, ``InfraError`` naming what breaks it."""
    try:
        from kcidb_io import schema
    except ImportError as error:
        raise UserError(
            "KCIDB's schema comes with the package kcidb-io: pip install 'nvh[nightly]'"
        ) from error
    checker = jsonschema.Draft7Validator(
        inlined(schema.V5_3.json), format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
    )
    try:  # as V5_3.validate does it, but in half the time
        checker.validate(data)
    except jsonschema.ValidationError as error:
        raise InfraError(f"the KCIDB export breaks its schema: {error}") from error


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of JSON Schema draft 7 with its ``$defs`` in the place of references to them.

    To look references up takes half the time of checking many small objects. Draft 7 ignores what stands
    beside a ``$ref``. Raises ``KeyError`` for a reference to anything else; no definition may hold itself.
    """

    def at(value: Any) -> Any:
        if isinstance(value, list):
            return [at(item) for item in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("$ref"), str):
            return at(schema["$defs"][value["$ref"].removeprefix("#/$defs/")])
        return {key: at(item) for key, item in value.items()}

    return {key: at(value) for key, value in schema.items() if key != "$defs"}


def write(results: Results, compared: RunComparison, directory: Path, url: str = "") -> None:
    """Write junit.xml and, where kcidb-io is there to check it, kcidb.json (``url``: as of ``kcidb``)."""
    write_text(directory / JUNIT, junit(results, compared))
    data = kcidb(results, compared, url)
    check_kcidb(data)
    write_text(directory / KCIDB, json.dumps(data) + "\n")  # with an indent it takes ten times as long
