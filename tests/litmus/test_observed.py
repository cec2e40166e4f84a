# SPDX-License-Identifier: GPL-2.0-only
"""What a self-test says of a machine decides what its passes are worth, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.litmus.case_lines import CaseLine, parse_line
from harness.litmus.coverage import CoveragePlace, coverage
from harness.litmus.coverage_section import to_text
from harness.litmus.observed import Observed

LINE = (
    "case={family}/vae1is/{name} op=vae1is regime=el1&0 granule=4k scope=is l1=vhe "
    "obliged={obliged} control={control} verdict={verdict} refaults=0 ns=10"
)


def text(name: str, control: str, verdict: str, obliged: str = "yes", family: str = "s1-own") -> str:
    return LINE.format(name=name, control=control, verdict=verdict, obliged=obliged, family=family)


def seen(*rounds: str) -> Observed:
    """Self-tests of one case with these verdicts."""
    found = Observed()
    for verdict in rounds:
        found.add([parse_line(text("a", "not-observable", verdict))])
    return found


def run(place: Path, name: str, lines: list[str], machine: str = "board 1", self_test: str = "0") -> None:
    """The directory of a cell that printed ``lines``."""
    (place / name / "output").mkdir(parents=True)
    (place / name / "output/litmus.stdout").write_text("".join(f"{line}\n" for line in lines))
    result = {
        "model": "board",
        "versions": {"model": {"version": machine}},
        "facts": {"self-test": self_test},
    }
    (place / name / "result.json").write_text(json.dumps(result))


def only(place: Path) -> CoveragePlace:
    [table] = coverage([place])
    [found] = [p for p in table.places if p.cases]
    return found


@pytest.mark.parametrize(
    ("control", "self_test", "state", "word"),
    [
        ("not-observable", None, "unobservable", "~1"),
        ("not-observable", "pass", "passed", "1"),
        ("not-observable", "unable-to-fail", "unobservable", "~1"),
        ("stale-seen", None, "passed", "1"),
        ("stale-seen", "pass", "passed", "1"),
        ("stale-seen", "unable-to-fail", "unobservable", "~1"),
        ("not-observable", "vacuous", "unobservable", "~1"),
        ("not-observable", "hang", "unobservable", "~1"),
    ],
)
def test_a_pass_is_worth_what_the_machine_can_see(
    tmp_path: Path, control: str, self_test: str | None, state: str, word: str
) -> None:
    run(tmp_path, "plain", [text("a", control, "pass")])
    if self_test:
        run(tmp_path, "self", [text("a", "not-observable", self_test)], self_test="1")
    found = only(tmp_path)
    assert (found.state, found.word) == (state, word)


@pytest.mark.parametrize("of", ["another case", "another machine"])
def test_only_the_same_case_on_the_same_machine_counts(tmp_path: Path, of: str) -> None:
    run(tmp_path, "plain", [text("a", "not-observable", "pass")])
    name, machine = ("b", "board 1") if of == "another case" else ("a", "board 2")
    run(tmp_path, "self", [text(name, "not-observable", "pass")], machine, self_test="1")
    assert [p.word for table in coverage([tmp_path]) for p in table.places if p.cases] == ["~1"]


def test_a_failure_stays_one_whatever_the_self_test_says(tmp_path: Path) -> None:
    run(tmp_path, "plain", [text("a", "stale-seen", "fail")])
    run(tmp_path, "self", [text("a", "stale-seen", "unable-to-fail")], self_test="1")
    assert only(tmp_path).word == "1!"


def test_a_self_test_alone_is_no_coverage(tmp_path: Path) -> None:
    run(tmp_path, "self", [text("a", "not-observable", "pass")], self_test="1")
    [table] = coverage([tmp_path])
    assert (table.lines, {p.cases for p in table.places}) == (0, {0})
    assert table.to_json()["self_test"]["proved"] == 1


def test_the_table_says_what_the_machine_can_see(tmp_path: Path) -> None:
    run(tmp_path, "plain", [text("a", "not-observable", "pass")])
    lines = [
        text("a", "not-observable", "pass"),
        text("b", "not-observable", "unable-to-fail"),
        text("c", "stale-seen", "pass"),
        text("d", "none", "pass", "no"),
    ]
    run(tmp_path, "self", lines, self_test="1")
    [table] = coverage([tmp_path])
    told = to_text(table)
    assert "2 of 3 cases fail without their operation; 1 of 2 that are called not-observable can" in told
    assert "can be seen here all the same: s1-own (1 of 3)" in told
    assert "cannot be seen here: s1-own (1 of 3)" in told
    assert "self-test of" not in to_text(next(iter(coverage([tmp_path / "plain"]))))


@pytest.mark.parametrize(
    ("rounds", "repeats"),
    [
        (("pass",), 1),
        (("pass", "pass"), 1),
        (("unable-to-fail", "unable-to-fail"), 0),
        (("pass", "unable-to-fail"), 5),  # 1 - 1/2^5 = 0.97
        (("pass", "unable-to-fail", "unable-to-fail", "unable-to-fail"), 11),  # 1 - (3/4)^11 = 0.958
    ],
)
def test_repeats_grow_where_the_machine_sees_only_sometimes(rounds: tuple[str, ...], repeats: int) -> None:
    found = seen(*rounds)
    assert found.cases["s1-own/vae1is/a"].repeats == repeats
    assert ("in some self-tests only" in " ".join(found.words())) == (repeats > 1)


def test_what_ended_in_no_answer_says_nothing() -> None:
    found = Observed()
    lines: list[CaseLine] = [
        parse_line(text("a", "lost", verdict)) for verdict in ("vacuous", "hang", "setup")
    ]
    found.add([*lines, parse_line(text("a", "none", "pass", "no"))])
    assert (found.cases, found.words(), found.sees("s1-own/vae1is/a")) == ({}, (), None)


@pytest.mark.parametrize("family", ["vel2-own", "vel2-tge-own", "nvhe-vel2-own", "ds-vel2-own"])
@pytest.mark.parametrize(
    ("moved", "word"), [(None, "~1"), ("unable-to-fail", "~1"), ("vacuous", "~1"), ("pass", "1")]
)
def test_without_its_exit_a_self_test_at_vel2_proves_nothing(
    tmp_path: Path, family: str, moved: str | None, word: str
) -> None:
    """Leaving the operation out leaves its exit out: QEMU's TLB, which none leaves whole, would pass."""
    run(tmp_path, "plain", [text("a", "not-observable", "pass", family=family)])
    lines = [text("a", "not-observable", "pass", family=family)]
    lines += [text("m", "not-observable", moved, family="migrate-vel2")] if moved else []
    run(tmp_path, "self", lines, self_test="1")
    [table] = coverage([tmp_path])
    assert [p.word for p in table.places if p.cases] == [word]
    assert ("which is also without its exit to L0" in to_text(table)) == (word == "~1")


@pytest.mark.parametrize("family", ["vel2-own", "nvhe-vel2-own"])
@pytest.mark.parametrize(("kept", "word"), [("pass", "1"), ("unable-to-fail", "~1"), ("vacuous", "~1")])
@pytest.mark.parametrize("moved", ["pass", "unable-to-fail"])
def test_a_self_test_that_keeps_the_exit_tells(
    tmp_path: Path, family: str, kept: str, word: str, moved: str
) -> None:
    """It outweighs one that does not, whatever other cases say: the same case, and nothing else left out."""
    run(tmp_path, "plain", [text("a", "not-observable", "pass", family=family)])
    run(tmp_path, "exit", [text("a", "not-observable", kept, family=family)], self_test="exit")
    without = [text("a", "not-observable", "pass", family=family)]
    if kept != "vacuous":  # else what the other self-test says stands
        without.append(text("m", "not-observable", moved, family="migrate-vel2"))
    run(tmp_path, "without", without, self_test="1")
    [table] = coverage([tmp_path])
    assert [p.word for p in table.places if p.cases] == [word]


def test_moving_tells_by_itself(tmp_path: Path) -> None:
    run(tmp_path, "plain", [text("m", "not-observable", "pass", family="migrate-vel2")])
    run(tmp_path, "self", [text("m", "not-observable", "pass", family="migrate-vel2")], self_test="1")
    assert only(tmp_path).word == "1"
