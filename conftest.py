# SPDX-License-Identifier: GPL-2.0-only
"""``pytest scenarios/`` collects the cells that ``./nvh run`` runs, as one item each.

The cells of a session run together, as many at once as the machine admits; each item then reports its own.
Artefacts are built first when they are absent, unless NVH_OFFLINE forbids it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from harness.errors import InputError, UserError
from harness.host.paths import IMPORTS, ON_REQUEST
from harness.report.results import CellResult, RunSummary
from harness.report.terminal import print_cell
from harness.runner import default
from harness.runner.project import vocabulary
from harness.scenario.language import Cell
from harness.scenario.load import load_file
from harness.scenario.other_formats import COLLECTED
from harness.scenario.scenario import Overrides
from harness.verdict import Verdict

# Processes that tests start elsewhere import this checkout's harness: an environment holds none.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(IMPORTS), os.environ.get("PYTHONPATH"))))

SCENARIOS = Path(__file__).parent / "scenarios"
RUN = pytest.StashKey[RunSummary]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that ``nvh run`` has too."""
    group = parser.getgroup("nvh")
    for name in ("model", "kernel", "timing"):
        group.addoption(f"--nvh-{name}", default=None, help=f"{name} for all collected scenarios")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenario and program files below scenarios/."""
    if file_path.suffix in COLLECTED and file_path.is_relative_to(SCENARIOS):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out folders of scenarios that run on request only, unless one is named on the command line."""
    if collection_path.is_dir() and (collection_path / ON_REQUEST).exists():
        named = [Path(argument.partition("::")[0]).absolute() for argument in config.args]
        return collection_path.absolute() not in named
    return None


def overrides(config: pytest.Config) -> Overrides:
    """Return what the command line replaces in every scenario."""
    return Overrides(
        kernel=config.getoption("--nvh-kernel"),
        model=config.getoption("--nvh-model"),
        timing=config.getoption("--nvh-timing"),
    )


class ScenarioFile(pytest.File):
    """One scenario file."""

    def collect(self) -> Iterator[CellItem]:
        """Yield an item per cell."""
        try:
            cells = load_file(self.path, vocabulary(), overrides(self.config))
        except InputError as error:
            raise self.CollectError(str(error)) from error
        named = [Path(argument.partition("::")[0]).absolute() for argument in self.config.args]
        for cell in cells if self.path in named else default.kept(cells):
            item: CellItem = CellItem.from_parent(self, name=cell.id)
            item.cell = cell
            yield item


class CellRed(Exception):
    """A cell whose verdict counts and is not pass."""


class CellItem(pytest.Item):
    """One cell. The first item that runs runs the cells of all."""

    cell: Cell

    def runtest(self) -> None:
        """Report this cell's verdict.

        A known defect that shows as quarantine.yaml says is an expected failure, and strict: one that does
        not show is a finding of the cell that fails, as is everything else that is wrong with the cell.
        """
        result = self._result()
        self.add_report_section("call", "cell", _details(result))
        if result.quarantine:
            pytest.xfail(f"{result.word}: {result.quarantine}")
        if result.verdict is not Verdict.PASS:
            raise CellRed(f"{result.verdict.value}: {result.headline}\n{_details(result)}")

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> str | object:
        """Show the cell's own report instead of a traceback."""
        if isinstance(excinfo.value, CellRed | UserError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the cell comes from."""
        return self.path, 0, self.cell.id

    def _result(self) -> CellResult:
        from harness.runner.run import RunSpec, run_and_print  # building needs more than collecting does

        session = self.session
        if RUN not in session.stash:
            cells = [item.cell for item in session.items if isinstance(item, CellItem)]
            capture = self.config.pluginmanager.getplugin("capturemanager")
            with capture.global_and_fixture_disabled():
                session.stash[RUN] = run_and_print(RunSpec(cells, overrides(self.config)), Console())
        return next(each for each in session.stash[RUN].cells if each.id == self.cell.id)


def _details(result: CellResult) -> str:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        print_cell(result, console)
    return capture.get()
