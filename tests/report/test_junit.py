# SPDX-License-Identifier: GPL-2.0-only
import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import junitparser

from harness.check.finding import Finding
from harness.report import junit
from harness.report.results import RunSummary
from harness.verdict import Verdict
from tests.report import samples

EVIL = "<script>\x1b[31m\x00\x0b\ufffe\ud800]]>&'\"é😀"


def parse(run: RunSummary, tmp_path: Path) -> junitparser.JUnitXml:
    document = junitparser.JUnitXml.fromfile(str(junit.write(run, tmp_path)))
    assert isinstance(document, junitparser.JUnitXml)
    return document


def cases(document: junitparser.JUnitXml) -> dict[str, junitparser.TestCase]:
    found = {str(case.name): case for suite in document for case in suite}
    assert len(found) == document.tests
    return found


def test_each_expectation_is_a_case_with_its_outcome(tmp_path: Path) -> None:
    document = parse(samples.EVERY, tmp_path)
    found = cases(document)
    outcomes = {name: [(type(r).__name__, r.type) for r in case.result] for name, case in found.items()}
    fail = samples.FAILED.id
    assert outcomes == {
        "vmalls12e1-drops-shadow::exercised": [],
        "vmalls12e1-drops-shadow::no-splat": [],
        f"{fail}::exercised": [],
        f"{fail}::shadow-unmapped": [("Failure", "fail")],
        f"{fail}::no-splat": [],
        "vmid-reuse[guests=9]::context-recycled": [("Failure", "vacuous")],
        "l1-dirty-logging::write-protected": [("Failure", "undecided")],
        "l1-dirty-logging::no-splat": [],
        "l0-reclaims-l1-memory::cell": [("Error", "infra")],
    }
    assert (document.tests, document.failures, document.errors, document.skipped) == (9, 3, 1, 0)
    assert [suite.name for suite in document] == list(dict.fromkeys(c.scenario for c in samples.EVERY.cells))
    details = found[f"{fail}::shadow-unmapped"].result[0].text
    assert "at scenarios/stage2/ipas2e1-unmaps-block.yaml:21:5" in details
    assert "bound v=1 a=0x40200000" in details
    assert f"> {samples.TRIGGER}" in details
    assert f"reproduce: {samples.FAILED.command}" in details


def test_times_add_up_to_the_cells(tmp_path: Path) -> None:
    document = parse(samples.EVERY, tmp_path)
    assert abs(document.time - sum(cell.seconds for cell in samples.EVERY.cells)) < 0.01


def test_properties_carry_versions_and_digests(tmp_path: Path) -> None:
    suite = next(iter(parse(samples.EVERY, tmp_path)))
    properties = {p.name: p.value for p in suite.properties()}  # type: ignore[no-untyped-call]
    assert properties["version.qemu"] == f"{samples.QEMU.version} sha256:{samples.QEMU.sha256}"
    assert properties["nvh"] == "0.1.0 3f2a91c0d4e8"
    assert properties["model"] == "qemu icount"


def test_an_allowed_vacuous_expectation_is_skipped_not_failed(tmp_path: Path) -> None:
    finding = Finding("rare", "existence", Verdict.VACUOUS, "never happened")
    document = parse(samples.run(samples.cell("x", Verdict.PASS, (samples.EXERCISED, finding))), tmp_path)
    assert (document.tests, document.failures, document.errors, document.skipped) == (2 + 1 - 1, 0, 0, 1)


def test_a_cell_worse_than_its_findings_gets_a_case_of_its_own(tmp_path: Path) -> None:
    cell = dataclasses.replace(samples.PASSED, verdict=Verdict.INFRA, reason="l1 died afterwards")
    found = cases(parse(samples.run(cell), tmp_path))
    assert found[f"{cell.id}::cell"].result[0].message == "l1 died afterwards"


def test_what_went_wrong_after_a_failure_is_reported_too(tmp_path: Path) -> None:
    cell = dataclasses.replace(samples.FAILED, reason="disk full")
    found = cases(parse(samples.run(cell), tmp_path))
    assert found[f"{cell.id}::cell"].result[0].message == "disk full"
    assert found[f"{cell.id}::shadow-unmapped"].result[0].type == "fail"


def test_a_known_defect_is_skipped_and_what_counts_beside_it_is_not(tmp_path: Path) -> None:
    known = dataclasses.replace(samples.UNMAPPED, expected="known (review by 2027-03-01)")
    fine = samples.cell("q", Verdict.FAIL, (known, samples.NO_SPLAT), quarantine=known.expected)
    found = cases(parse(samples.run(fine), tmp_path))
    assert set(found) == {"q::shadow-unmapped", "q::no-splat"}
    (skipped,) = found["q::shadow-unmapped"].result
    assert isinstance(skipped, junitparser.Skipped)
    assert skipped.message == "known defect, as expected: known (review by 2027-03-01)"
    splat = dataclasses.replace(samples.NO_SPLAT, verdict=Verdict.FAIL, message="warn in f")
    found = cases(parse(samples.run(samples.cell("q", Verdict.FAIL, (known, splat))), tmp_path))
    assert isinstance(found["q::shadow-unmapped"].result[0], junitparser.Skipped)
    assert isinstance(found["q::no-splat"].result[0], junitparser.Failure)


def test_the_same_cell_on_two_models_stays_apart(tmp_path: Path) -> None:
    other = dataclasses.replace(samples.FAILED, model="qemu-10.0", slug="second")
    found = cases(parse(samples.run(samples.FAILED, other), tmp_path))
    assert {"second::exercised", f"{samples.FAILED.slug}::exercised"} < set(found)


def test_a_cell_without_expectations_still_counts(tmp_path: Path) -> None:
    assert parse(samples.run(samples.cell("x", Verdict.PASS, ())), tmp_path).tests == 1


def test_a_run_without_cells_is_an_empty_document(tmp_path: Path) -> None:
    assert parse(samples.run(), tmp_path).tests == 0


def test_foreign_text_stays_well_formed_and_bounded(tmp_path: Path) -> None:
    found = cases(parse(samples.hostile(EVIL), tmp_path))
    assert any("<script>" in name and r"\x1b[31m\x00" in name and "é😀" in name for name in found)
    path = junit.write(samples.hostile("A" * 10_000_000), tmp_path)
    assert path.stat().st_size < 300_000
    assert ET.parse(path).getroot().tag == "testsuites"


def test_what_does_not_apply_is_skipped_and_never_passed(tmp_path: Path) -> None:
    run = dataclasses.replace(samples.EVERY, not_applicable={"three-levels": f"it boots l1 {EVIL}"})
    before, document = parse(samples.EVERY, tmp_path), parse(run, tmp_path)
    [case] = [case for name, case in cases(document).items() if name == "three-levels"]
    [result] = case.result
    assert isinstance(result, junitparser.Skipped)
    assert str(result.message).startswith("it boots l1")
    assert (document.tests, document.skipped) == (before.tests + 1, before.skipped + 1)
