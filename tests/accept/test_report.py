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

from harness.accept.coverage.report import AddedLine, FileCoverage, LineState, PatchCoverage
from harness.accept.report import html, junit, reply, store
from harness.accept.report.selection import CellSelection, ChosenCell
from harness.accept.report.series_diff import annotate
from harness.accept.report.series_report import Culprit, Decision, SeriesReport
from harness.accept.report.terminal import tag
from harness.errors import InfraError
from tests.accept.samples import COST, COVERAGE, DIFF, rejected, report


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
        ({"format": 1}, "format"),
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


def test_reply_is_a_mail_for_a_list() -> None:
    text = reply.render(rejected())
    head, empty, *_ = text.splitlines()
    assert (head, empty) == ("Subject: Re: [PATCH v3 0/2] Two <changes>", "")
    assert not any(line.startswith(">") for line in text.splitlines())
    assert text.isascii()
    for words in (
        "it does not hold up",
        "linux-source-7.3",
        "Ran:     2 cells, once each on base and series: c1, c2",
        "regression c1: red in 0 of 6 runs on the base, in 6 of 6 with",
        "(Fisher, p = 0.0011)",
        "Again:   nvh accept SERIES --select c1",
        "patch 2 (Second): regression of c1",
        "patch 2 adds a compiler's warning: kernel/fork.c: unused",
        "kernel/fork.c:5: four();",
        "l1 ipas2e1: +5.0% (1)",
        "fork() was not reached; try",
        "v3 taken",
    ):
        assert words in text, words
    assert "nothing that speaks against it" in reply.render(report())


def test_reply_names_a_patch_once_with_its_surest_findings_first() -> None:
    culprits = [
        Culprit(f"{what} of {cell}", 2, "Second", 1, f"{cell} broke")
        for what, cell in (("suspect", "c1"), ("regression", "c2"), ("regression", "c3"))
    ]
    text = reply.render(dataclasses.replace(rejected(), culprits=tuple(culprits)))
    assert text.count("patch 2 (Second)") == 1
    assert "\n      regression of c2: c2 broke\n      regression of c3: c3 broke\n" in text
    assert "\n      and 1 more, of other cells\n" in text


def test_reply_says_how_to_see_it_again() -> None:
    """The command has what makes the cell what it is, and no file of this machine."""
    said = "./nvh accept /tmp/a b.mbox --base nv --jobs 1 --model qemu-v1 --out /tmp/x --budget 3"
    found = dataclasses.replace(rejected(), command=said)
    assert "Again:   nvh accept SERIES --base nv --model qemu-v1 --select c1" in reply.render(found)
    assert reply.again(found, "a[b=c,d=e f]").endswith(" --select 'a[b=c,d=e f]'")
    assert "Again:" not in reply.render(report())


def test_reply_names_no_commit_that_nobody_has() -> None:
    assert ", commit 000000000000" in reply.render(report())
    assert "commit" not in reply.render(report(base_commit=""))


def test_reply_says_what_of_the_base_had_run_before() -> None:
    words = "on the base 1 of them have run before, for another series"
    assert words not in reply.render(report())
    assert words in reply.render(report(base_earlier=1))


SPLAT = (
    "WARNING: arch/arm64/kvm/nested.c:1733 at kvm_s2_mmu_iterate_by_vmid+0x1c/0x120, CPU#1: kvm/220",
    "trace: handle_ipas2e1is < kvm_handle_sys_reg < handle_exit",
)
LONG = "covering-two[group=remote,with=parameters,of=a-length,that=nobody,would=read]"


def long_and_local() -> SeriesReport:
    """A report about many cells with long names, a splat, and this machine's directories everywhere."""
    cells = {f"{LONG}{n}": "p" for n in range(40)}
    bad = report(cells, {**cells, f"{LONG}7": "f"})
    whole = dataclasses.replace(
        bad.whole,
        cells=tuple(dataclasses.replace(c, splat=SPLAT if c.series.red else ()) for c in bad.whole.cells),
    )
    tree = "/root/.cache/nvh/kernel-trees/debian-source-1234/src/arch/arm64/kvm/nested.c:7:3"
    says = "no-splat-l0: warning in kvm_s2_mmu_iterate_by_vmid " + "and more " * 40
    return dataclasses.replace(
        bad,
        title="",
        origin="/home/me/series.mbox",
        base="/home/me/linux v7.3-rc1",
        model="/home/me/qemu/build/model.yaml",
        steps=(*bad.steps[:-1], whole),
        culprits=(
            Culprit("does not build", 1, "First", 0, f"{tree}: error: no such thing"),
            *(Culprit(f"regression of {LONG}{n}", 2, "Second", 1, says) for n in range(7, 30)),
        ),
        notes=("~/linux/x and ../y/z taken",),
        selection=CellSelection(
            "chosen from what the series touches",
            tuple(ChosenCell(c, "reaches it") for c in cells),
            tuple(ChosenCell(f"left-{n // 2}[at={n}]", "reaches it") for n in range(9)),
            price_s=600.0,
            budget_s=600.0,
            unreached=("kvm_none",),
        ),
    )


@pytest.mark.parametrize("found", [report(), rejected(), long_and_local()])
def test_no_mail_needs_an_editor(found: SeriesReport) -> None:
    text = reply.render(found)
    lines = text.splitlines()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not any(line != line.rstrip() or "\t" in line for line in lines)
    assert [line for line in lines if len(line) > 75 and len(line.split()) > 2] == []
    assert "-by:" not in text  # nobody is signed for
    assert not re.search(r"/root|/home|/tmp|\.cache|~/|\.\./", text)
    assert len(lines) <= 70


def test_the_mail_names_what_ran_what_did_not_and_the_splat() -> None:
    text = reply.render(long_and_local())
    flat = " ".join(text.split())
    assert lines_of(text, "Subject: ") == ["Subject: Re: [PATCH v3 1/2] First"]
    assert "arch/arm64/kvm/nested.c:7:3: error: no such thing" in flat
    assert SPLAT[0] in flat
    assert SPLAT[1] in flat
    assert "40 cells (chosen from what the series touches), once each on base and series" in flat
    assert (
        "Not run: 9 cells beyond the budget of 10 min 00 s: "
        "left-0 (2), left-1 (2), left-2 (2), left-3 (2) and 1 more" in flat
    )
    assert "no cell is known to reach kvm_none()" in flat
    assert "and 21 more, of other cells" in flat


def lines_of(text: str, beginning: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(beginning)]


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("see /home/me/x.mbox", "see x.mbox"),
        ("arch/arm64/kvm/nested.c:3", "arch/arm64/kvm/nested.c:3"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("0/6 and a/b", "0/6 and a/b"),
        ("'~/linux/v7' and ../a/b", "'v7' and b"),
        ("f+0x1c/0x120", "f+0x1c/0x120"),
    ],
)
def test_places_of_this_machine(text: str, without: str) -> None:
    assert reply.without_places(text) == without


def test_a_tag_is_offered_and_given_to_nobody() -> None:
    assert tag(report()) == "Tested-by: NAME <ADDRESS> # nvh 1.0 abc"


NOTHING = PatchCoverage(("c1",), (FileCoverage("d/x.c", False, (AddedLine(1, "x", 1, LineState.NO_CODE),)),))
GONE = FileCoverage("k/f.c", True, (AddedLine(7, "\tflush();", 1, LineState.COVERED, "f", (0,)),))


def test_a_series_of_which_nothing_can_run_is_not_accepted() -> None:
    found = report(coverage=NOTHING)
    assert (found.decision, found.exit_status) == (Decision.UNDECIDED, 3)
    assert "nothing of this series can run here" in found.reasons[0]
    assert "nothing of this series can run here" in reply.render(found)
    assert "Nothing of this series can run here" in html.render(found)
    assert store.to_json(found)["coverage"]["share"] is None
    assert "100" not in " ".join(lines_of(reply.render(found), "Lines:"))


def test_lines_that_go_count_for_what_can_run() -> None:
    """A patch that only removes a check has no added line, and is run all the same."""
    found = report(coverage=dataclasses.replace(NOTHING, removed=(GONE,)))
    assert found.decision is Decision.ACCEPT
    assert "of those removed 1 of 1 ran on the base" in " ".join(reply.render(found).split())
    idle = dataclasses.replace(GONE, lines=(dataclasses.replace(GONE.lines[0], state=LineState.UNCOVERED),))
    none = report(coverage=dataclasses.replace(NOTHING, removed=(idle,)))
    assert none.decision is Decision.UNDECIDED
    assert "no cell ran the line with code that the series changes" in none.reasons[0]


def test_a_patch_of_which_nothing_ran_is_told_beside_those_that_did() -> None:
    assert any("patch 2: no cell ran its line with code" in each for each in report().remarks)
    lone = dataclasses.replace(
        COVERAGE, files=(dataclasses.replace(COVERAGE.files[0], lines=COVERAGE.files[0].lines[:1]),)
    )
    assert any(
        "patch 2: nothing of this patch can run here" in each for each in report(coverage=lone).remarks
    )


def test_coverage_that_shrinks_is_reported() -> None:
    lost = dataclasses.replace(COVERAGE, lost=("handle_ipas2e1is",))
    assert any(
        "no cell reaches handle_ipas2e1is() any more" in each for each in report(coverage=lost).remarks
    )
    assert "coverage shrinks" in reply.render(report(coverage=lost))


def test_figures_decide() -> None:
    silent = dataclasses.replace(COST[0], tlbis=(4.0, 0.0), silent=("c1",))
    found = report(cost=(silent,))
    assert found.decision is Decision.REJECT
    assert "L0 executes no TLBI any more for ipas2e1is" in found.reasons[0]
    dear = dataclasses.replace(COST[0], insns_min=(9000, 12000))
    assert report(cost=(dear,)).decision is Decision.REJECT
    assert report(cost=(dear,), cost_limit=None).decision is Decision.ACCEPT
    assert report(cost=(dear,), cost_limit=0.5).decision is Decision.ACCEPT
    named = Culprit("cost of emulation", 2, "Second", 1, "in c1: cost: much")
    both = report(cost=(dear,), culprits=(named,))
    assert both.reasons == ("patch 2 (Second): cost of emulation: in c1: cost: much",)


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
