# SPDX-License-Identifier: GPL-2.0-only
"""A plan: which models, kernels and scenarios a night runs, in which order, how often, and within what
budget.

A plan is one YAML file. All its mistakes are reported at once, each with its place and the closest
match.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.artefacts.kernel import load_kernel
from harness.artefacts.model import load_model
from harness.bundle.console_cells import fitting
from harness.bundle.console_model import KIND as CONSOLES
from harness.bundle.console_model import is_console, load_console
from harness.document.data_files import Document
from harness.document.nodes import Node, listing, shown
from harness.errors import InputError, Problem, UserError, closest
from harness.host.paths import SCENARIOS, data_names
from harness.level import Level
from harness.nightly.farm.plan_schema import FILTER, SCHEMA
from harness.nightly.history.import_run import label
from harness.runner import default
from harness.runner.project import vocabulary
from harness.scenario.defaults import KERNEL
from harness.scenario.language import Cell
from harness.scenario.load import load_paths, select
from harness.scenario.scenario import Overrides

SEE = "docs/nightly.md"


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model of a plan, and the models that take the place of those which scenarios name themselves."""

    name: str
    instead_of: Mapping[str, str]

    @property
    def label(self) -> str:
        """The name under which it is compared from night to night."""
        return label(self.name)

    @property
    def by_console(self) -> bool:
        """Whether it is a console model (docs/anywhere.md)."""
        return is_console(self.name)


@dataclass(frozen=True, slots=True)
class Task:
    """One execution that a plan wants: a cell on a model and a kernel, for the ``repeat``-th time.

    ``model`` and ``kernel`` are the plan's names for what it is compared under; ``overrides`` says what it
    runs on. ``by_console``: that is a console model.
    """

    cell: Cell
    model: str
    kernel: str
    overrides: Overrides
    repeat: int
    priority: int
    confirms: bool = False
    by_console: bool = False


@dataclass(frozen=True, slots=True)
class NightPlan:
    """A checked plan with its tasks, the most urgent first. ``hours`` and ``cells`` are its budget.

    ``confirm``: how often a red cell is run again, to tell what is flaky; that never makes it green.
    ``check_models``: each model is checked by itself, without a kernel, before the first cell.
    ``not_applicable``: what a console model of the plan cannot run, as ``CELL on MODEL/KERNEL``, and why.
    """

    name: str
    summary: str
    path: Path
    models: tuple[PlannedModel, ...]
    kernels: tuple[str, ...]
    tasks: tuple[Task, ...]
    excluded: int
    hours: float | None
    cells: int | None
    confirm: int
    check_models: bool = False
    not_applicable: Mapping[str, str] = field(default_factory=dict)


def load_plan(path: Path) -> NightPlan:
    """Load and expand a plan; ``InputError`` with all its defects and those of its scenarios."""
    document = Document(path, SCHEMA, SEE)
    base, problems = path.parent, document.problems
    before = len(problems)
    models = _models(document, base, problems)
    nodes = document.rows("kernels")
    kernels = [_named(node, "kernels", base, problems) for node in nodes]
    _unique(nodes, [label(kernel) for kernel in kernels], problems)
    _timing(document.good("timing"), problems)
    cells = _cells(document, base, problems)
    # What rows are about is known where names are right, whatever else is wrong.
    known = len(problems) == before and bool(models and kernels and cells)
    apart: dict[str, str] = {}
    tasks = _tasks(document, cells, models, kernels, apart) if known else []
    kept = _rows_of(document, tasks, problems) if known else []
    data = document.checked()
    if not kept:
        document.refuse(document.root.problem("a plan that excludes everything", "at least one cell"))
        document.checked()
    budget = data.get("budget", {})
    return NightPlan(
        data["plan"],
        data.get("summary", ""),
        path,
        tuple(models),
        tuple(kernels),
        _in_order(kept),
        len(tasks) - len(kept),
        budget.get("hours"),
        budget.get("cells"),
        data.get("confirm", 0),
        "check-models" in data,
        apart,
    )


def _rows_of(document: Document, tasks: list[Task], problems: list[Problem]) -> list[Task]:
    """The tasks that rows leave, as rows want them; a row that is about none is a problem."""
    kept = _without_excluded(document, tasks, problems)
    _sanitize(document, kept, problems)
    _repeat(document, kept, problems)
    _prioritise(document, kept, problems)
    return kept


def _named(node: Node, kind: str, base: Path, problems: list[Problem]) -> str:
    """A model or kernel: a shipped name, or a path relative to the plan."""
    name = node.text or ""
    if "/" in name:
        place = (base / name).resolve()
        if not place.is_file():
            problems.append(node.problem(f"no file {shown(name)}", f"a file of {kind}, or a shipped name"))
        else:
            try:
                _loader(kind, place)(str(place))
            except InputError as error:
                problems += error.problems
        return str(place)
    known = [*data_names(kind), *(data_names(CONSOLES) if kind == "models" else ())]
    if name not in known:
        problems.append(
            node.problem(f"unknown {kind[:-1]} {shown(name)}", listing(known), closest(name, known))
        )
    return name


def _loader(kind: str, place: Path) -> Callable[[str], object]:
    if kind != "models":
        return load_kernel
    return load_console if is_console(str(place)) else load_model


def _models(document: Document, base: Path, problems: list[Problem]) -> list[PlannedModel]:
    found = []
    nodes = document.rows("models")
    for node in nodes:
        entry = node.map.get("model", node)
        others = node.map["instead-of"].map if "instead-of" in node.map else {}
        for key in others:
            if key not in data_names("models"):
                where = node.map["instead-of"].keys[key]
                near = closest(key, data_names("models"))
                problems.append(
                    Problem(where, f"unknown model {shown(key)}", listing(data_names("models")), near)
                )
        instead = {key: _named(value, "models", base, problems) for key, value in others.items()}
        found.append(PlannedModel(_named(entry, "models", base, problems), instead))
    _unique(nodes, [model.label for model in found], problems)
    return found


def _unique(nodes: Sequence[Node], labels: Sequence[str], problems: list[Problem]) -> None:
    for place, (node, name) in enumerate(zip(nodes, labels, strict=True)):
        if name in labels[:place]:
            problems.append(
                node.problem(f"a second {shown(name)}", "each once: cells are compared by that name")
            )


def _timing(node: Node | None, problems: list[Problem]) -> None:
    if node is not None:
        known = sorted(vocabulary().timings)
        if node.text not in known:
            problems.append(
                node.problem(
                    f"unknown timing {shown(str(node.text))}", listing(known), closest(str(node.text), known)
                )
            )


def _cells(document: Document, base: Path, problems: list[Problem]) -> list[Cell]:
    """The selected cells as their scenarios have them; patterns choose among all shipped scenarios."""
    if "scenarios" not in document.root.map:
        return default.default_cells(vocabulary())
    found: dict[str, Cell] = {}
    shipped: list[Cell] | None = None
    for node in document.rows("scenarios"):
        word = node.text or ""
        place = next((p for p in (base / word, Path(word).absolute()) if p.exists()), None)
        try:
            if "/" in word or word.endswith((".yaml", ".yml", ".nvl")):
                if place is None:
                    problems.append(node.problem(f"no file or directory {shown(word)}"))
                    continue
                chosen = load_paths([place], vocabulary())
            else:
                shipped = shipped or _shipped()
                chosen = select(shipped, [word])
        except InputError as error:
            problems += error.problems
            continue
        except UserError as error:
            problems.append(node.problem(str(error)))
            continue
        found |= {cell.id: cell for cell in chosen}
    return list(found.values())


def _shipped() -> list[Cell]:
    return load_paths([SCENARIOS], vocabulary())


def _tasks(
    document: Document,
    cells: Sequence[Cell],
    models: Sequence[PlannedModel],
    kernels: Sequence[str],
    apart: dict[str, str],
) -> list[Task]:
    """Every cell on every model and kernel; what a console model cannot run goes to ``apart``."""
    timing = document.root.word("timing")
    node = document.good("repeats")
    repeats = 1 if node is None else int(node.plain())
    tasks: list[Task] = []
    for model in models:
        for kernel in kernels:
            if model.by_console:
                found = _by_console(cells, model, kernel, kernel == kernels[0], timing, apart)
                tasks += [dataclasses.replace(task, repeat=repeats) for task in found]
                continue
            for cell in cells:
                own = _own_kernel(cell)
                if own and kernel != kernels[0]:
                    continue
                instead = model.instead_of.get(cell.stack.model, model.name)
                overrides = _kernels(cell, kernel, Overrides(None, instead, timing))
                on, name = _on(cell, overrides), label(own or kernel)
                tasks.append(Task(on, model.label, name, overrides, repeats, 0))
    return tasks


def _by_console(
    cells: Sequence[Cell],
    model: PlannedModel,
    kernel: str,
    first: bool,
    timing: str | None,
    apart: dict[str, str],
) -> Iterator[Task]:
    """The cells on a console model and a kernel: those that need no more than a console."""
    own = {cell.id: _own_kernel(cell) for cell in cells}
    mine = [cell for cell in cells if first or not own[cell.id]]
    said = {cell.id: _kernels(cell, kernel, Overrides(None, model.name, timing)) for cell in mine}
    found, others = fitting([_on(cell, said[cell.id]) for cell in mine], model.name)
    for each in found:
        name = label(own[each.cell.id] or kernel)
        yield Task(each.cell, model.label, name, said[each.cell.id], 1, 0, by_console=True)
    for cell, why in others.items():
        apart[f"{cell} on {model.label}/{label(own[cell] or kernel)}"] = why


def _own_kernel(cell: Cell) -> str:
    """A kernel that the scenario names for L0: it is about that one, and runs once on each model."""
    kernel = cell.stack.levels[Level.L0].kernel
    return "" if kernel == KERNEL else kernel


def _kernels(cell: Cell, kernel: str, overrides: Overrides) -> Overrides:
    """With the plan's kernel, but at no level for which the scenario names one of its own."""
    own = {level for level, spec in cell.stack.levels.items() if spec.kernel != KERNEL}
    if Level.L0 in own:
        return overrides
    if not own:
        return dataclasses.replace(overrides, kernel=kernel)
    l1, l2 = (None if level in own else kernel for level in (Level.L1, Level.L2))
    return dataclasses.replace(overrides, l0_kernel=kernel, l1_kernel=l1, l2_kernel=l2)


def _on(cell: Cell, overrides: Overrides) -> Cell:
    return dataclasses.replace(cell, stack=overrides.apply(cell.stack))


def _matcher(row: Node) -> Callable[[Task], bool]:
    """Whether a task agrees with the globs of a row; brackets are literal, as they stand in ids."""
    globs = {key: (row.word(key) or "").replace("[", "[[]") for key in FILTER if key in row.map}

    def agrees(task: Task) -> bool:
        values = {"model": task.model, "kernel": task.kernel}
        for key, glob in globs.items():
            names = [task.cell.id, task.cell.scenario] if key == "cells" else [values[key]]
            if not any(fnmatch.fnmatchcase(name, glob) for name in names):
                return False
        return True

    return agrees


def _chosen(
    document: Document, key: str, tasks: Sequence[Task], problems: list[Problem]
) -> Iterable[tuple[Node, set[int]]]:
    """Yield each row of a list with the places of its tasks; one without any is a problem."""
    for row in document.rows(key):
        agrees = _matcher(row)
        found = {place for place, task in enumerate(tasks) if agrees(task)}
        if not found:
            word = row.word("cells") or row.word("model") or row.word("kernel") or ""
            known = (
                {task.cell.scenario for task in tasks} | {t.model for t in tasks} | {t.kernel for t in tasks}
            )
            what = f"a row of {key} that no cell agrees with"
            problems.append(
                row.problem(what, "names or globs of the plan's cells", closest(word, sorted(known)))
            )
        yield row, found


def _without_excluded(document: Document, tasks: list[Task], problems: list[Problem]) -> list[Task]:
    gone: set[int] = set()
    for _, found in _chosen(document, "exclude", tasks, problems):
        gone |= found
    return [task for place, task in enumerate(tasks) if place not in gone]


def _sanitize(document: Document, tasks: list[Task], problems: list[Problem]) -> None:
    """The chosen cells run under a sanitizer; the last row about a cell says which."""
    for row, found in _chosen(document, "sanitize", tasks, problems):
        for place in found:
            task = tasks[place]
            overrides = dataclasses.replace(task.overrides, sanitize=row.word("what"))
            tasks[place] = dataclasses.replace(task, overrides=overrides, cell=_on(task.cell, overrides))


def _repeat(document: Document, tasks: list[Task], problems: list[Problem]) -> None:
    for row, found in _chosen(document, "repeat", tasks, problems):
        for place in found:
            tasks[place] = dataclasses.replace(tasks[place], repeat=int(row.map["times"].plain()))


def _prioritise(document: Document, tasks: list[Task], problems: list[Problem]) -> None:
    for row, found in _chosen(document, "priorities", tasks, problems):
        for place in found:
            tasks[place] = dataclasses.replace(tasks[place], priority=int(row.map["priority"].plain()))


def _in_order(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Every task as often as wanted: by priority, and everything once before anything twice."""
    each = [
        dataclasses.replace(task, repeat=number) for task in tasks for number in range(1, task.repeat + 1)
    ]
    return tuple(sorted(each, key=lambda task: (-task.priority, task.repeat)))
