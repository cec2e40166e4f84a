# SPDX-License-Identifier: GPL-2.0-only
"""The coverage table, from lines that nvh-litmus printed on Linux 7.3 in QEMU 11.1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.arch.table import load
from harness.errors import InputError, UserError
from harness.litmus.case_lines import parse, parse_line, summary
from harness.litmus.coverage import (
    NOT_RUN,
    OTHER_REGIME,
    CoveragePlace,
    OperationCoverage,
    coverage,
    tabulate,
)

DATA = Path(__file__).parent / "data"
RECORDED = DATA / "recorded.stdout"
PASS = (
    "case=s2-unmap/ipas2e1is/4k/2m-first/no-ttl op=ipas2e1is regime=el1&0-stage2 granule=4k scope=is l1=vhe "
    "obliged=yes control=stale-seen verdict=pass refaults=2 ns=9314688"
)


def place(table: OperationCoverage, name: str, regime: str, granule: str) -> CoveragePlace:
    (found,) = (p for p in table.places if (p.operation.name, p.regime, p.granule) == (name, regime, granule))
    return found


@pytest.fixture(scope="module")
def recorded() -> OperationCoverage:
    (found,) = coverage([DATA])
    return found


def test_every_place_says_something(recorded: OperationCoverage) -> None:
    assert len(recorded.places) == len(load()) * 4 * 3
    for each in recorded.places:
        assert each.word
        assert bool(each.reason) == (each.state in ("not-applicable", "not-run")), each


def test_passed(recorded: OperationCoverage) -> None:
    found = place(recorded, "ipas2e1is", "el1&0-stage2", "4k")
    assert (found.state, found.word, found.exercised) == ("passed", "6", 6)


def test_failed_names_the_cases(recorded: OperationCoverage) -> None:
    found = place(recorded, "ripas2e1is", "el1&0-stage2", "4k")
    assert (found.state, found.word) == ("failed", "1!")
    assert found.failing == ["s2-unmap-part/ripas2e1is/4k/2m-from-last-page/scale0-num0/no-ttl"]
    assert found.direct == 1  # hidden-range passed for this one


def test_a_trap_or_undefined_operation_is_no_invalidation(recorded: OperationCoverage) -> None:
    found = place(recorded, "ripas2e1os", "el1&0-stage2", "4k")
    assert (found.direct, found.exercised, found.state) == (1, 0, "not-run")


def test_what_obliges_nothing_is_not_exercised(recorded: OperationCoverage) -> None:
    found = place(recorded, "vae1is", "el1&0", "4k")
    assert found.cases == 13
    assert (found.exercised, found.passed, found.unobservable) == (3, 3, 3)
    assert found.refaults == 4


def test_unobservable_is_not_passed() -> None:
    own = PASS.replace("control=stale-seen", "control=not-observable")
    table = tabulate(parse(own, "x"))
    found = place(table, "ipas2e1is", "el1&0-stage2", "4k")
    assert (found.state, found.word, found.passed) == ("unobservable", "~1", 0)


@pytest.mark.parametrize("verdict", ["vacuous", "setup", "hang", "broken", "unable-to-fail"])
def test_undecided(verdict: str) -> None:
    table = tabulate(parse(f"{PASS}\n{PASS.replace('verdict=pass', f'verdict={verdict}')}", "x"))
    assert place(table, "ipas2e1is", "el1&0-stage2", "4k").word == "1?"


def test_events_of_l0_have_no_operation() -> None:
    event = PASS.replace("op=ipas2e1is", "op=none").replace("scope=is", "scope=none")
    table = tabulate(parse(event, "x"))
    assert table.lines == 1
    assert set(table.count()) == {"not-run", "not-applicable"}


def test_reasons() -> None:
    lacking = PASS.replace("control=stale-seen verdict=pass", "control=none verdict=not-applicable")
    table = tabulate(parse(f"{lacking} why=no-FEAT_XS", "x"))
    assert place(table, "ipas2e1is", "el1&0-stage2", "4k").reason == "no-FEAT_XS"
    assert place(table, "ipas2e1is", "el2", "4k").reason == OTHER_REGIME
    assert place(table, "vae2is", "el2&0", "64k").reason == NOT_RUN
    assert place(table, "vae2is", "el2&0", "4k").reason == NOT_RUN
    assert table.count()["passed"] == 0


def test_json(recorded: OperationCoverage) -> None:
    data = json.loads(json.dumps(recorded.to_json()))
    assert data["lines"] == 35
    assert sum(data["states"].values()) == len(data["places"])
    assert (data["machine"], data["models"]) == ("", [])


def cell(directory: Path, model: str, qemu: str, word: str) -> None:
    (directory / "output").mkdir(parents=True)
    result = {"model": model, "versions": {"model": {"version": qemu, "sha256": ""}}}
    (directory / "result.json").write_text(json.dumps(result))
    (directory / "output" / "litmus.stdout").write_text(PASS.replace("verdict=pass", f"verdict={word}"))


def test_a_table_for_each_qemu(tmp_path: Path) -> None:
    """What runs on one QEMU hides no blank of another, and flags of the same QEMU share a table."""
    cell(tmp_path / "a", "qemu-10.0", "QEMU 10.0.2", "fail")
    cell(tmp_path / "b", "qemu", "QEMU 11.1.3", "pass")
    cell(tmp_path / "c", "qemu-48bit", "QEMU 11.1.3", "pass")
    newest, oldest = coverage([tmp_path])
    assert (newest.machine, newest.models, newest.lines) == ("QEMU 11.1.3", ("qemu", "qemu-48bit"), 2)
    assert (oldest.machine, oldest.models, oldest.lines) == ("QEMU 10.0.2", ("qemu-10.0",), 1)
    for table, state in ((newest, "passed"), (oldest, "failed")):
        assert place(table, "ipas2e1is", "el1&0-stage2", "4k").state == state
    (only,) = coverage([tmp_path], ["x", "qemu-*0"])
    assert only == oldest
    with pytest.raises(UserError, match="no litmus results"):
        coverage([tmp_path], ["max"])


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"model": "qemu", "versions": 1}'])
def test_a_broken_result_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "litmus.stdout").write_text(PASS)
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(UserError, match=r"result\.json is not the result of a cell"):
        coverage([tmp_path])


def test_outputs_of_no_cell(tmp_path: Path) -> None:
    (tmp_path / "litmus.stdout").write_text(PASS)
    (table,) = coverage([tmp_path])
    assert (table.machine, table.models, table.lines) == ("", (), 1)


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "boot.stdout").write_text("hello\n")
    with pytest.raises(UserError, match="no litmus results"):
        coverage([tmp_path])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("verdict=pass", "verdict=passed", "verdict=passed"),
        ("op=ipas2e1is", "op=ipas2e1ish", "not a TLBI operation"),
        ("scope=is", "scope=os", "scope"),
        ("granule=4k", "granule=8k", "granule=8k"),
        ("obliged=yes ", "", "the words are"),
        ("refaults=2", "refaults=two", "two"),
        ("refaults=2 ns=9314688", "refau", "refau"),
        ("control=stale-seen", "control=", "control="),
    ],
)
def test_bad_lines_are_named(old: str, new: str, words: str) -> None:
    text = f"{PASS}\n{PASS.replace(old, new)}\n"
    with pytest.raises(InputError) as caught:
        list(parse(text, "litmus.stdout"))
    assert "litmus.stdout:2" in str(caught.value)
    assert words in str(caught.value)


def test_parse_line_keeps_the_reason() -> None:
    line = parse_line(f"{PASS} probe=gone at=0x1000")
    assert line.why == "probe=gone at=0x1000"
    assert (line.refaults, line.ns) == (2, 9314688)


def test_summary() -> None:
    assert summary(RECORDED.read_text())["failed"] == "3"
    with pytest.raises(ValueError, match="cut off"):
        summary(PASS)
