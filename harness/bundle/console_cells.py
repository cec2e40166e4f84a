# SPDX-License-Identifier: GPL-2.0-only
"""Cells on a console model: which it can run, and the bundles that those need, one for each kernel of L0."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.payloads import build_payloads
from harness.bundle import parts
from harness.bundle.build import BundleSpec, make
from harness.bundle.console_model import CHOICE, ConsoleModel, load_console
from harness.bundle.console_order import ConsoleOrder
from harness.covering.artefact import build_covering
from harness.errors import NvhError, UserError
from harness.host.cache import Store
from harness.level import Level
from harness.litmus.by_console import ConsoleStep, NotByConsole, steps_of
from harness.report.progress import Progress
from harness.scenario.language import Cell
from harness.scenario.scenario import Overrides

NO_WALKS = "none"
RACY = "mttcg"
"""The timing of cells that may end differently each time: `nvh accept` runs them several times."""
Chosen = tuple[str, str]
"""L0's kernel and the fault that is switched on in it, empty for none."""


@dataclass(frozen=True, slots=True)
class ConsoleCell:
    """A cell that a console model can run, its stack's model being that, and its steps."""

    cell: Cell
    steps: tuple[ConsoleStep, ...]

    @classmethod
    def of(cls, cell: Cell) -> ConsoleCell:
        """Return such a cell with its steps; ``NotByConsole`` for another one."""
        return cls(cell, steps_of(cell))

    @property
    def chosen(self) -> Chosen:
        """What the bundle is made for."""
        return self.cell.stack.levels[Level.L0].kernel, self.cell.mutant


def fitting(cells: Iterable[Cell], console: str) -> tuple[list[ConsoleCell], dict[str, str]]:
    """Return the cells that need only a console, on the model ``console``, and why the others do not fit.

    Cells that differ in their model alone are one there: the first of them. A machine that is no QEMU of ours
    counts no instructions, so that its cells' timing is ``RACY``. ``UserError`` for a model that takes no
    choice of cases, and what ``load_console`` raises.
    """
    model = load_console(console)
    if not model.chooses:
        raise UserError(
            f"{console} cannot be told which cases to run: neither {' nor '.join(CHOICE)} is in its command, "
            "power-on or dialogue; for one that boots the bare image there is "
            f"`./nvh judge --on {console} --bundle DIR` (docs/anywhere.md)"
        )
    counts = bool(model.qemu)
    found: list[ConsoleCell] = []
    apart: dict[str, str] = {}
    first: dict[object, str] = {}
    for cell in cells:
        try:
            steps = steps_of(cell)
        except NotByConsole as why:
            apart[cell.id] = str(why)
            continue
        asked = tuple((each.choose, each.seconds, each.self_test, each.pressure) for each in steps)
        below = cell.stack.levels[Level.L0]
        timing = cell.stack.timing if counts else RACY
        key = (cell.scenario, asked, below.kernel, below.cpus, cell.mutant, timing)
        if key in first:
            apart[cell.id] = f"on one machine it is the same as {first[key]}"
            continue
        first[key] = cell.id
        named = str(Path(console).absolute()) if "/" in console else console
        stack = dataclasses.replace(cell.stack, model=named, timing=timing)
        found.append(ConsoleCell(dataclasses.replace(cell, stack=stack), steps))
    return found, apart


def reasons(apart: Mapping[str, str]) -> list[str]:
    """Return ``N: why`` for each reason why cells are not applicable, the most frequent first."""
    counts = Counter(re.sub(r"(the same as) .*", r"\1 another", why) for why in apart.values())
    return [f"{count}: {why}" for why, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def without_model(overrides: Overrides) -> Overrides:
    """Return overrides with which cells are found that shall run on a console model.

    ``UserError`` for what such a model cannot be asked for.
    """
    if overrides.sanitize:
        raise UserError("--sanitize needs a model with plugins, and a console model has none; leave it out")
    return dataclasses.replace(overrides, model=None)


class ConsoleBundles:
    """The bundles of a run on one console model, made below ``directory``."""

    def __init__(self, console: str, directory: Path, store: Store, progress: Progress) -> None:
        self.model: ConsoleModel = load_console(console)
        self._directory = directory
        self._store = store
        self._progress = progress
        self._lists: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {}
        self._made: dict[Chosen, Path | NvhError] = {}

    def prepare(self, cells: Sequence[ConsoleCell]) -> dict[str, str]:
        """Make the bundles; returns what ``choose`` does."""
        apart = self.choose(cells)
        self.make([each for each in cells if each.cell.id not in apart])
        return apart

    def choose(self, cells: Sequence[ConsoleCell]) -> dict[str, str]:
        """Find the cases of each step; returns the cells that the machine shall not run, and why."""
        payloads = build_payloads(self._store, self._progress.note)
        covering = build_covering(self._store, payloads, self._progress.note)
        _, described = parts.known_cases(payloads)
        apart: dict[str, str] = {}
        for each in cells:
            for step in each.steps:
                if step.choose not in self._lists:
                    names = parts.selected(payloads, covering, step.choose)
                    self._lists[step.choose] = (step.group or _list_name(step.choose), names)
            walks = sum(
                name in described and described[name].words["walks"] != NO_WALKS
                for step in each.steps
                for name in self._lists[step.choose][1]
            )
            if walks and self.model.few_contexts:
                apart[each.cell.id] = "it unmaps whole shadow contexts, which takes very long on this machine"
        return apart

    def make(self, cells: Sequence[ConsoleCell]) -> None:
        """Make the bundles of cells that were chosen.

        A kernel that cannot be built makes its cells ``infra`` (``order`` raises), not the others.
        """
        for chosen in dict.fromkeys(each.chosen for each in cells):
            self._made[chosen] = self._make(chosen, [each for each in cells if each.chosen == chosen])

    def _make(self, chosen: Chosen, cells: Sequence[ConsoleCell]) -> Path | NvhError:
        kernel, mutant = chosen
        lists = dict(self._lists[step.choose] for each in cells for step in each.steps)
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(filter(None, (Path(kernel).stem, mutant))))
        out = self._directory / f"{len(self._made)}-{name}"
        shutil.rmtree(out, ignore_errors=True)  # of a run that is gone on with
        try:
            made = make(
                BundleSpec(out, kernel, mutant, archive=False, lists=lists), self._store, self._progress
            )
        except NvhError as error:
            return error
        return made.directory

    def order(self, cell: ConsoleCell, slug: str, command: str, seed: int) -> ConsoleOrder:
        """Return the work order of a cell; raises what making its bundle raised."""
        made = self._made[cell.chosen]
        if isinstance(made, NvhError):
            raise made
        return ConsoleOrder(
            cell.cell,
            cell.steps,
            tuple(self._lists[step.choose][0] for step in cell.steps),
            cell.cell.stack.model,
            str(made.absolute()),
            slug,
            command,
            seed,
        )


def _list_name(choose: tuple[str, ...]) -> str:
    """A name for a choice of cases; equal choices have equal names, so that equal bundles have equal ids."""
    return f"chosen-{hashlib.sha256(chr(0).join(choose).encode()).hexdigest()[:12]}"
