# SPDX-License-Identifier: GPL-2.0-only
"""The cells of an acceptance on a console model: a bundle for each kernel, one cell after the other."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.bundle.console_cells import ConsoleBundles, ConsoleCell, reasons
from harness.bundle.console_run import BUNDLES, one
from harness.errors import InfraError
from harness.host.cache import Store
from harness.report.progress import Progress
from harness.report.publish import publish, utc_now
from harness.report.results import CellResult
from harness.report.store import CELLS, RESULT, read_cell
from harness.runner.run import summary_of
from harness.scenario.language import Cell
from harness.scenario.load import slug
from harness.scenario.scenario import Overrides
from harness.verdict import Verdict


class OnConsole:
    """The console model of an acceptance, whose runs lie below ``directory``."""

    def __init__(self, console: str, directory: Path, store: Store, progress: Progress) -> None:
        self._console = console
        self._directory = directory
        self._store = store
        self._progress = progress
        self._bundles: dict[str, ConsoleBundles] = {}

    def fit(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return the cells, less those that the machine shall not run."""
        bundles = ConsoleBundles(self._console, self._directory, self._store, self._progress)
        apart = bundles.choose([ConsoleCell.of(cell) for cell in cells])
        for line in reasons(apart):
            self._progress.note(f"not applicable, {line}")
        return [cell for cell in cells if cell.id not in apart]

    def run(
        self,
        step: str,
        label: str,
        whole: Sequence[Cell],
        cells: Sequence[Cell],
        seeds: Mapping[str, Sequence[int]],
        end: str,
        overrides: Overrides,
    ) -> Iterator[tuple[int, Sequence[CellResult]]]:
        """Yield what came of ``cells`` by seed: each leaves an ordinary run directory, ``STEP.seedNEND``.

        ``whole``: all cells of the step, for which its bundle is made once. What an interrupted acceptance
        has run stands.
        """
        if step not in self._bundles:
            place = self._directory / f"{step}.{BUNDLES}"
            self._bundles[step] = ConsoleBundles(self._console, place, self._store, self._progress)
            self._bundles[step].prepare([ConsoleCell.of(cell) for cell in whole])
        for seed in sorted({seed for cell in cells for seed in seeds[cell.id]}):
            started, begun = utc_now(), time.monotonic()
            some = [cell for cell in cells if seed in seeds[cell.id]]
            place = self._directory / f"{step}.seed{seed}{end}"
            had = verdicts(place, some)
            for cell in (cell for cell in some if cell.id not in had):
                shutil.rmtree(place / CELLS / slug(cell.id), ignore_errors=True)
                self._progress.phase(cell.id, f"{label}: {cell.id}")
                result = one(ConsoleCell.of(cell), self._bundles[step], place, overrides, seed, self._store)
                self._progress.done(cell.id, result.is_fine, result.word)
                had[cell.id] = result
            part = tuple(had[cell.id] for cell in some)
            publish(summary_of(place, started, begun, part), place)
            yield seed, part


def verdicts(place: Path, cells: Sequence[Cell]) -> dict[str, CellResult]:
    """Return the results with a verdict that the run in ``place`` left of ``cells``, by id."""
    found = {}
    for cell in cells:
        with contextlib.suppress(InfraError):
            result = read_cell(place / CELLS / slug(cell.id) / RESULT)
            if result.verdict is not Verdict.INFRA:
                found[cell.id] = result
    return found
