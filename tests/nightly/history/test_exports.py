# SPDX-License-Identifier: GPL-2.0-only
"""JUnit and KCIDB, read back by what reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import junitparser
import pytest

from harness.errors import InfraError
from harness.nightly.history import exports, query
from harness.nightly.history.compare import RunComparison, compare
from harness.nightly.history.database import Results
from harness.verdict import Verdict
from tests.nightly.history import made


@pytest.fixture
def night(tmp_path: Path) -> Iterator[tuple[Results, RunComparison]]:
    def red(name: str, verdict: Verdict, **more: Any) -> object:
        return made.entry(made.cell(name, verdict, made.finding("lost", verdict, "no \x01unmap"), **more))

    with Results(tmp_path / "r.sqlite") as results:
        made.record(results, 1, [made.entry(made.cell("a[x=1]"))])
        cells = [
            made.entry(made.cell("passes")),
            red("a[x=1]", Verdict.FAIL, build="11.1.4"),
            red("v", Verdict.VACUOUS),
            red("u", Verdict.UNDECIDED),
            red("q", Verdict.FAIL, quarantine="known"),
            made.entry(
                made.cell("gone", Verdict.FAIL, made.finding("quarantine", Verdict.FAIL, "it is gone"))
            ),
            made.entry(made.cell("i").infra("no answer")),
            made.entry(made.cell("n"), never="the budget", original=None),
        ]
        made.record(results, 2, cells)  # type: ignore[arg-type]
        yield results, compare(results, query.find_run(results, "latest"))


def test_junit(night: tuple[Results, RunComparison]) -> None:
    document = junitparser.JUnitXml.fromstring(exports.junit(*night).encode())
    (suite,) = document
    assert suite.name == "qemu nv icount"
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (8, 4, 2, 1)
    outcomes = {case.name: case.result[0] for case in suite if case.result}
    assert outcomes["a[x=1]"].type == "fail"
    assert "first bad model: QEMU 11.1.3" in outcomes["a[x=1]"].text
    assert "reproduce: ./nvh run 'a[x=1]'" in outcomes["a[x=1]"].text
    assert "known defect, as expected: known" in outcomes["q"].message
    assert outcomes["n"].message == "never ran: the budget"
    assert "passes" not in outcomes


def test_kcidb_satisfies_its_own_schema(night: tuple[Results, RunComparison]) -> None:
    pytest.importorskip("kcidb_io")
    data = exports.kcidb(*night)
    exports.check_kcidb(data)
    status = {test["comment"]: test["status"] for test in data["tests"]}
    expected = "passes=PASS a[x=1]=FAIL v=ERROR u=ERROR q=FAIL gone=PASS i=MISS n=MISS"
    assert status == dict(pair.rsplit("=", 1) for pair in expected.split())
    builds = {build["id"] for build in data["builds"]}
    assert {test["build_id"] for test in data["tests"]} == builds
    assert len({test["id"] for test in data["tests"]}) == 8


def test_kcidb_that_breaks_the_schema_is_refused(night: tuple[Results, RunComparison]) -> None:
    pytest.importorskip("kcidb_io")
    data = exports.kcidb(*night)
    data["tests"][0]["status"] = "GREEN"
    with pytest.raises(InfraError, match="breaks its schema"):
        exports.check_kcidb(data)


def test_the_schema_without_references_refuses_what_kcidbs_own_refuses(
    night: tuple[Results, RunComparison],
) -> None:
    kcidb = pytest.importorskip("kcidb_io")
    assert '"$ref"' not in json.dumps(exports.inlined(kcidb.schema.V5_3.json))
    places: list[tuple[str, object]] = [
        ("start_time", "yesterday"),
        ("path", "two words"),
        ("duration", "long"),
        ("id", "no origin"),
        ("nothing", 1),
    ]
    for key, value in places:
        data = exports.kcidb(*night)
        data["tests"][-1][key] = value
        assert not kcidb.schema.V5_3.is_valid(data), key
        with pytest.raises(InfraError, match="breaks its schema"):
            exports.check_kcidb(data)
    with pytest.raises(KeyError):
        exports.inlined({"properties": {"a": {"$ref": "elsewhere.json"}}})
