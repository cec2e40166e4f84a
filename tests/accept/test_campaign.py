# SPDX-License-Identifier: GPL-2.0-only
"""The way of one acceptance, over a laboratory of made-up kernels and cells: order, search, verdicts."""

from __future__ import annotations

import concurrent.futures
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.accept import apply as applying
from harness.accept.base import Base
from harness.accept.campaign import Campaign
from harness.accept.compare import CellRuns, SeriesEffect
from harness.accept.lab import Seeds, SeriesStep, StepBuild
from harness.accept.report.series_report import Decision, SeriesReport
from harness.accept.request import Request
from harness.accept.selection.choose import Choice, Claim, Plan
from harness.accept.submission import read
from harness.errors import UserError
from harness.host.cache import Artefact
from tests.accept.conftest import THREE
from tests.accept.results import LETTERS, result

Verdicts = Callable[[int, str, int], str]
"""(step, cell, seed) to a letter of ``LETTERS``."""


class Laboratory:
    """Builds but where told not to, and answers by a function; remembers what it was asked."""

    def __init__(
        self,
        cells: Sequence[str],
        verdicts: Verdicts,
        broken: Sequence[int] = (),
        racy: Sequence[str] = (),
        late: Sequence[str] = (),
    ) -> None:
        self.names = cells
        self.racy = racy
        self.late = late
        self.verdicts = verdicts
        self.broken = broken
        self.built: list[int] = []
        self.asked: list[tuple[int, tuple[str, ...], tuple[int, ...]]] = []
        self.forgotten: list[int] = []
        self.warnings: Mapping[int, Mapping[str, Sequence[str]]] = {}

    def cells(self, _: SeriesStep) -> list[Any]:
        return [
            SimpleNamespace(
                id=name,
                stack=SimpleNamespace(timing="mttcg" if name in self.racy else "icount", model="qemu"),
            )
            for name in self.names
        ]

    def build(self, step: SeriesStep) -> StepBuild:
        self.built.append(step.number)
        if step.number in self.broken:
            return StepBuild(
                step, None, 1.0, "make ended with status 2\nkernel/fork.c:3:1: error: no such thing"
            )
        artefact = Artefact("kernel", f"d{step.number}", step.kernel.parent, {"release": "1.2.3"})
        return StepBuild(step, artefact, 1.0, warnings=self.warnings.get(step.number, {}))

    def begin(self, step: SeriesStep) -> concurrent.futures.Future[StepBuild]:
        future: concurrent.futures.Future[StepBuild] = concurrent.futures.Future()
        future.set_result(self.build(step))
        return future

    def forget(self, build: StepBuild) -> int:
        self.forgotten.append(build.step.number)
        return 0

    def choose(self, cells: Sequence[str]) -> None:
        self.names = cells

    def run(
        self, step: SeriesStep, seeds: Seeds, _: StepBuild | None = None, until: float = math.inf
    ) -> dict[str, CellRuns]:
        every = sorted({seed for each in seeds.values() for seed in each})
        self.asked.append((step.number, tuple(seeds), tuple(every)))
        return {
            name: CellRuns(
                [result(name, LETTERS[self.verdicts(step.number, name, seed)], seed) for seed in seeds[name]]
                if until == math.inf or name not in self.late
                else []
            )
            for name in seeds
        }


Judge = Callable[..., SeriesReport]


@pytest.fixture
def judge(base: Base, tmp_path: Path) -> Judge:
    """Return what judges the toy series of three patches in a laboratory."""

    def go(
        laboratory: Laboratory, patches: str = "all", plan: Plan | None = None, **changes: Any
    ) -> SeriesReport:
        box = tmp_path / "series.mbox"
        box.write_text("\n".join(THREE))
        found = read(str(box))
        tree, used, _ = applying.apply(found, base, tmp_path / "out")
        named = ((), ("named",))  # so that the laboratory's cells are taken as they are
        request = Request(str(box), select=named, patches=patches, coverage=False, **changes)
        lab: Any = laboratory
        progress: Any = SimpleNamespace(note=lambda _: None)
        campaign = Campaign(request, found, used, tree, lab, progress, tmp_path / "out", plan=plan)
        return campaign.carry_out()

    return go


def since(patch: int, cell: str = "a") -> Verdicts:
    return lambda step, name, _: "f" if name == cell and step >= patch else "p"


def test_a_base_that_came_from_no_repository_has_no_commit(judge: Judge, base: Base) -> None:
    """Its import into git is this machine's own: nobody who reads the mail has that commit."""
    assert base.repository.imported
    assert judge(Laboratory(("a",), lambda *_: "p")).base_commit == ""


def test_coverage_shrinks_by_cells_that_pass_alone(base: Base, tmp_path: Path) -> None:
    """A cell that is red has ended early: what it no longer reaches says nothing of the series."""
    box = tmp_path / "series.mbox"
    box.write_text("\n".join(THREE))
    found = read(str(box))
    tree, used, _ = applying.apply(found, base, tmp_path / "out")
    lab: Any = Laboratory(("good", "broken", "mended"), since(1, "broken"))
    request = Request(str(box), select=((), ("named",)), coverage=False, confirm=0)
    progress: Any = SimpleNamespace(note=lambda _: None)
    campaign = Campaign(request, found, used, tree, lab, progress, tmp_path / "out")
    campaign.carry_out()
    assert campaign.steady() == {"good", "mended"}
    campaign.runs[0]["mended"].results[0] = result("mended", LETTERS["f"])
    assert campaign.steady() == {"good"}


def test_what_the_base_had_no_time_for_is_left_out_and_reported(judge: Judge) -> None:
    """A cell that has not run on the base cannot be compared: it runs nowhere, and the report names it."""
    cells = ("soon", "late", "later")
    choices = tuple(Choice(cell, Claim.REACHES, ("f",), (1,), 10.0) for cell in cells)
    plan = Plan(choices, between={1: ("soon", "late"), 2: ()}, seconds=60.0)
    laboratory = Laboratory(cells, lambda *_: "p", late=("late", "later"))
    report = judge(laboratory, plan=plan)
    assert report.decision is Decision.ACCEPT
    assert [each.cell for each in report.whole.cells] == ["soon"]
    assert [asked[:2] for asked in laboratory.asked] == [(0, cells), (3, ("soon",)), (1, ("soon",))]
    assert report.selection is not None
    assert [each.cell for each in report.selection.cells] == ["soon"]
    assert [each.cell for each in report.selection.left] == ["late", "later"]


def test_so_many_cells_run_again_as_the_budget_has_time_for(judge: Judge) -> None:
    """Where nvh chose the cells: each takes 10 s to confirm, and half of 30 s is there; all are reported."""
    cells = ("a", "b", "c")
    plan = Plan(
        tuple(Choice(cell, Claim.REACHES, ("f",), (1,), 10.0) for cell in cells), between={1: (), 2: ()}
    )
    laboratory = Laboratory(cells, lambda step, *_: "f" if step == 3 else "p")
    report = judge(laboratory, "last", plan=plan, budget_s=30.0)
    assert [asked[:2] for asked in laboratory.asked if len(asked[2]) == 5][:2] == [(0, ("a",)), (3, ("a",))]
    outcomes = {each.cell: each.outcome for each in report.whole.cells}
    assert outcomes == {"a": SeriesEffect.REGRESSION, "b": SeriesEffect.SUSPECT, "c": SeriesEffect.SUSPECT}
    assert report.decision is Decision.REJECT


def test_all_green_is_accepted(judge: Judge) -> None:
    laboratory = Laboratory(["a", "b"], lambda *_: "p")
    report = judge(laboratory)
    assert (report.decision, report.exit_status, report.reasons) == (Decision.ACCEPT, 0, ())
    assert laboratory.built == [0, 1, 2, 3]
    assert [ask[2] for ask in laboratory.asked] == [(1,)] * 4
    assert report.count[SeriesEffect.SAME] == 2


def test_one_bad_patch_is_named_and_confirmed_once(judge: Judge) -> None:
    laboratory = Laboratory(["a", "b"], since(2))
    report = judge(laboratory)
    assert (report.decision, report.exit_status) == (Decision.REJECT, 1)
    (culprit,) = report.culprits
    assert (culprit.patch, culprit.title, culprit.last_good) == (2, "Second", 1)
    assert culprit.what == "regression of a"
    assert culprit.says == "a is fail"
    assert [ask for ask in laboratory.asked if len(ask[2]) == 5] == [
        (0, ("a",), (2, 3, 4, 5, 6)),
        (3, ("a",), (2, 3, 4, 5, 6)),
    ]
    assert [ask[0] for ask in laboratory.asked if len(ask[2]) == 1] == [0, 3, 1, 2]  # the whole series first
    assert set(laboratory.forgotten) == {1, 2, 3}
    assert [step.bad for step in report.steps] == [False, False, True, True]
    assert any("patch 2 (Second): regression of a" in reason for reason in report.reasons)


@pytest.mark.parametrize("culprit", [1, 2, 3])
def test_only_the_end_is_tested_and_the_first_bad_patch_searched(judge: Judge, culprit: int) -> None:
    laboratory = Laboratory(["a", "b"], since(culprit))
    report = judge(laboratory, "last")
    assert report.culprits[0].patch == culprit
    assert set(laboratory.built) <= {0, 1, 2, 3}
    assert len(laboratory.built) == len(set(laboratory.built))
    assert all(cells == ("a",) for step, cells, _ in laboratory.asked if step in (1, 2))


def test_a_good_end_is_not_searched(judge: Judge) -> None:
    laboratory = Laboratory(["a"], lambda *_: "p")
    assert judge(laboratory, "last").exit_status == 0
    assert laboratory.built == [0, 3]


def test_damage_that_a_later_patch_repairs_is_reported(judge: Judge) -> None:
    report = judge(Laboratory(["a"], lambda step, *_: "f" if step == 1 else "p"))
    assert report.exit_status == 1
    assert report.culprits[0].repaired
    assert "though a later patch repairs it" in report.reasons[0]


def test_a_race_is_no_regression_but_no_green_either(judge: Judge) -> None:
    """Red with the first seed alone: five more green runs on each side do not make it green."""
    report = judge(Laboratory(["a"], lambda step, _, seed: "f" if step == 3 and seed == 1 else "p"))
    (cell,) = report.whole.cells
    assert (cell.outcome, str(cell.series)[:3]) == (SeriesEffect.SUSPECT, "1/6")
    assert report.exit_status == 1
    assert report.culprits[0].what == "suspect of a"


def test_a_fix_is_reported(judge: Judge) -> None:
    report = judge(Laboratory(["a", "b"], lambda step, name, _: "f" if name == "a" and step < 3 else "p"))
    assert report.exit_status == 0
    assert report.count[SeriesEffect.FIXED] == 1
    assert report.steps[1].cells[0].outcome is SeriesEffect.RED_BEFORE


def test_a_patch_that_does_not_build_is_named(judge: Judge) -> None:
    report = judge(Laboratory(["a"], lambda *_: "p", broken=[2]))
    assert report.exit_status == 1
    assert (report.culprits[0].patch, report.culprits[0].what) == (2, "does not build")
    assert "error: no such thing" in report.culprits[0].says
    assert report.whole.build.ok


def test_the_first_patch_that_does_not_build_is_searched(judge: Judge) -> None:
    report = judge(Laboratory(["a"], lambda *_: "p", broken=[2, 3]), "last")
    assert [(c.patch, c.what) for c in report.culprits] == [(2, "does not build")]


def test_two_patches_in_a_row_that_do_not_build_are_one_finding(judge: Judge) -> None:
    report = judge(Laboratory(["a"], lambda *_: "p", broken=[1, 2]))
    assert [(c.patch, c.what) for c in report.culprits] == [(1, "does not build")]


def test_a_base_that_does_not_build_is_bad_input(judge: Judge) -> None:
    with pytest.raises(UserError, match="base does not build") as caught:
        judge(Laboratory(["a"], lambda *_: "p", broken=[0]))
    assert "error: no such thing" in str(caught.value)


def test_no_verdict_is_no_acceptance(judge: Judge) -> None:
    report = judge(Laboratory(["a", "b"], lambda step, name, _: "i" if step == 3 and name == "a" else "p"))
    assert (report.decision, report.exit_status) == (Decision.UNDECIDED, 3)
    assert "no verdict on one side" in report.reasons[0]


def test_red_before_and_after_speaks_for_nothing(judge: Judge) -> None:
    report = judge(Laboratory(["a"], lambda *_: "v"))
    assert report.exit_status == 1
    assert "no cell passes" in report.reasons[0]


def test_new_warnings_belong_to_the_patch_that_brought_them(judge: Judge) -> None:
    laboratory = Laboratory(["a"], lambda *_: "p")
    old = {"fork.o": ["kernel/fork.c: old"], "sched.o": []}
    new = {**old, "fork.o": ["kernel/fork.c: old", "kernel/fork.c: unused"]}
    laboratory.warnings = {0: old, 1: old, 2: new, 3: new}
    report = judge(laboratory)
    assert [step.build.new_warnings for step in report.steps] == [(), (), ("kernel/fork.c: unused",), ()]
    assert report.exit_status == 0


def test_repeat(judge: Judge) -> None:
    laboratory = Laboratory(["a"], lambda *_: "p")
    report = judge(laboratory, "last", repeat=4)
    assert report.repeat == 4
    assert {ask[2] for ask in laboratory.asked} == {(1, 2, 3, 4)}


def test_only_racy_cells_are_repeated(judge: Judge) -> None:
    laboratory = Laboratory(["exact", "racy"], lambda *_: "p", racy=["racy"])
    report = judge(laboratory, "last")
    assert (report.repeat, report.repeat_racy) == (1, 5)
    assert {each.cell: each.series.runs for each in report.whole.cells} == {"exact": 1, "racy": 5}


def test_a_racy_cell_that_differs_is_run_further_with_seeds_of_its_own(judge: Judge) -> None:
    laboratory = Laboratory(
        ["exact", "racy"], lambda step, _, seed: "f" if step and seed == 2 else "p", racy=["racy"]
    )
    report = judge(laboratory, "last", confirm=3)
    assert (3, ("racy",), (6, 7, 8)) in laboratory.asked
    assert (0, ("racy",), (6, 7, 8)) in laboratory.asked
    (racy,) = [each for each in report.whole.cells if each.cell == "racy"]
    assert (racy.series.red, racy.series.runs, racy.outcome) == (1, 8, SeriesEffect.SUSPECT)


def test_the_whole_series_counts_for_patches_that_a_cell_did_not_run_on(judge: Judge) -> None:
    """A cell that a step between left out is no proof that the step was good: the search asks it."""
    laboratory = Laboratory(["a", "b"], since(1))
    report = judge(laboratory, "1,3")
    assert report.culprits[0].patch == 1
