# SPDX-License-Identifier: GPL-2.0-only
"""Checked programs on a machine: nested, as a cell, or bare; what was seen, and shorter ones."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from harness.errors import Broken, InfraError, NvhError, UserError
from harness.host.cache import Store
from harness.host.paths import RUNS
from harness.program.allowed import allowed_of
from harness.program.program import Host, InitialMemory, Program
from harness.report.progress import Progress
from harness.report.results import CellResult
from harness.report.store import CELLS
from harness.reproduce.hunt.alone import DISASTERS, ProgramRunner, alone
from harness.reproduce.hunt.bare import PROGRAM, BareTarget, build_bare
from harness.reproduce.hunt.keep import RUN
from harness.reproduce.hunt.program_findings import ProgramFinding, parse_results
from harness.reproduce.hunt.shrink import RUNS_MAX, Shrinker
from harness.reproduce.hunt.target import Target
from harness.reproduce.programs.checker import Checked
from harness.reproduce.programs.seen import BARE, NESTED, ObservedProgram, judged
from harness.runner.prepare import Builder
from harness.runner.project import vocabulary
from harness.runner.run import RunSpec, run_cells
from harness.runner.snapshots import Snapshots
from harness.scenario.language import Cell
from harness.scenario.load import load_file, slug
from harness.scenario.scenario import Overrides
from harness.verdict import Verdict


def cell_of(path: Path, overrides: Overrides) -> Cell:
    """The one cell of a file of programs."""
    (cell,) = load_file(path, vocabulary(), overrides)
    return cell


def nested(
    files: Mapping[Path, Sequence[Checked]], overrides: Overrides, console: Console, out: Path | None
) -> dict[tuple[Path, str], ObservedProgram]:
    """Run each file as a cell; what each program saw, by file and name.

    Of a cell that came to no outcome ``Broken`` says what broke, ``InfraError`` that nvh or its host failed.
    """
    cells = {path: cell_of(path, overrides) for path in files}
    wanted = RunSpec(list(cells.values()), overrides=overrides, out=out)
    summary, directory = run_cells(wanted, console)
    results = {result.id: result for result in summary.cells}
    found: dict[tuple[Path, str], ObservedProgram] = {}
    for path, cell in cells.items():
        result = results[cell.id]
        place = directory / CELLS / slug(cell.id)
        text = "".join(
            each.read_text(errors="replace") for each in sorted(place.glob(f"output/*{RUN}*stdout"))
        )
        outcomes = {outcome.name: outcome for outcome in parse_results(text)}
        for checked in files[path]:
            if checked.name not in outcomes:
                raise without_outcome(f"{path}: {checked.name}", result, place)
            found[path, checked.name] = with_cell(judged(checked, NESTED, outcomes[checked.name]), result)
    return found


def without_outcome(what: str, result: CellResult, place: Path) -> NvhError:
    """The error of a program of which the cell has no outcome: red where something under test is to blame."""
    text = f"{what} came to no outcome: {result.verdict.value}: {result.headline} ({place})"
    red = [each for each in result.findings if each.verdict is Verdict.FAIL]
    if result.verdict is Verdict.FAIL and red:
        return Broken(text, kind=red[0].kind, name=red[0].name)
    return InfraError(text)


def with_cell(seen: ObservedProgram, result: CellResult) -> ObservedProgram:
    """What a program saw, with what else the cell says: a splat, say, or that nvh's host failed."""
    if seen.verdict != "pass" or result.verdict is Verdict.PASS:
        return seen
    return replace(seen, verdict=result.verdict.value, why=result.headline)


def bare_target(cell: Cell, progress: Progress) -> BareTarget:
    """The bare machine of a cell's model."""
    builder = Builder(Store(), progress)
    images = builder.images(cell.stack)
    return BareTarget(images, cell.stack, build_bare(builder.store).path / PROGRAM)


def why_not_bare(program: Program) -> str:
    """What the bare machine has not; empty when it has all."""
    if program.world.hide:
        return "it hides no feature"
    return "it has no VMM" if any(isinstance(action, Host) for action in program.actions) else ""


def bare(
    files: Mapping[Path, Sequence[Checked]], overrides: Overrides, console: Console
) -> dict[tuple[Path, str], ObservedProgram]:
    """The same at true EL2, with no kernel. ``UserError`` for a program that needs one."""
    found: dict[tuple[Path, str], ObservedProgram] = {}
    targets: dict[str, BareTarget] = {}
    with Progress(console) as progress:
        for path, programs in files.items():
            cell = cell_of(path, overrides)
            if cell.stack.model not in targets:
                targets[cell.stack.model] = bare_target(cell, progress)
            target = targets[cell.stack.model]
            for checked in programs:
                if why := why_not_bare(checked.program):
                    raise UserError(
                        f"{path}:{checked.first}: {checked.name}: not for the bare machine: {why}"
                    )
            left = target.run("".join(checked.script() for checked in programs))
            outcomes = {outcome.name: outcome for outcome in left.outcomes}
            for checked in programs:
                if checked.name not in outcomes:
                    raise InfraError(f"{path}: nothing was said of {checked.name} on the bare machine")
                found[path, checked.name] = judged(checked, BARE, outcomes[checked.name])
    return found


@dataclass(frozen=True, slots=True)
class Shorter:
    """A failing program made short; ``finding`` None: alone it did not fail again."""

    program: Program
    finding: ProgramFinding | None
    runs: int


def shrink(path: Path, checked: Checked, where: str, overrides: Overrides, console: Console) -> Shorter:
    """Make a program that failed at ``where`` short, each candidate run alone in a VM of its own."""
    cell = cell_of(path, overrides)
    with Progress(console) as progress:
        if where == BARE:
            return _shrink(bare_target(cell, progress), checked)
        images = Builder(Store(), progress).images(cell.stack, bool(cell.stack.sanitize))
    RUNS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shrink-", dir=RUNS) as place:
        watched = bool(cell.stack.sanitize)
        snapshots = Snapshots(Store())
        with Target(images, cell.stack, snapshots, Path(place), cell.mutant, watched) as target:
            return _shrink(target, checked)


def _shrink(target: ProgramRunner, checked: Checked) -> Shorter:
    found = alone(target, checked.program)
    if found is None or found.saw in DISASTERS:
        return Shorter(checked.program, found, 1)
    shrunk = Shrinker(lambda program: alone(target, program), RUNS_MAX).shrink(checked.program, found)
    return Shorter(trimmed(shrunk.program), shrunk.finding, shrunk.runs + 1)


def trimmed(program: Program) -> Program:
    """Without the words of memory that no access of it can tell."""
    memory = program.memory
    if memory is None:
        return program
    want = allowed_of(program)
    for pa, _ in memory.words:
        fewer: InitialMemory = replace(memory, words=tuple(word for word in memory.words if word[0] != pa))
        if allowed_of(replace(program, memory=fewer)) == want:
            memory = fewer
    return replace(program, memory=memory)
