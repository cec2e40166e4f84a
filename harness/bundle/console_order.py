# SPDX-License-Identifier: GPL-2.0-only
"""A cell of a scenario carried out on a console model: the work order, and the process that does it.

``python -m harness.bundle.console_order DIRECTORY`` reads the order in the directory and leaves the consoles
and ``result.json`` there, as ``python -m harness.attempt.execute`` does for a model of nvh's own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.attempt import work_order
from harness.attempt.job import planned_cell
from harness.bundle.build import IMAGE
from harness.bundle.console_model import ConsoleModel, load_console
from harness.bundle.drive import drive
from harness.bundle.programs import Programs, programs_of
from harness.check.finding import Finding, Observations, RunResult
from harness.check.result import check
from harness.errors import InfraError, NvhError
from harness.host.cache import Store, sha256_file
from harness.ktap import by_cell
from harness.ktap.manifest import Bundle, read_bundle
from harness.level import Level
from harness.litmus.by_console import ConsoleStep
from harness.litmus.coverage import SELF_TEST
from harness.litmus.observed import NO_SELF_TEST, together
from harness.machine.process import end_with_parent
from harness.report import store
from harness.report.results import ArtefactVersion, CellResult, FileRef
from harness.scenario.language import Cell, ResultCheck
from harness.verdict import of_cell

FORMAT = 1
ORDER = work_order.CONSOLE
TIMING = "console"
LEFT_OUT = "left out"
"""The fact that says what of the scenario's stack the machine has not."""
COMMAND = (sys.executable, "-m", "harness.bundle.console_order")


@dataclass(frozen=True, slots=True)
class ConsoleOrder:
    """What is to be run where. ``console`` and ``bundle`` are absolute paths, or the name of a console model.

    ``lists``: of each step the bundle's list with its cases. ``slug`` and ``command`` as for any cell.
    """

    cell: Cell
    steps: tuple[ConsoleStep, ...]
    lists: tuple[str, ...]
    console: str
    bundle: str
    slug: str
    command: str
    seed: int = 1


@dataclass(slots=True)
class _Carried:
    """What came of the steps that were carried out."""

    findings: list[Finding] = field(default_factory=list)
    runs: dict[str, RunResult] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    files: list[FileRef] = field(default_factory=list)


def write_order(directory: Path, order: ConsoleOrder) -> None:
    """Write the work order into the cell's directory."""
    work_order.write(directory / ORDER, order, FORMAT)


def read_order(directory: Path) -> ConsoleOrder:
    """Read a work order; ``InfraError`` when it is unreadable."""
    return work_order.read(directory / ORDER, ConsoleOrder, FORMAT)


def planned_on(cell: Cell, slug: str, command: str, seed: int, model: str) -> CellResult:
    """Return the result of a cell of which nothing but its plan is known; ``model`` is the console's name."""
    kernels = {str(Level.L0): cell.stack.levels[Level.L0].kernel}
    plan = planned_cell(cell, slug, command, seed)
    return dataclasses.replace(plan, model=model, timing=TIMING, kernels=kernels)


def carry_out(order: ConsoleOrder, directory: Path, store_: Store) -> CellResult:
    """Run the cell's steps, each on a machine switched on for it; writes and returns its result.

    A machine that cannot be reached, or a bundle that is not there, makes it ``infra``.
    """
    begun = time.monotonic()
    plan = planned_on(order.cell, order.slug, order.command, order.seed, Path(order.console).stem)
    carried = _Carried()
    try:
        model = load_console(order.console)
        plan = dataclasses.replace(plan, model=model.name)
        programs = programs_of(model, store_)
        bundle = read_bundle(Path(order.bundle))
        with _alone(model, store_):
            for step, name in zip(order.steps, order.lists, strict=True):
                _step(order, step, name, model, programs, bundle, directory, carried)
        result = _result(order, plan, carried, bundle, programs, model)
    except NvhError as error:
        result = plan.infra(str(error))
    result = dataclasses.replace(
        result, seconds=round(time.monotonic() - begun, 3), files=tuple(carried.files)
    )
    store.write_cell(result, directory)
    return result


@contextlib.contextmanager
def _alone(model: ConsoleModel, store_: Store) -> Iterator[None]:
    """A machine that is no program of ours is there once: cells take turns on it."""
    if model.qemu:
        yield
        return
    with store_.lock(f"console-{model.name}"):
        yield


def _step(
    order: ConsoleOrder,
    step: ConsoleStep,
    name: str,
    model: ConsoleModel,
    programs: Programs,
    bundle: Bundle,
    directory: Path,
    carried: _Carried,
) -> None:
    """Switch the machine on for one step, and add what its console says."""
    log = directory / f"console-{step.name}.log"
    options = [f"list={name}"]
    options += [f"seconds={step.seconds}"] if step.seconds else []
    options += [f"self-test={step.self_test}"] if step.self_test != NO_SELF_TEST else []
    options += [f"pressure={step.pressure}"] if step.pressure else []
    driven = drive(
        model,
        Path(order.bundle),
        log,
        options,
        programs=programs,
        mutant=bundle.kernel["mutant"],
        cpus=order.cell.stack.levels[Level.L0].cpus,
        timing=order.cell.stack.timing,
        most_s=order.cell.timeout,
    )
    data = log.read_bytes()
    carried.files.append(FileRef(log.name, "console", str(Level.L0)))
    if not data:
        raise InfraError(f"{model.name}: its console printed nothing ({driven.why})")
    found, run, doubt = by_cell.outcome(data, log.name, bundle)
    if doubt and driven.why != "the log's end":
        doubt = f"{driven.why}: {doubt}"
    single = len(order.steps) == 1
    for each in found:
        called = each.name if single else f"{each.name}-{step.name}"
        carried.findings.append(dataclasses.replace(each, name=called, where=str(step.where)))
    carried.runs[step.name], carried.doubts[step.name] = run, doubt
    output = directory / "output" / f"{step.name}.stdout"
    output.parent.mkdir(exist_ok=True)
    output.write_text(run.stdout, encoding="utf-8", errors="replace")
    carried.files.append(FileRef(f"output/{output.name}", "output", str(Level.L0)))


def _result(
    order: ConsoleOrder,
    plan: CellResult,
    carried: _Carried,
    bundle: Bundle,
    programs: Programs,
    model: ConsoleModel,
) -> CellResult:
    findings = [*_expected(order.cell, carried), *carried.findings]
    stack = order.cell.stack
    facts = {"bundle": bundle.id}
    if (self_test := together(step.self_test for step in order.steps)) != NO_SELF_TEST:
        facts[SELF_TEST] = self_test
    if stack.sanitize:
        facts[LEFT_OUT] = f"the sanitizer ({stack.sanitize}): the model is watched by no plugin"
    if bundle.kernel["mutant"]:
        facts["bundle mutant"] = bundle.kernel["mutant"]
    versions: Mapping[str, ArtefactVersion] = {
        "model": ArtefactVersion(model.version or programs.version, programs.sha256),
        f"kernel {Level.L0}": ArtefactVersion(
            bundle.kernel["release"], sha256_file(Path(order.bundle) / IMAGE)
        ),
        "bundle": ArtefactVersion(bundle.id),
    }
    verdict = of_cell(each.verdict for each in findings)
    return dataclasses.replace(
        plan, verdict=verdict, findings=tuple(findings), reason="", versions=versions, facts=facts
    )


def _expected(cell: Cell, carried: _Carried) -> Sequence[Finding]:
    """The scenario's own expectations, each by the log of the run that it is about."""
    seen = Observations(results=carried.runs)
    found = []
    for each in cell.expectations:
        assert isinstance(each, ResultCheck)
        run, doubt = carried.runs.get(each.run, RunResult(None)), carried.doubts.get(each.run, "")
        found += by_cell.expected([each], [check(each, seen)], run, doubt)
    return found


def main(argv: Sequence[str]) -> int:
    """Carry out the order in a directory; returns the exit status of its verdict."""
    end_with_parent()
    directory = Path(argv[0])
    return carry_out(read_order(directory), directory, Store()).verdict.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
