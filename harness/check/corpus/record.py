"""From the directory of a cell that ran to a recording beside its scenario."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.check.corpus.cut import cut
from harness.check.corpus.recording import DIRECTORY, Recording, file_name, judge, on_events, write
from harness.errors import InputError, NvhError, UserError
from harness.host.paths import ROOT, SCENARIOS
from harness.level import Level
from harness.scenario.load import load_cell
from harness.scenario.vocabulary import Vocabulary
from harness.trace import export
from harness.trace.clock import ClockRelation
from harness.trace.from_raw import RawTrace, build_timeline
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

JOB, TIMELINE = "cell.json", "timeline.jsonl"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one cell's directory: the file written, or (``why``) why there is none."""

    directory: Path
    file: Path | None = None
    events: int = 0
    why: str = ""


def cells(places: Sequence[Path]) -> Iterator[Path]:
    """The directories of cells among ``places``, which are cells or runs; ``UserError`` for anything else."""
    for place in places:
        found = sorted(path.parent for path in place.glob(f"cells/*/{JOB}"))
        if (place / JOB).is_file():
            found = [place]
        if not found:
            raise UserError(f"{place} is neither the directory of a cell nor that of a run: no {JOB} in it")
        yield from found


def record(places: Sequence[Path], vocabulary: Vocabulary) -> Iterator[Recorded]:
    """Record every cell among ``places``; of several good cells of one scenario, the first.

    A cell named by itself is always recorded.
    """
    named = {place.resolve() for place in places}
    done: set[str] = set()
    for directory in cells(places):
        try:
            job: dict[str, Any] = json.loads((directory / JOB).read_text(encoding="utf-8"))
            cell = job["cell"]
            mutant = str(cell["mutant"])
            key = f"{cell['path']} {mutant}"
            if key in done and directory.resolve() not in named:
                continue
            recorded = _record(directory, job, mutant, vocabulary)
            if recorded.file is not None:
                done.add(key)
            yield recorded
        except (OSError, KeyError, TypeError, ValueError) as error:
            yield Recorded(directory, why=f"{JOB}: {error!r}")
        except NvhError as error:
            yield Recorded(directory, why=str(error))


def _record(directory: Path, job: dict[str, Any], mutant: str, vocabulary: Vocabulary) -> Recorded:
    path, cell_id = Path(job["cell"]["path"]), str(job["cell"]["id"])
    for end in (f",mutant={mutant}]", f"[mutant={mutant}]"):
        if mutant and cell_id.endswith(end):
            cell_id = cell_id.removesuffix(end) + ("]" if end[0] == "," else "")
    scenario = _here(path)
    cell = load_cell(scenario, cell_id, vocabulary)
    expectations = on_events(cell)
    if not expectations:
        return Recorded(directory, why="expects nothing of a trace")
    timeline = read_timeline(directory)
    findings = judge(expectations, timeline)
    red = tuple(each.name for each in findings if each.verdict is Verdict.FAIL)
    wrong = [f"{each.name} is {each.verdict.value}" for each in findings if each.verdict is not Verdict.PASS]
    if mutant and not red:
        return Recorded(directory, why=f"no expectation on events notices {mutant}")
    if not mutant and wrong:
        return Recorded(directory, why=f"not a good trace: {', '.join(wrong)}")
    small = cut(timeline, expectations)
    origin = f"{job['images']['model']['version']}, {cell.stack.levels[Level.L0].kernel}, {cell.stack.timing}"
    file = scenario.parent / DIRECTORY / file_name(cell_id, mutant)
    write(Recording(cell_id, small, mutant, red, origin), file)
    return Recorded(directory, file, len(small.events))


def _here(path: Path) -> Path:
    """The scenario's file: where the cell found it, or at the same place below this project."""
    if SCENARIOS.name in path.parts and not path.is_relative_to(ROOT):
        below = ROOT.joinpath(*path.parts[len(path.parts) - path.parts[::-1].index(SCENARIOS.name) - 1 :])
        if below.is_file():
            return below
    return path


def read_timeline(directory: Path) -> Timeline:
    """The cell's timeline; one of another version is built again from the raw traces beside it."""
    path = directory / TIMELINE
    try:
        with path.open(encoding="utf-8") as stream:
            return export.read(stream, str(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    except InputError:
        raw = {
            level: RawTrace(setup.read_text(), trace.read_text())
            for level in Level
            if (trace := directory / f"{level}.trace.txt").is_file()
            and (setup := directory / f"{level}.setup.log").is_file()
        }
        if not raw:
            raise
        return build_timeline(raw, _clocks(path))


def _clocks(path: Path) -> dict[Level, ClockRelation]:
    """The clock relations of a heading of any version."""
    with path.open(encoding="utf-8") as stream:
        heading = json.loads(stream.readline())
    return {
        Level.parse(level): ClockRelation(each["offset_ns"], each["error_ns"], tuple(each["doubts"]))
        for level, each in heading["clocks"].items()
    }
