# SPDX-License-Identifier: GPL-2.0-only
"""Mutants against a selection: its first red cell ends a run, and what the control says decides."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from harness.errors import EXIT_PASS, EXIT_RED, UserError
from harness.mutants.against import Against, FirstRed, Met, every, in_order, selected
from harness.mutants.against_text import markdown, print_against, read, totals
from harness.mutants.outcome import MutantFate
from harness.report.results import CellResult
from harness.scenario.mutants import Mutant
from harness.scenario.scenario import NO_OVERRIDES
from harness.verdict import Verdict
from tests.report import samples

KILLABLE = Mutant("one-fault", "One is wrong", "f()", ("teeth",))
OTHER = Mutant("other-fault", "Another is wrong", "g()", ("teeth",))
EQUIVALENT = Mutant("no-fault", "Nothing is wrong", "h()", ("teeth",), survives="Equivalent.")


def cell(name: str, verdict: Verdict) -> CellResult:
    return samples.cell(name, verdict, ())


def report(*met: Met, control: Verdict = Verdict.PASS) -> Against:
    return Against(("default",), {"a": cell("a", control)}, 100.0, met)


def test_the_first_red_cell_ends_the_run() -> None:
    watcher = FirstRed(frozenset({"a", "b"}))
    watcher.begin()
    time.sleep(0.05)
    assert watcher.goes_on(cell("a", Verdict.PASS))
    assert watcher.goes_on(cell("not-green-on-the-right-kernel", Verdict.FAIL))
    assert watcher.goes_on(cell("b", Verdict.INFRA))
    assert watcher.red is None
    assert not watcher.goes_on(cell("b", Verdict.FAIL))
    assert not watcher.goes_on(cell("a", Verdict.FAIL))
    assert watcher.red is not None
    assert watcher.red.id == "b"
    assert 0.05 <= watcher.seconds <= watcher.elapsed_s


def test_fates() -> None:
    killed = Met(KILLABLE, "a", "red", 10.0, (), 12.0)
    missed = Met(OTHER, "", "", 0.0, (), 90.0)
    unclear = Met(OTHER, "", "", 0.0, ("a",), 90.0)
    survivor = Met(EQUIVALENT, "", "", 0.0, (), 90.0)
    assert [met.fate for met in (killed, missed, unclear)] == [
        MutantFate.KILLED,
        MutantFate.SURVIVED,
        MutantFate.UNDECIDED,
    ]
    assert report(killed, survivor).exit_status == EXIT_PASS
    assert report(killed, missed).exit_status == EXIT_RED
    assert report(killed, unclear).exit_status == EXIT_RED
    assert report(killed, control=Verdict.FAIL).exit_status == EXIT_RED
    assert report(Met(EQUIVALENT, "a", "red", 1.0, (), 1.0)).exit_status == EXIT_RED
    assert report(killed, missed, survivor).share == 0.5
    assert report(killed, Met(OTHER, "a", "", 30.0, (), 31.0)).median_s == 20.0
    assert report(missed).median_s is None


def test_what_is_printed(tmp_path: Path) -> None:
    met = (Met(KILLABLE, "a", "red", 10.0, (), 12.0), Met(OTHER, "", "", 0.0, ("b",), 90.0))
    path = tmp_path / "mutants.json"
    path.write_text(json.dumps(report(*met, control=Verdict.UNDECIDED).to_json()))
    found = read(path)
    assert list(markdown(found))[2:] == [
        "| `one-fault` | One is wrong | `f()` | killed | `a` | 10 |",
        "| `other-fault` | Another is wrong | `g()` | undecided |  |  |",
    ]
    console = Console(file=io.StringIO(), width=120)
    print_against(found, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "undecided (!)" in said
    assert "a is undecided on the right kernel" in said
    assert totals(found).startswith("1 of 2 killable mutants red, median 10.0 s to the first red cell")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mutants.json"
    path.write_text('{"mutants": []}')
    with pytest.raises(UserError, match="of a run with --with"):
        read(path)


def test_selections() -> None:
    usual = selected(["default"], NO_OVERRIDES)
    assert usual[0].id == "covering-one[group=stage2]"
    both = selected(["scenarios/covering", "three-levels"], NO_OVERRIDES)
    assert {cell.scenario for cell in both} > {"three-levels", "covering-four"}
    assert len(both) < len(usual)
    with pytest.raises(UserError, match="leave the other words out"):
        selected(["default", "three-levels"], NO_OVERRIDES)
    with pytest.raises(UserError, match="three-level"):
        selected(["three-level-s"], NO_OVERRIDES)


def test_each_mutant_meets_the_cells_of_its_own_plan_in_its_order() -> None:
    shipped = selected(["tlbi-el2", "tlbi-e1-all", "tlbi-e1-by-va", "three-levels"], NO_OVERRIDES)
    plans = {"a": ("three-levels", "tlbi-el2"), "b": ("tlbi-e1-all", "tlbi-el2", "not-green")}
    control = {cell.id for cell in every(plans, shipped)}
    assert control == {"three-levels", "tlbi-el2", "tlbi-e1-all"}
    green = [cell for cell in shipped if cell.id in control]
    assert [cell.id for cell in in_order(plans["a"], green)] == ["three-levels", "tlbi-el2"]
    assert [cell.id for cell in in_order(plans["b"], green)] == ["tlbi-e1-all", "tlbi-el2"]


def test_accept_is_a_selection_of_its_own() -> None:
    with pytest.raises(UserError, match="--with accept is a selection as it is"):
        selected(["accept", "tlbi-el2"], NO_OVERRIDES)
