"""A recorded trace of one cell, cut to what its expectations need: a timeline with a note in its heading.

Recordings lie in ``corpus/`` beside the scenario, as ``SLUG.jsonl``: good ones, and any from a kernel with an
injected fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.check.evaluate import evaluate, event_names
from harness.check.finding import Finding
from harness.errors import InputError, Location, Problem
from harness.host.cache import write_atomic
from harness.scenario.language import Cell, Expectation
from harness.scenario.load import slug
from harness.trace import export
from harness.trace.timeline import Timeline

DIRECTORY = "corpus"
NOTE = "corpus"
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Recording:
    """What was seen of ``cell`` on a kernel with the injected fault ``mutant`` (empty: none).

    ``red``      names of the expectations that must fail; empty for a good trace
    ``kernels``  L0's kernel, the model and its timing, for whoever wonders where it comes from
    """

    cell: str
    timeline: Timeline
    mutant: str = ""
    red: tuple[str, ...] = ()
    origin: str = ""

    @property
    def good(self) -> bool:
        """Whether every expectation on events has to pass."""
        return not self.red


def on_events(cell: Cell) -> tuple[Expectation, ...]:
    """The expectations of the cell that a trace decides."""
    return tuple(each for each in cell.expectations if event_names([each]))


def judge(expectations: Sequence[Expectation], timeline: Timeline) -> list[Finding]:
    """What the expectations say of a trace alone."""
    return evaluate(expectations, timeline, {}, {})


def file_name(cell: str, mutant: str) -> str:
    """The name of a recording's file."""
    return f"{slug(cell)}{'.mutant=' + mutant if mutant else ''}.jsonl"


def files(scenario: Path, name: str) -> list[Path]:
    """The recordings beside a scenario's file."""
    directory = scenario.parent / DIRECTORY
    found = [path for path in directory.glob("*.jsonl") if path.name.partition(".")[0] == name]
    return sorted(found)


def write(recording: Recording, path: Path) -> None:
    """Write the recording; ``InputError`` when it is too large to be kept in git."""
    heading, *rest, _ = export.write(recording.timeline)
    note = {"cell": recording.cell, "mutant": recording.mutant, "red": list(recording.red)}
    first = json.loads(heading) | {NOTE: note | {"origin": recording.origin}}
    lines = export.sealed((json.dumps(first, separators=(",", ":")), *rest))
    text = "".join(f"{line}\n" for line in lines)
    if len(text) > MAX_BYTES:
        found = f"the recording has {len(text)} bytes"
        raise InputError([Problem(Location(str(path)), found, f"at most {MAX_BYTES}")])
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, text)


def read(path: Path) -> Recording:
    """Read a recording; ``InputError`` with all that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(Location(str(path)), f"cannot be read: {error}")]) from None
    lines = text.splitlines()
    timeline = export.read(lines, str(path))
    try:
        note = json.loads(lines[0])[NOTE]
        red = _words(note["red"])
        return Recording(str(note["cell"]), timeline, str(note["mutant"]), red, str(note["origin"]))
    except (KeyError, TypeError, ValueError) as error:
        problem = Problem(Location(str(path)), f"no note on the recording ({error!r})", "a recorded trace")
        raise InputError([problem]) from None


def _words(value: Iterable[object]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(value)
    return tuple(str(each) for each in value)
