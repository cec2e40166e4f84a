# SPDX-License-Identifier: GPL-2.0-only
"""The shipped cells and mutants as what a plan is made from: faults that were met are met again."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from harness.accept.selection import choose, planning
from harness.accept.selection.choose import CellCandidate, TouchedCode
from harness.report.history import History
from harness.runner import default
from harness.scenario import mutants
from harness.scenario.scenario import NO_OVERRIDES


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[CellCandidate]:
    return planning.candidates(NO_OVERRIDES, History(tmp_path_factory.mktemp("history") / "none.json"))


def test_the_default_cells_are_all_there_with_their_ranks(cells: list[CellCandidate]) -> None:
    ranked = [each for each in cells if each.rank is not None]
    first = {glob.partition("[")[0] for glob in default.shipped().first}
    leading = {each.cell.partition("[")[0] for each in ranked if each.leads}
    assert len(ranked) > 20
    assert all(any(fnmatchcase(name, glob) for glob in first) for name in leading)
    assert all(any(fnmatchcase(name, glob) for name in leading) for glob in first)
    assert len({each.cell for each in cells}) == len(cells)
    assert not any("mutant=" in each.cell for each in cells)


def test_what_noticed_a_fault_is_chosen_for_a_patch_of_the_same_function(
    cells: list[CellCandidate],
) -> None:
    """Each row of images/mutants.yaml as a patch of its function, on a machine that knows nothing else."""
    noticed = planning.noticed()
    for mutant in mutants.load():
        if mutant.survives:
            continue
        change = TouchedCode(mutant.at.removesuffix("()"), frozenset(), (1,))
        found = {each.cell for each in choose.ordered(cells, [change], {}, noticed)}
        known = {each.cell for each in cells}
        assert set(mutant.killers) & known <= found, mutant.name
        assert set(mutant.killers) & found, mutant.name


def test_prices_come_from_the_history(tmp_path: Path) -> None:
    history = History(tmp_path / "history.json")
    history.record("cell tlbi-el2", 12.0)
    (one,) = [each for each in planning.candidates(NO_OVERRIDES, history) if each.cell == "tlbi-el2"]
    assert one.cost_s == 12.0
    plan = planning.named({"tlbi-el2": 1, "never-run": 1}, (1, 2), (2, True), history)
    price = (12 + choose.UNKNOWN_S) * (2 * planning.WATCHED + 1) / 2
    assert plan.seconds == pytest.approx(price, abs=0.1)
    assert {each.why for each in plan.choices} == {"named"}
    assert plan.between == {1: ("tlbi-el2", "never-run")}
    history.record("watched cell tlbi-el2", 100.0)  # the model's trace is dear where L0 has much to do
    assert planning.named({"tlbi-el2": 5}, (1,), (1, True), history).seconds == 2 * (100 + 4 * 12)
    assert planning.named({"tlbi-el2": 5}, (1,), (1, False), history).seconds == 2 * 5 * 12


def test_steered_cells_name_where_they_hold_a_cpu(cells: list[CellCandidate]) -> None:
    steers = {each.cell: each.steers for each in cells if each.steers}
    assert "kvm_vcpu_init_nested" in steers["steered-online-against-lookup"]
    assert all(name.startswith("steered-") for name in steers)
    change = TouchedCode("kvm_vcpu_init_nested", frozenset(), (1,))
    chosen = {each.cell for each in choose.ordered(cells, [change], {}, {})}
    assert "steered-online-against-lookup" in chosen


def test_a_fault_that_is_posed_does_not_know_its_own_killers() -> None:
    known, blind = planning.noticed(), planning.noticed("race-online-early")
    (row,) = [each for each in mutants.load() if each.name == "race-online-early"]
    place = row.at.removesuffix("()")
    assert set(row.killers) <= set(known[place])
    assert not set(row.killers) & set(blind.get(place, ()))
    others = {name for name in known if name != place}
    assert all(known[name] == blind[name] for name in others)


def test_cells_whose_timing_is_not_deterministic_run_five_times(cells: list[CellCandidate]) -> None:
    runs = {each.cell: each.runs for each in cells}
    assert runs["covering-breadth"] == 1
    assert runs["covering-events-remote"] == 5
