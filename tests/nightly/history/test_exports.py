# SPDX-License-Identifier: GPL-2.0-only
"""JUnit and KCIDB, read back by what reads them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import junitparser
import pytest

from harness.errors import InfraError
from harness.nightly.history import exports, query
from harness.nightly.history.compare import RunComparison, compare
from harness.nightly.history.database import Results
from harness.report.results import ArtefactVersion
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


def test_kcidb_says_when_where_and_what_each_test_ran(tmp_path: Path) -> None:
    pytest.importorskip("kcidb_io")
    commit, tree = "1" * 40, "2" * 40
    source = ArtefactVersion(
        f"linux mine (111111111111); commit {commit}; tree {tree}; url https://git.example/linux"
    )
    cells = []
    for number, cell_id in enumerate(("tlbi-el2[op=vae2is,granule=4k]", "tlbi-el2[op=alle2,granule=4k]")):
        made_cell = made.cell(cell_id, Verdict.FAIL, made.splat(), started=f"2026-11-22T01:0{number}:03Z")
        cells.append(
            made.entry(
                dataclasses.replace(made_cell, versions={**made_cell.versions, "kernel l0 source": source})
            )
        )
    cells.append(made.entry(made.cell("never"), never="no time", original=None))
    place = tmp_path / made.night(1)[0] / "cells" / cells[0].result.slug
    place.mkdir(parents=True)
    line = "[    3.500000] WARNING: CPU: 1 PID: 812 at arch/arm64/kvm/nested.c:132 kvm_s2_fault+0x32/0x9c"
    after = "[    3.600000] this is no part of it"
    trace = ["[    3.5] Call trace:", "[    3.5]  kvm_s2_fault+0x32/0x9c", "[    3.5] ---[ end trace 0 ]---"]
    (place / "l0.console.log").write_text("\n".join(["booting", line, *trace, after]))
    found = {}
    for url in ("", "https://ci.example/runs/"):
        with Results(tmp_path / f"r{len(url)}.sqlite") as results:
            made.record(results, 1, cells, tmp_path)
            found[url] = exports.kcidb(results, compare(results, query.runs(results)[-1]), url)
            exports.check_kcidb(found[url])
    plain, published = found.values()
    tests = {test["comment"]: test for test in plain["tests"]}
    first, second = tests["tlbi-el2[op=vae2is,granule=4k]"], tests["tlbi-el2[op=alle2,granule=4k]"]
    assert first["path"] == "nvh.tlbi-el2.op_vae2is.granule_4k"
    assert second["path"] == "nvh.tlbi-el2.op_alle2.granule_4k"
    assert (first["start_time"], second["start_time"]) == ("2026-11-22T01:00:03Z", "2026-11-22T01:01:03Z")
    assert not {"start_time", "duration", "log_url"} & tests["never"].keys()
    assert "log_url" not in first
    assert line in first["log_excerpt"]
    assert trace[-1] in first["log_excerpt"]
    assert after not in first["log_excerpt"]
    assert second["log_excerpt"].startswith("no-splat-l0: ")
    made_of = {each["id"]: each for each in plain["checkouts"]}[first["build_id"]]
    assert (made_of["git_commit_hash"], made_of["misc"]["git_tree_hash"]) == (commit, tree)
    assert (made_of["tree_name"], made_of["git_repository_url"]) == ("linux", "https://git.example/linux")
    (there,) = [each for each in published["tests"] if each["comment"] == first["comment"]]
    base = f"https://ci.example/runs/{made.night(1)[0]}/cells/{quote(cells[0].result.slug)}"
    assert there["log_url"] == f"{base}/l0.console.log"
    assert f"{base}/timeline.jsonl" in [each["url"] for each in there["output_files"]]


def test_kcidbs_ids_are_the_runs_own(tmp_path: Path) -> None:
    ids = []
    for place in ("one", "two"):
        with Results(tmp_path / f"{place}.sqlite") as results:
            begun = dataclasses.replace(
                made.begun(place, made.night(1)[1], tmp_path / place), uid="abcdef012345"
            )
            number = results.begin(begun)
            results.record(number, [made.entry(made.cell("a[x=1]"))])
            data = exports.kcidb(results, compare(results, query.runs(results)[-1]))
            ids.append([each["id"] for kind in ("checkouts", "builds", "tests") for each in data[kind]])
    assert ids[0] == ids[1]
    assert "nvh:abcdef012345:" in ids[0][-1]
