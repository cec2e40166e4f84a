# SPDX-License-Identifier: GPL-2.0-only
"""What a comparison says of made nights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from harness.errors import EXIT_INFRA, EXIT_PASS, EXIT_RED
from harness.nightly.farm import nightly
from harness.nightly.history import query
from harness.nightly.history.compare import Change, Row, RunComparison, compare
from harness.nightly.history.database import RecordedCell, Results
from harness.nightly.history.terminal import print_comparison
from harness.report.results import CellResult
from harness.verdict import Verdict
from tests.nightly.history import made
from tests.report import samples

P, F, V, U, INFRA = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.UNDECIDED, Verdict.INFRA


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "r.sqlite")


def result(verdict: Verdict, name: str = "a", **more: object) -> CellResult:
    found = () if verdict is P else (made.finding("lost", verdict, "no unmap of 0x1000"),)
    if verdict is INFRA:
        return made.cell(name, **more).infra("no answer")  # type: ignore[arg-type]
    return made.cell(name, verdict, *found, **more)  # type: ignore[arg-type]


def nights(results: Results, *each: Sequence[CellResult | RecordedCell]) -> RunComparison:
    """Record nights 1, 2, ... and compare the last with the one before it."""
    for number, cells in enumerate(each, 1):
        made.record(results, number, [c if isinstance(c, RecordedCell) else made.entry(c) for c in cells])
    return compare(results, query.find_run(results, "latest"))


def only(compared: RunComparison) -> Row:
    (row,) = compared.rows
    return row


@pytest.mark.parametrize(
    ("verdicts", "change", "status"),
    [
        ([P, P], Change.PASSES, EXIT_PASS),
        ([P, F], Change.NEW_FAILURE, EXIT_RED),
        ([F], Change.NEW_FAILURE, EXIT_RED),
        ([P, V], Change.NEW_VACUOUS, EXIT_RED),
        ([P, U], Change.NEW_UNDECIDED, EXIT_RED),
        ([P, INFRA], Change.NEW_INFRA, EXIT_INFRA),
        ([V, F], Change.NEW_FAILURE, EXIT_RED),
        ([F, F], Change.STILL_RED, EXIT_PASS),
        ([F, P], Change.FIXED, EXIT_PASS),
    ],
)
def test_changes(results: Results, verdicts: list[Verdict], change: Change, status: int) -> None:
    compared = nights(results, *([result(verdict)] for verdict in verdicts))
    row = only(compared)
    assert (row.change, compared.exit_status) == (change, status)
    assert row.before == (verdicts[-2].value if len(verdicts) > 1 else "")


def test_never_ran_and_gone(results: Results) -> None:
    never = made.entry(result(P, "b"), never="the budget", original=None)
    compared = nights(results, [result(P, "a"), result(P, "b")], [never, result(P, "c")])
    assert {row.subject.cell: row.change for row in compared.rows} == {
        "a": Change.GONE,
        "b": Change.NEVER_RAN,
        "c": Change.PASSES,
    }
    assert compared.exit_status == EXIT_INFRA


def test_nights_that_never_began_are_no_nights(results: Results) -> None:
    never = made.entry(result(P), never="the scheduler was not there", original=None)
    green, red = made.entry(result(P)), made.entry(result(F))
    for number, entries in enumerate(([green], [], [red], [never], []), 1):
        made.record(results, number, list(entries))
    known = query.runs(results)
    assert [run.began for run in known] == [True, False, True, False, False]
    compared = compare(results, query.find_run(results, "latest"))
    assert (compared.run, compared.baseline) == (known[2], known[0])
    assert compared.history == (known[0], known[2])
    assert only(compared).change is Change.NEW_FAILURE
    named = compare(results, query.find_run(results, known[3].name))  # who names one gets it
    assert only(named).change is Change.NEVER_RAN


def test_what_never_ran_last_night_is_compared_with_the_night_before(results: Results) -> None:
    never = made.entry(result(P), never="the budget", original=None)
    assert only(nights(results, [result(P)], [never], [result(F)])).before == "pass"


def test_since_when_and_the_first_bad_model(results: Results) -> None:
    good, bad = [result(P, build="11.1.3")], [result(F, build="11.1.4")]
    row = only(nights(results, good, good, bad, bad))
    assert (row.change, row.since, row.streak) == (Change.STILL_RED, made.night(3)[0], 2)
    (suspect,) = row.suspects
    assert suspect.name == "model"
    assert suspect.old.startswith("QEMU 11.1.3 (")
    assert suspect.new.startswith("QEMU 11.1.4 (")
    assert row.flaky is None


def test_without_a_good_night_the_model_that_differs_is_named(results: Results) -> None:
    row = nights(results, [result(P, model="good"), result(F, model="bad")]).of(Change.NEW_FAILURE)[0]
    assert str(row.suspects[0]) == "model: passes on good → bad"


def test_a_wrong_model_is_one_cause_over_scenarios_and_kernels(results: Results) -> None:
    """A build that makes KVM WARN: one group, which names the build as the first bad one."""
    points = [(name, kernel) for name in ("a", "b", "c") for kernel in ("nv", "nv-previous")]

    def night(build: str) -> list[CellResult]:
        bad = build == "11.1.4"
        return [
            made.cell(
                n, F if bad else P, *([made.splat(i, i % 2, 20 + i)] if bad else []), kernel=k, build=build
            )
            for i, (n, k) in enumerate(points)
        ] + [result(P, "a", model="qemu-10.0")]

    compared = nights(results, night("11.1.3"), night("11.1.4"))
    (group,) = compared.groups
    assert (group.kind, len(group.rows), group.new) == ("splat", 6, 6)
    assert [s.name for s in group.suspects] == ["model"]
    assert group.suspects[0].new.startswith("QEMU 11.1.4")
    console = Console(width=100)
    with console.capture() as capture:
        print_comparison(compared, console)
    said = capture.get()
    assert "6 new of 6" in said
    assert "first bad model: QEMU 11.1.3" in said


def test_flaky_is_red_and_green_on_equal_artefacts(results: Results) -> None:
    row = only(nights(results, *([result(v)] for v in (P, F, P, P, F, P))))
    assert row.change is Change.FIXED
    assert row.flaky is not None
    assert (row.flaky.red, row.flaky.total) == (2, 6)
    assert 0 < row.flaky.low < 2 / 6 < row.flaky.high < 1


def test_repeats_of_one_night_tell_it_too_and_the_worst_counts(results: Results) -> None:
    repeats = [made.entry(result(v, repeat=n), repeat=n) for n, v in enumerate((P, F, P), 1)]
    row = only(nights(results, [result(P)], repeats))
    assert (row.verdict, row.change) == ("fail", Change.NEW_FAILURE)
    assert row.verdicts == ("pass", "fail", "pass")
    assert row.flaky is not None
    assert (row.flaky.red, row.flaky.total) == (1, 4)


def test_slower_needs_history_and_more_than_it_ever_took(results: Results) -> None:
    usual = [[result(P, seconds=s)] for s in (10.0, 11.0, 10.5)]
    assert only(nights(results, *usual, [result(P, seconds=40.0)])).change is Change.SLOWER


@pytest.mark.parametrize("history", [[10.0, 10.0], [10.0, 10.0, 45.0], [0.2, 0.2, 0.2]])
def test_not_slower(results: Results, history: list[float]) -> None:
    last = 1.5 if history[0] < 1 else 40.0
    compared = nights(results, *([result(P, seconds=s)] for s in [*history, last]))
    assert only(compared).change is Change.PASSES


def test_quarantine_does_not_count(results: Results) -> None:
    red = result(F, quarantine="a defect of Linux (review by 2027-03-01)")
    compared = nights(results, [result(P)], [red])
    assert only(compared).change is Change.NEW_FAILURE
    assert compared.exit_status == EXIT_PASS


KNOWN = "a defect of Linux (review by 2027-03-01)"


def test_a_known_defect_alone_no_longer_explains_it(results: Results) -> None:
    """Red last night as expected, red today in a way that counts: news, though the verdict is the same."""
    compared = nights(results, [result(F, quarantine=KNOWN)], [result(F)])
    assert only(compared).change is Change.NEW_FAILURE
    assert compared.exit_status == EXIT_RED


def test_another_cause_in_a_cell_that_was_red_is_news(results: Results) -> None:
    def red(name: str) -> CellResult:
        return made.cell("a", F, made.finding(name, F, "no"))

    compared = nights(results, [red("lost")], [red("flushed")])
    assert only(compared).change is Change.NEW_FAILURE
    assert compared.exit_status == EXIT_RED
    again = nights(results, [red("lost")], [red("flushed")], [red("lost")])
    assert only(again).change is Change.STILL_RED, "both are known of it"
    other = nights(results, [result(INFRA)], [made.cell("a", findings=()).infra("other words")])
    assert only(other).change is not Change.NEW_FAILURE


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [([P, F, INFRA], EXIT_RED), ([P, INFRA, U, V], EXIT_INFRA), ([U, P], EXIT_RED), ([P, P], EXIT_PASS)],
)
def test_one_order_of_verdicts(results: Results, verdicts: list[Verdict], status: int) -> None:
    """A comparison, a night and a run of the same cells say the same."""
    cells = [result(verdict, f"c{number}") for number, verdict in enumerate(verdicts)]
    compared = nights(results, cells)
    assert compared.exit_status == nightly.exit_status(compared) == samples.run(*cells).exit_status == status


def test_what_never_ran_weighs_as_infra(results: Results) -> None:
    never = made.entry(result(P, "b"), never="the budget", original=None)
    compared = nights(results, [result(P)], [result(U), never])
    assert compared.exit_status == nightly.exit_status(compared) == EXIT_INFRA


def test_what_left_the_plan_does_not_count(results: Results) -> None:
    compared = nights(results, [result(F, "old"), result(P)], [result(P)])
    assert [row.subject.cell for row in compared.of(Change.GONE)] == ["old"]
    assert nightly.exit_status(compared) == EXIT_PASS


def test_a_known_defect_does_not_hide_a_repeat_that_counts(results: Results) -> None:
    known, other = result(F, quarantine=KNOWN, repeat=1), result(U, repeat=2)
    compared = nights(results, [made.entry(known, repeat=1), made.entry(other, repeat=2)])
    assert (only(compared).verdict, only(compared).counts) == ("undecided", True)


def test_a_known_defect_says_more_than_a_repeat_that_passes(results: Results) -> None:
    fine = [result(F, quarantine=KNOWN, repeat=1), result(P, repeat=2)]
    row = only(nights(results, [made.entry(each, repeat=n) for n, each in enumerate(fine, 1)]))
    assert (row.verdict, row.quarantine) == ("fail", KNOWN)


def test_a_run_that_was_interrupted_is_no_baseline_but_is_history(results: Results) -> None:
    made.record(results, 1, [made.entry(result(P))])
    run = made.record(results, 2, [made.entry(result(F))])
    results.end(run, 5.0, "interrupted")
    made.record(results, 3, [made.entry(result(F))])
    compared = compare(results, query.find_run(results, "latest"))
    assert compared.baseline is not None
    assert compared.baseline.name == made.night(1)[0]
    assert only(compared).since == made.night(2)[0]


def test_any_two_runs(results: Results) -> None:
    nights(results, [result(P)], [result(F)], [result(P)])
    first, second, third = query.runs(results)
    assert only(compare(results, third, first)).change is Change.PASSES
    assert only(compare(results, second, first)).change is Change.NEW_FAILURE
    assert only(compare(results, second, third)).change is Change.NEW_FAILURE


def test_other_plans_are_no_history(results: Results) -> None:
    run = results.begin(made.begun("other", "2026-11-01T00:00:00Z", plan="other"))
    results.record(run, [made.entry(result(F))])
    results.end(run, 1.0)
    assert only(nights(results, [result(P)])).before == ""


def test_usual_durations(results: Results) -> None:
    nights(results, *([result(P, seconds=s)] for s in (100.0, 10.0, 12.0, 11.0, 13.0, 12.0)))
    durations = query.Durations(results)
    assert durations.usual("a", "qemu", "nv", "icount") == (12.0, "own")
    assert durations.usual("a", "other", "nv", "icount") == (12.0, "cell")
    assert durations.usual("b", "qemu", "nv", "icount") == (12.0, "all")
    assert query.Durations(Results(results.path.with_name("e"))).usual("b", "q", "n", "i") == (
        None,
        "unknown",
    )
