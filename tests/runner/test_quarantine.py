# SPDX-License-Identifier: GPL-2.0-only
"""Known defects: an entry excuses exactly what it names, where it says so, until its review date."""

from __future__ import annotations

import dataclasses
import datetime
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.check.finding import Finding
from harness.errors import InputError
from harness.host.paths import QUARANTINE as FILE
from harness.host.paths import SCENARIOS
from harness.report.results import ArtefactVersion, CellResult
from harness.runner.project import find_cells
from harness.runner.quarantine import Kernels, Quarantine, load_quarantine
from harness.scenario.language import Cell
from harness.scenario.scenario import NO_OVERRIDES
from harness.verdict import Verdict
from tests.report import samples

TODAY = datetime.date(2026, 11, 23)
TEXT = """
    quarantine:
      - scenario: defect-range-part
        params: {granule: "4k"}
        findings: [{name: all-passed, message: 'failed=\\d+, expected 0'}]
        kernel: "nv* >= 7.2, < 8"
        model: "qemu*"
        seen: always
        reason: known
        review: "2026-12-01"
"""
P, V, U, INFRA, F = Verdict.PASS, Verdict.VACUOUS, Verdict.UNDECIDED, Verdict.INFRA, Verdict.FAIL
DEFECT = Finding("all-passed", "result", F, "failed=624, expected 0")
FINE = Finding("no-splat-l0", "console", P, "l0's console has no splat")
WHY = "known (review by 2026-12-01)"


def quarantine(tmp_path: Path, changes: Mapping[str, str] = {}, today: datetime.date = TODAY) -> Quarantine:
    """The entries of a file with the row of TEXT; ``changes`` replace words in it."""
    body = textwrap.dedent(TEXT)
    for old, new in changes.items():
        assert old in body
        body = body.replace(old, new)
    path = tmp_path / "quarantine.yaml"
    path.write_text(body)
    return load_quarantine(path, today)


def cell(granule: str = "4k", **changes: object) -> Cell:
    found = find_cells([], [f"defect-range-part[granule={granule}]"], NO_OVERRIDES)
    return dataclasses.replace(found[0], **changes)  # type: ignore[arg-type]


def result(verdict: Verdict, *findings: Finding, release: str = "7.3.4-nvh", **changes: object) -> CellResult:
    return samples.cell(
        "defect-range-part[granule=4k]",
        verdict,
        findings,
        versions={"kernel l0": ArtefactVersion(release)},
        **changes,
    )


def exit_status(*cells: CellResult) -> int:
    return samples.run(*cells).exit_status


def test_what_is_expected_does_not_count_and_is_said(tmp_path: Path) -> None:
    judged = quarantine(tmp_path).judged(cell(), result(F, DEFECT, FINE))
    assert (judged.verdict, judged.quarantine) == (F, WHY)
    assert [each.expected for each in judged.findings] == [WHY, ""]
    assert (judged.is_fine, judged.word) == (True, "known fail")
    assert exit_status(judged) == 0
    assert exit_status(result(F, DEFECT, FINE)) == 1


SPLAT = Finding("no-splat-l0", "console", F, "warn in f at a.c:1 (1 splat line, the first at line 2)")
OTHERS = {
    "another finding": ((DEFECT, SPLAT), "", F, 1),
    "the same finding for another cause": ((dataclasses.replace(DEFECT, message="passed=0"),), "", F, 1),
    "more in the same finding": (
        (dataclasses.replace(DEFECT, message=f"{DEFECT.message}; vacuous=3, expected 0"),),
        "",
        F,
        1,
    ),
    "the finding is undecided": ((dataclasses.replace(DEFECT, verdict=U),), "", U, 1),
    "something else undecided": ((DEFECT, dataclasses.replace(FINE, verdict=U)), "", U, 1),
    "something else vacuous": ((DEFECT, dataclasses.replace(FINE, verdict=V)), "", V, 1),
    "the harness failed on the way": ((DEFECT,), "disk full", INFRA, 3),
    "the harness failed before": ((), "QEMU could not start", INFRA, 3),
    "the level did not boot": ((Finding("boot-l0", "boot", F, "no answer within 90 s"),), "", F, 1),
}


@pytest.mark.parametrize("what", OTHERS)
def test_everything_else_counts(what: str, tmp_path: Path) -> None:
    findings, reason, verdict, status = OTHERS[what]
    own = INFRA if reason and not findings else max((f.verdict for f in findings), key=lambda v: v.rank)
    judged = quarantine(tmp_path).judged(cell(), result(own, *findings, reason=reason))
    assert (judged.verdict, judged.quarantine) == (verdict, "")
    assert exit_status(judged) == status
    if found := judged.leading:
        assert not found.expected, "the headline is what counts"
        assert judged.headline.startswith(found.name)


def test_a_vacuous_finding_that_the_scenario_allows_does_not_count(tmp_path: Path) -> None:
    own = result(F, DEFECT, dataclasses.replace(FINE, verdict=V))
    assert quarantine(tmp_path).judged(cell(allow_vacuous=True), own).is_fine


ELSEWHERE: dict[str, dict[str, Any]] = {
    "older kernel": {"release": "7.1.9"},
    "newer kernel": {"release": "8.0.1-rc1"},
    "unknown release": {"release": ""},
    "another kernel": {"kernels": {"l0": "debian", "l1": "nv"}},
    "another model": {"model": "gem5"},
}


@pytest.mark.parametrize("where", ELSEWHERE)
def test_elsewhere_it_counts_and_may_pass(where: str, tmp_path: Path) -> None:
    entries = quarantine(tmp_path)
    red, green = result(F, DEFECT, **ELSEWHERE[where]), result(P, FINE, **ELSEWHERE[where])
    assert entries.judged(cell(), red) == red
    assert entries.judged(cell(), green) == green


def test_it_is_for_the_cells_that_it_names(tmp_path: Path) -> None:
    entries = quarantine(tmp_path)
    for other in (cell("16k"), cell(scenario="defect-vncr-far"), cell(mutant="s1-none")):
        assert entries.judged(other, result(F, DEFECT)).quarantine == ""
    assert entries.judged(cell(), result(F, DEFECT, model="/x/images/models/qemu-10.0.yaml")).quarantine


def test_an_unexpected_pass_is_red_and_says_that_the_entry_can_go(tmp_path: Path) -> None:
    passed = result(P, dataclasses.replace(DEFECT, verdict=P, message="run litmus ended as expected"), FINE)
    judged = quarantine(tmp_path).judged(cell(), passed)
    assert (judged.verdict, judged.quarantine) == (F, "")
    assert exit_status(judged) == 1
    assert judged.headline.startswith("quarantine: the defect is gone, all-passed passes: this entry of ")
    assert str(tmp_path / "quarantine.yaml:3:5") in judged.findings[-1].where
    renamed = quarantine(tmp_path, {"name: all-passed": "name: other"}).judged(cell(), passed)
    assert "the cell passes without a finding other" in renamed.headline
    sometimes = quarantine(tmp_path, {"always": "sometimes"})
    assert sometimes.judged(cell(), passed) == passed
    assert sometimes.judged(cell(), result(F, DEFECT)).is_fine


def test_one_of_two_defects_is_gone(tmp_path: Path) -> None:
    both = quarantine(tmp_path, {"findings: [": "findings: [{name: tlb}, "})
    tlb = Finding("tlb", "sanitizer", F, "1 x narrowed:stage2")
    assert both.judged(cell(), result(F, DEFECT, tlb)).is_fine
    left = both.judged(cell(), result(F, DEFECT, dataclasses.replace(tlb, verdict=P)))
    assert left.headline.startswith("quarantine: the defect is gone, tlb passes")
    assert [f.name for f in left.findings if f.expected] == ["all-passed"]


def test_after_its_review_date_it_has_no_effect(tmp_path: Path) -> None:
    own = result(F, DEFECT)
    late = quarantine(tmp_path, today=datetime.date(2026, 12, 2))
    assert late.judged(cell(), own) == own
    assert quarantine(tmp_path, today=datetime.date(2026, 12, 1)).judged(cell(), own).is_fine


BAD = {
    'review: "2026-12-01"': ('review: "2026-13-01"', r"quarantine\.yaml:10:13: .*; expected a date"),
    'kernel: "nv* >= 7.2, < 8"': (
        'kernel: "nv => 7.2"',
        r"quarantine\.yaml:6:13: .*expected a name, a range",
    ),
    "failed=": ("failed=(", r"quarantine\.yaml:5:15: .*expected regular expressions"),
    "seen: always": ("seen: never", r"8:11: the string 'never'; expected one of always, sometimes"),
    "reason: known": ("raeson: known", r"unknown key 'raeson'; .*; did you mean 'reason'"),
}


@pytest.mark.parametrize("old", BAD)
def test_a_file_that_is_not_as_it_should_be_is_refused(old: str, tmp_path: Path) -> None:
    new, says = BAD[old]
    with pytest.raises(InputError, match=says):
        quarantine(tmp_path, {old: new})


def test_a_finding_or_parameter_that_the_cells_do_not_have_is_refused(tmp_path: Path) -> None:
    quarantine(tmp_path).check([cell()])
    with pytest.raises(InputError, match="no finding 'al-passed'; did you mean 'all-passed'"):
        quarantine(tmp_path, {"name: all-passed": "name: al-passed"}).check([cell()])
    with pytest.raises(InputError, match="no parameter 'granul'; did you mean 'granule'"):
        quarantine(tmp_path, {"{granule:": "{granul:"}).check([cell()])


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("nv", ["nv 7.3"], ["nv-64k 7.3", "debian 7.3"]),
        (">= 7.2", ["nv 7.2.0", "nv 7.10.1", "x 8.0-rc1"], ["nv 7.1.99", "nv 6.19", "nv "]),
        ("== 7.3", ["nv 7.3.4-1+nvh", "nv 7.3"], ["nv 7.30", "nv 7.2"]),
        ("> 7.3, <= 7.5", ["nv 7.4", "nv 7.5.9"], ["nv 7.3.4", "nv 7.6"]),
        ("nv-* < 7.3", ["nv-64k 7.2.9"], ["nv 7.2.9", "nv-64k 7.3"]),
        ("!nv-fixed >= 7.3", ["nv 7.3", "nv-64k 7.3", "/tmp/base.yaml 7.4"], ["nv-fixed 7.3", "nv 7.2"]),
        ("!nv-*", ["nv 7.3", "debian 1.0"], ["nv-64k 7.3", "nv-fixed 7.3"]),
        ("mine", ["/tmp/mine.yaml 7.3"], ["/tmp/mine/other.yaml 7.3"]),
    ],
)
def test_ranges_of_kernels(text: str, yes: list[str], no: list[str]) -> None:
    kernels = Kernels.parse(text)
    for words, wanted in [(each, True) for each in yes] + [(each, False) for each in no]:
        name, _, release = words.partition(" ")
        assert kernels.include(name, release) is wanted, words


def test_the_shipped_file_fits_the_scenarios() -> None:
    cells = find_cells([SCENARIOS], [], NO_OVERRIDES)
    load_quarantine().check(cells)
    rows = yaml.safe_load(FILE.read_text())["quarantine"]
    assert {row["scenario"] for row in rows} <= {each.scenario for each in cells}
    entries = load_quarantine(today=datetime.date(2026, 1, 1)).entries
    assert len(entries) == len(rows)
    for entry in entries:
        assert any(entry.is_for(each) for each in cells), entry.why


def without_a_fix() -> set[str]:
    """The defects of which docs/defects.md says that no fix is written."""
    sections = re.split(r"^## ", (FILE.parent / "docs/defects.md").read_text(), flags=re.M)
    told = (each for each in sections if re.search(r"^No fix: ", each, re.M))
    return {name for each in told for name in re.findall(r"`(defect-[a-z0-9-]+)`", each.splitlines()[0])}


def test_only_what_has_no_fix_is_quarantined_on_the_kernels_with_the_fixes() -> None:
    left = set()
    for entry in load_quarantine(today=datetime.date(2026, 1, 1)).entries:
        if any(entry.kernels.include(name, "7.3.4-nvh") for name in ("nv-fixed", "nv-64k-fixed")):
            left.add(entry.scenario)
        assert entry.kernels.include("nv", "7.3.4-nvh") or entry.kernels.include("nv-64k", "7.3.4-nvh")
    assert left == without_a_fix()
