# SPDX-License-Identifier: GPL-2.0-only
"""The same findings as JSON, page, mail and JUnit; the decision follows from them."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import escape

from harness.accept.report import html, junit, reply, store
from harness.accept.report.series_diff import annotate
from harness.accept.report.series_report import Decision
from harness.errors import InfraError
from tests.accept.samples import COVERAGE, DIFF, rejected, report


def test_decisions() -> None:
    assert report().decision is Decision.ACCEPT
    assert rejected().decision is Decision.REJECT
    assert report({"c1": "p"}, {"c1": "i"}).decision is Decision.UNDECIDED
    assert [each.exit_status for each in Decision] == [0, 1, 3]


def test_json_satisfies_its_schema_and_is_read_back(tmp_path: Path) -> None:
    for found in (report(), rejected(), dataclasses.replace(report(), coverage=None, cost=())):
        path = store.write(found, tmp_path)
        data = store.read(path)
        assert data["decision"] == found.decision.value
        assert data["exit_status"] == found.exit_status
        assert data["counts"]["red-before"] == found.count[list(found.count)[5]]
    assert store.to_json(report())["coverage"]["share"] == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": "maybe"}, "decision: 'maybe'"),
        ({"extra": 1}, "Additional properties"),
        ({"steps": []}, "steps"),
        ({"format": 2}, "format"),
    ],
)
def test_json_that_is_not_ours_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = store.write(report(), tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InfraError, match=message):
        store.read(path)


class Page(HTMLParser):
    """Collects what a page loads, and whether its tags are balanced."""

    VOID = ("meta", "br", "link", "img", "wbr", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [str(v) for k, v in attrs if k in ("src", "href") and v]
        if tag in ("script", "link", "iframe"):
            self.loads.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("found", [report(), rejected(), dataclasses.replace(report(), coverage=None)])
def test_page_is_whole_and_loads_nothing(found: object) -> None:
    text = html.render(found)  # type: ignore[arg-type]
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert "Two &lt;changes&gt;" in text
    assert "three(&lt;b&gt;)" in text


def test_page_shows_uncovered_lines_in_the_diff() -> None:
    text = html.render(report())
    assert re.search(r'<span class="uncovered" title="not executed">✗ \+\tfour\(\);</span>', text)
    assert 'title="executed by c1, c2"' in text
    assert "drivers/x.c has no code in this configuration" in text
    assert "1 of 2 executable lines" in text
    assert "+5.0 %" in text


def test_diff_is_annotated_by_file_and_line() -> None:
    kinds = [(line.kind, line.text) for line in annotate(DIFF, COVERAGE)]
    assert ("covered", "+\tthree(<b>);") in kinds
    assert ("uncovered", "+\tfour();") in kinds
    assert ("no-code", "+/* why */") in kinds
    assert ("removed", "-\ttwo();") in kinds
    assert {line.kind for line in annotate(DIFF, None) if line.text.startswith("+\t")} == {"no-code"}


def test_reply_is_plain_text_for_a_list() -> None:
    text = reply.render(rejected())
    assert all(len(line) <= 100 for line in text.splitlines())
    assert not any(line.startswith(">") for line in text.splitlines())
    assert "Tested-by" not in text
    assert text.isascii()
    for words in (
        "Two <changes> (v3, 2 patches)",
        "linux-source-7.3",
        "regression  c1: 0/6 [0%, 46%] -> 6/6 [54%, 100%], p = 0.0011",
        "patch 2 (Second): regression of c1",
        "warning: kernel/fork.c: unused",
        "kernel/fork.c:5: four();",
        "ipas2e1is",
        "(+5.0%)",
        "fork() was not reached; try",
        "v3 taken",
    ):
        assert words in text, words
    assert "nothing that speaks against it" in reply.render(report())


def test_what_a_series_mends_is_said_and_how_sure_that_is() -> None:
    mends = report({"c1": "ffffff", "c2": "p"}, {"c1": "pppppp", "c2": "p"})
    chance = report({"c1": "fp", "c2": "p"}, {"c1": "pp", "c2": "p"})
    line = "c1: red in 6 of 6 runs on the base, in 0 of 6 with the series (p = 0.0011)"
    line += "; on the base: c1 is fail"
    assert mends.fixes == (line,)
    assert chance.fixes[0].endswith(
        "(p = 0.5000); so few runs could give that by chance; on the base: c1 is fail"
    )
    assert "\nIt fixes:\n  - c1: red in 6 of 6 runs on the base," in reply.render(mends)
    assert str(escape(line)) in html.render(mends)
    assert store.to_json(mends)["fixes"] == [line]
    for text in (reply.render(rejected()), html.render(rejected())):
        assert "It fixes" not in text


def test_junit() -> None:
    root = ET.fromstring(junit.render(rejected()))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == {"base::build", "patch-1::build", "patch-2::build", "patch-2::c1", "patch-2::c2"}
    (failure,) = cases["patch-2::c1"]
    assert failure.get("type") == "regression"
    assert len(cases["patch-2::c2"]) == 0
    assert root.get("failures") == "1"


def test_junit_of_what_does_not_build() -> None:
    sample = report()
    build = dataclasses.replace(sample.steps[1].build, ok=False, why="fork.c:3: error: x")
    steps = (sample.steps[0], dataclasses.replace(sample.steps[1], build=build), sample.steps[2])
    root = ET.fromstring(junit.render(dataclasses.replace(sample, steps=steps)))
    assert [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None] == [
        "patch-1::build"
    ]


def test_the_reply_says_which_level_ran_the_series() -> None:
    usual = report()
    assert "at L0; L1 and L2 run the scenarios' own kernels" in " ".join(reply.render(usual).split())
    guest = dataclasses.replace(usual, level="l1")
    assert "at L1; L0 and L2 run the scenarios' own kernels" in " ".join(reply.render(guest).split())
