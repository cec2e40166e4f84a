# SPDX-License-Identifier: GPL-2.0-only
"""A cell's directory as its work order: the cell, the stack's artefacts and how to run them.

``cell.json`` holds the cell as data and names every artefact by path, so the process that runs the cell reads
no scenario and resolves nothing anew, and the cell can be run again from its directory alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.attempt import work_order
from harness.document import as_json
from harness.host.cache import Artefact, load_artefact
from harness.machine.qemu import Plugin
from harness.report.publish import utc_now
from harness.report.results import CellResult
from harness.scenario import other_formats
from harness.scenario.language import Cell, Expectation, PythonCheck, Step
from harness.stack.images import StackImages
from harness.verdict import Verdict

FORMAT = 4
JOB = "cell.json"
SCENARIO = "scenario.yaml"
EVIDENCE_S = 120.0
"""What a cell has to collect what was seen, once its deadline has passed."""
SEED = 1  # of a run that asks for no other

as_json.family(Step)
as_json.family(Expectation)
as_json.leaf(Artefact, lambda artefact: str(artefact.path), lambda path: load_artefact(Path(path)))


@dataclass(frozen=True, slots=True)
class Job:
    """What a cell process needs: the cell, its images, and the identity under which it reports.

    ``command`` is the one command that reproduces the cell. ``seed`` is that of the model's randomness and
    of what a restored machine is given. ``keep``: save the machine when the verdict is no pass. ``watch`` are
    plugins for the model beside those that the cell itself needs. ``live``: tell what runs print.
    """

    cell: Cell
    images: StackImages
    slug: str
    command: str
    seed: int = SEED
    keep: bool = False
    watch: tuple[Plugin, ...] = ()
    live: bool = False

    @property
    def deadline_s(self) -> float:
        """How long the cell's steps may take together on its model, in seconds."""
        return self.cell.timeout * self.slowdown

    @property
    def limit_s(self) -> float:
        """When its process must have ended, in seconds: what its steps may take, and then its evidence."""
        return self.deadline_s + EVIDENCE_S * self.slowdown

    @property
    def slowdown(self) -> float:
        """What every deadline is multiplied by on the cell's model."""
        return self.cell.stack.slowdown(self.images.model.spec.slowdown)


def write_job(directory: Path, job: Job) -> None:
    """Write the work order into ``directory``, and for people copies of the scenario and its Python files."""
    other_formats.copy(Path(job.cell.path), directory / SCENARIO)
    for name, text in python_files(job.cell).items():
        (directory / name).write_text(text, encoding="utf-8")
    work_order.write(directory / JOB, job, FORMAT)


def python_files(cell: Cell) -> dict[str, str]:
    """Return the text of each Python file beside the scenario that an expectation of the cell names."""
    return {e.file: e.source for e in cell.expectations if isinstance(e, PythonCheck)}


def read_job(directory: Path) -> Job:
    """Read a work order; ``InfraError`` when it is unreadable or an artefact it names is gone."""
    return work_order.read(directory / JOB, Job, FORMAT)


def planned(job: Job) -> CellResult:
    """Return the result of a job's cell of which nothing but its plan is known."""
    return planned_cell(job.cell, job.slug, job.command, job.seed)


def planned_cell(cell: Cell, slug: str, command: str, seed: int) -> CellResult:
    """Return the same of a cell that has no images yet; ``command`` reproduces it."""
    return CellResult(
        id=cell.id,
        slug=slug,
        scenario=cell.scenario,
        summary=cell.summary,
        model=cell.stack.model,
        timing=cell.stack.timing,
        kernels={str(level): spec.kernel for level, spec in cell.stack.levels.items()},
        verdict=Verdict.INFRA,
        started=utc_now(),
        seconds=0.0,
        command=command,
        params=cell.params,
        claims=cell.claims,
        reason="not run",
        seed=seed,
    )
