# SPDX-License-Identifier: GPL-2.0-only
"""Plans: what is wrong with one is told at once, with its place; what is right becomes tasks in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from harness.errors import InputError, UserError
from harness.host.paths import IMAGES
from harness.level import Level
from harness.nightly.farm.night import key_of
from harness.nightly.farm.plan import NightPlan, load_plan
from harness.nightly.farm.price import LeftToRun, price, print_price
from harness.nightly.history.database import Results
from harness.nightly.history.query import Durations
from harness.report.history import History
from harness.runner.processes import cells_here
from harness.runner.run import reproduce
from harness.verdict import Verdict
from tests.nightly.farm.plans import SCENARIO
from tests.nightly.history import made

HEAD = "plan: mine\nmodels: [qemu, qemu-10.0]\nkernels: [nv, debian]\nscenarios: [one.yaml, two.yaml]\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").write_text(SCENARIO.format(name="one", points="1, 2, 3"))
    (tmp_path / "two.yaml").write_text(SCENARIO.format(name="two", points="1"))
    return tmp_path


def load(place: Path, text: str) -> NightPlan:
    path = place / "plan.yaml"
    path.write_text(text)
    return load_plan(path)


def refused(place: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(place, text)
    return [str(problem).replace(str(place), "") for problem in caught.value.problems]


def test_models_times_kernels_times_cells(place: Path) -> None:
    plan = load(place, HEAD)
    assert len(plan.tasks) == 2 * 2 * 4
    assert len({key_of(task) for task in plan.tasks}) == 16
    first = plan.tasks[0]
    assert (first.cell.id, first.model, first.kernel, first.repeat) == ("one[n=1]", "qemu", "nv", 1)
    assert {level.kernel for level in first.cell.stack.levels.values()} == {"nv"}
    assert key_of(first) == "one.n=1+qemu+nv+1"


def test_exclusions_priorities_and_repeats(place: Path) -> None:
    more = """\
repeats: 2
repeat: [{cells: two, times: 1}]
priorities: [{cells: "one[n=3]", kernel: debian, priority: 7}, {model: "qemu-*", priority: -1}]
exclude: [{cells: "one*", model: qemu, kernel: nv, reason: too slow}]
"""
    plan = load(place, HEAD + more)
    assert plan.excluded == 3
    keys = [key_of(task) for task in plan.tasks]
    assert len(keys) == (3 + 6) * 2 + 4
    assert keys[0] == "one.n=3+qemu+debian+1"
    assert not [key for key in keys if key.startswith("one") and "+qemu+nv+" in key]
    high = [task for task in plan.tasks if task.priority == 0]
    assert [task.repeat for task in high] == sorted(task.repeat for task in high)
    assert plan.tasks[-1].priority == -1
    assert [t.repeat for t in plan.tasks if t.cell.scenario == "two"] == [1] * 4


def test_cells_under_a_sanitizer(place: Path) -> None:
    """A row turns it on, the last row about a cell says which; the command that repeats the cell has it."""
    more = """\
sanitize: [{cells: "one*", model: qemu, what: tlb}, {cells: "one[n=1]", model: qemu, kernel: nv, what: model}]
"""
    plan = load(place, HEAD + more)
    by_key = {key_of(task): task for task in plan.tasks}
    first = by_key["one.n=1+qemu+nv+1"]
    assert first.cell.stack.sanitize == "model"
    assert reproduce(first.cell, first.overrides).endswith("--sanitize model")
    assert by_key["one.n=2+qemu+nv+1"].cell.stack.sanitize == "tlb"
    assert by_key["one.n=1+qemu-10.0+nv+1"].cell.stack.sanitize == ""
    (problem,) = refused(place, HEAD + "sanitize: [{cells: one*, what: modle}]\n")
    assert problem.endswith("expected one of tlb, model; did you mean 'model'?")


def test_the_shipped_plan_judges_both_models_under_the_kernel_that_it_knows() -> None:
    plan = load_plan(IMAGES / "plans" / "nightly.yaml")
    judged = {(t.cell.scenario, t.model) for t in plan.tasks if t.cell.stack.sanitize == "model"}
    assert {model for _, model in judged} == {"qemu", "qemu-10.0"}
    assert {name for name, _ in judged} >= {"three-levels", "covering-one", "covering-breadth", "tlbi-el2"}
    assert {t.kernel for t in plan.tasks if t.cell.stack.sanitize == "model"} == {"nv"}


def test_a_scenario_that_names_its_model_gets_the_one_instead(place: Path) -> None:
    own = SCENARIO.format(name="two", points="1").replace("steps:", "stack: {model: qemu-v1}\nsteps:")
    (place / "two.yaml").write_text(own)
    plan = load(place, HEAD.replace("[qemu,", "[{model: qemu, instead-of: {qemu-v1: qemu-v1}},"))
    models = {(t.cell.scenario, t.model): t.cell.stack.model for t in plan.tasks}
    assert models["two", "qemu"] == "qemu-v1"
    assert models["one", "qemu"] == "qemu"
    assert models["two", "qemu-10.0"] == "qemu-10.0"


@pytest.mark.parametrize("level", list(Level))
def test_a_scenario_that_names_a_kernel_keeps_it_at_that_level(place: Path, level: Level) -> None:
    """One for L0 is about that kernel, and runs once; a guest's stays while the plan's change below it."""
    own = SCENARIO.format(name="two", points="1").replace(
        "steps:", f"stack: {{{level}: {{kernel: nv-64k}}}}\nsteps:"
    )
    (place / "two.yaml").write_text(own)
    tasks = [t for t in load(place, HEAD).tasks if t.cell.scenario == "two" and t.model == "qemu"]
    found = [{each: spec.kernel for each, spec in t.cell.stack.levels.items()} for t in tasks]
    if level is Level.L0:
        assert found == [{Level.L0: "nv-64k", Level.L1: "nv", Level.L2: "nv"}]
    else:
        assert found == [{**dict.fromkeys(Level, kernel), level: "nv-64k"} for kernel in ("nv", "debian")]


def test_everything_wrong_is_reported_at_once_with_its_place(place: Path) -> None:
    text = """\
plan: mine
models: [qemuu, ./no.yaml, {model: qemu, instead-of: {qemu-v2: qemu}}]
kernels: [nv, nv]
timing: icont
"""
    wanted = [
        ("2:10", "unknown model 'qemuu'; expected one of ", "did you mean 'qemu'?"),
        ("2:17", "no file './no.yaml'; ", "expected a file of models, or a shipped name"),
        ("2:55", "unknown model 'qemu-v2'; ", "did you mean 'qemu-v1'?"),
        ("3:15", "a second 'nv'; ", "expected each once: cells are compared by that name"),
        ("4:9", "unknown timing 'icont'; expected one of icount, mttcg; ", "did you mean 'icount'?"),
    ]
    for problem, (where, found, tail) in zip(refused(place, text), wanted, strict=True):
        assert problem.startswith(f"/plan.yaml:{where}: {found}")
        assert problem.endswith(tail)


def test_unknown_keys_and_rows_without_cells(place: Path) -> None:
    (problem,) = refused(place, HEAD + "budgets: {hours: 1}\n")
    assert problem.startswith("/plan.yaml:5:1: unknown key 'budgets'; expected one of plan, ")
    assert problem.endswith("; did you mean 'budget'?")
    found = refused(place, HEAD + "exclude: [{cells: thre, reason: x}]\nrepeat: [{model: qemuu, times: 2}]\n")
    assert [p.split(": ", 1)[0] for p in found] == ["/plan.yaml:5:11", "/plan.yaml:6:10"]
    assert "no cell agrees with" in found[0]
    assert "did you mean 'qemu'?" in found[1]


def test_defects_of_scenarios_and_patterns_are_reported(place: Path) -> None:
    (place / "two.yaml").write_text("scenario: two\n")
    found = refused(place, HEAD.replace("[one.yaml,", "[tlbi-el3, none.yaml,"))
    assert any("two.yaml:1:1" in problem for problem in found)
    assert any("no file or directory 'none.yaml'" in problem for problem in found)
    assert any("did you mean 'tlbi-el2'?" in problem for problem in found)


def test_a_plan_that_excludes_everything(place: Path) -> None:
    (problem,) = refused(place, HEAD + 'exclude: [{cells: "*", reason: x}]\n')
    assert "excludes everything" in problem


def test_the_price_comes_from_what_cells_took(place: Path, tmp_path: Path) -> None:
    plan = load(place, HEAD + "budget: {hours: 0.05}\n")  # 180 s
    with Results(tmp_path / "r.sqlite") as results:
        run = results.begin(made.begun(*made.night(1)))
        results.record(run, [made.entry(made.cell("one[n=1]", seconds=100.0))])
        broken = made.cell("two[n=1]", Verdict.INFRA, seconds=900.0, reason="no answer")
        results.record(run, [made.entry(broken)])  # says nothing about how long it takes
        priced = price(plan, Durations(results), 2)
    assert priced.each[0] == 100.0
    assert dict(priced.sources) == {"own": 1, "cell": 3, "all": 12}
    assert priced.beyond == 12
    assert (priced.work_s, priced.wall_s) == (400.0, 200.0)
    console = Console(width=100)
    with console.capture() as capture:
        print_price(plan, priced, console)
    said = " ".join(capture.get().split())
    assert "16 cells, 0 excluded" in said
    assert "4 of 16 durations known" in said
    assert "the budget (0.05 h) will leave out about 12" in said


def test_without_nights_the_price_comes_from_the_runs_of_this_machine(place: Path, tmp_path: Path) -> None:
    plan = load(place, HEAD)
    here = History(tmp_path / "history.json")
    for key, took in (
        ("cell one[n=1]", 30.0),
        ("cell two[n=1], booted cold", 50.0),
        ("cpus of one[n=1]", 2.0),
    ):
        here.record(key, took)
    here.record("cell one[n=1], booted cold", 70.0)  # it is known from a snapshot
    assert cells_here(here) == {"one[n=1]": 30.0, "two[n=1]": 50.0}
    with Results(tmp_path / "r.sqlite") as results:
        nobody = price(plan, Durations(results), 2)
        priced = price(plan, Durations(results, cells_here(here)), 2)
        assert dict(nobody.sources) == {"unknown": 16}
        assert dict(priced.sources) == {"here": 8, "all": 8}
        assert priced.work_s == 4 * 30.0 + 4 * 50.0 + 8 * 40.0
        run = results.begin(made.begun(*made.night(1)))
        results.record(run, [made.entry(made.cell("one[n=1]", seconds=100.0))])
        durations = Durations(results, cells_here(here))
        assert durations.usual("one[n=1]", "qemu", "nv", "icount") == (100.0, "own")
        assert durations.usual("one[n=1]", "qemu-10.0", "nv", "icount") == (100.0, "cell")
    console = Console(width=100)
    with console.capture() as capture:
        print_price(plan, priced, console)
    said = " ".join(capture.get().split())
    assert "8 of 16 durations known; 8 of them from other runs on this machine" in said


@pytest.mark.parametrize("path", sorted((IMAGES / "plans").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_plans_load(path: Path) -> None:
    plan = load_plan(path)
    assert len(plan.tasks) >= (2 * 2 * 30 if plan.name == "nightly" else 20)
    assert len({key_of(task) for task in plan.tasks}) == len(plan.tasks)


def test_what_is_left_is_reported_at_the_pace_so_far() -> None:
    left = LeftToRun({"a": 60.0, "b": 60.0, "c": 60.0, "d": 60.0})
    assert left.seconds(2) == 120.0
    left.ended("a", 15.0)
    assert left.seconds(1) == pytest.approx(45.0)
    assert left.seconds(8) == pytest.approx(15.0)  # the longest cell is not split
    left.ended("b", None)  # one that never ran says nothing of the pace
    left.ended("unknown", 1000.0)
    assert left.seconds(1) == pytest.approx(30.0)
    for key in ("c", "d"):
        left.ended(key, 15.0)
    assert left.seconds(1) == 0.0


LITMUS = """\
scenario: by-console
summary: It needs no more than a console.
steps:
  - boot: l0
  - run: nvh-litmus --case 'trap-*'
    on: l0
    name: litmus
expect:
  - result: passed
    of: litmus
"""
BOARD = "console: board\nsummary: A board.\nline: pty\ncommand: [ssh, board, '{options}']\nslowdown: 2.0\n"


def test_a_console_model_runs_what_needs_a_console(place: Path) -> None:
    """The others are not applicable on it, by name, model and kernel, and stay on the other models."""
    (place / "litmus.yaml").write_text(LITMUS)
    (place / "board.yaml").write_text(BOARD)
    head = HEAD.replace("qemu-10.0", "qemu-console, ./board.yaml").replace("two.yaml", "litmus.yaml")
    plan = load(place, head + "exclude: [{cells: by-console, model: qemu, reason: elsewhere}]\n")
    on = {(task.cell.id, task.model, task.kernel, task.by_console) for task in plan.tasks}
    kernels = ("nv", "debian")
    assert on == {
        *((f"one[n={n}]", "qemu", kernel, False) for n in (1, 2, 3) for kernel in kernels),
        *(("by-console", model, kernel, True) for model in ("qemu-console", "board") for kernel in kernels),
    }
    assert len(plan.not_applicable) == 2 * 2 * 3
    assert plan.not_applicable["one[n=1] on board/debian"] == "it runs echo, and a bundle runs nvh-litmus"
    mine = next(task for task in plan.tasks if task.model == "board")
    assert mine.cell.stack.model == str(place / "board.yaml")
    assert f"--model {place}/board.yaml" in reproduce(mine.cell, mine.overrides)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [("line: pty", "line: serial", "expected pipe"), ("slowdown", "slow", "did you mean 'slowdown'")],
)
def test_a_wrong_console_model_is_refused(place: Path, was: str, now: str, said: str) -> None:
    (place / "board.yaml").write_text(BOARD.replace(was, now))
    with pytest.raises(UserError) as caught:
        load(place, HEAD.replace("qemu-10.0", "./board.yaml"))
    assert said in str(caught.value)
