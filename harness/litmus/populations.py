# SPDX-License-Identifier: GPL-2.0-only
"""The table of exact populations, ``scenarios/populations.csv``: reading, writing, what is expected."""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError, Location, Problem
from harness.host.cache import write_atomic
from harness.host.paths import SCENARIOS
from harness.litmus.population import EVIDENCE, KVM, LITMUS, PROGRAMS, Population

TABLE = SCENARIOS / "populations.csv"
TIMED = "timed"
REFERENCE_KERNEL = "nv"
REFERENCE_MODEL = "qemu"


@dataclass(frozen=True, order=True, slots=True)
class Key:
    """Whose population it is. ``run`` is the run's name; a second population of one run is ``name#2``.

    ``kernel`` is that of L0, ``model`` what the cell ran on: names, or paths of a user's own files.
    """

    cell: str
    model: str
    kernel: str
    run: str


@dataclass(frozen=True, slots=True)
class ExpectedPopulation:
    """What a run has to consist of. ``iterations`` is None where a time ends them (``--seconds``)."""

    program: str
    selected: int
    judged: int
    seen: int
    direct: int
    unobservable: int
    free: int
    lost: int
    iterations: int | None
    names: str
    reasons: Mapping[str, int]
    features: str


COLUMNS = ("cell", "model", "kernel", "run", *(each.name for each in dataclasses.fields(ExpectedPopulation)))
_NUMBERS = ("selected", "judged", *EVIDENCE, "lost")
Table = Mapping[Key, ExpectedPopulation]


def expected_of(seen: Population) -> ExpectedPopulation:
    """Return the row that ``seen`` makes."""
    made = seen.iterations if seen.program == KVM and seen.iterations == seen.asked else None
    return ExpectedPopulation(
        program=seen.program,
        iterations=0 if seen.program == LITMUS else made,
        names=seen.names,
        reasons=dict(sorted(seen.reasons.items())),
        features=seen.features,
        **{name: getattr(seen, name) for name in _NUMBERS},
    )


def read(path: Path = TABLE) -> Table:
    """Read a table; empty when there is none. ``InputError`` names each line that is wrong."""
    if not path.is_file():
        return {}
    problems: list[Problem] = []
    rows: dict[Key, ExpectedPopulation] = {}
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        head = next(lines, [])
        if tuple(head) != COLUMNS:
            raise InputError(
                [Problem(Location(str(path), 1), f"the columns {','.join(head)}", ",".join(COLUMNS))]
            )
        for words in lines:
            where = Location(str(path), lines.line_num)
            try:
                key, row = _row(words)
                if key in rows:
                    raise ValueError(
                        f"a second row of {key.cell} on {key.model} with {key.kernel}: {key.run}"
                    )
                rows[key] = row
            except ValueError as error:
                problems.append(Problem(where, str(error)))
    if problems:
        raise InputError(problems)
    return rows


@functools.lru_cache(maxsize=4)
def shipped(path: Path = TABLE) -> Table:
    """``read``, once in a process."""
    return read(path)


def _row(words: list[str]) -> tuple[Key, ExpectedPopulation]:
    if len(words) != len(COLUMNS):
        raise ValueError(f"{len(words)} columns, expected {len(COLUMNS)}")
    each = dict(zip(COLUMNS, words, strict=True))
    if each["program"] not in PROGRAMS:
        raise ValueError(f"unknown program {each['program']!r}")
    pairs = (item.rpartition(":") for item in each["reasons"].split(",") if item)
    return Key(each["cell"], each["model"], each["kernel"], each["run"]), ExpectedPopulation(
        program=each["program"],
        iterations=None if each["iterations"] == TIMED else int(each["iterations"]),
        names=each["names"],
        reasons={why: int(count) for why, _, count in pairs},
        features=each["features"],
        **{name: int(each[name]) for name in _NUMBERS},
    )


def write(table: Table, path: Path = TABLE) -> None:
    """Write a table, sorted, so that two tables differ in the lines of the cells that differ."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for key in sorted(table):
        row = table[key]
        values = {each.name: getattr(row, each.name) for each in dataclasses.fields(row)}
        values["iterations"] = TIMED if row.iterations is None else row.iterations
        values["reasons"] = ",".join(f"{why}:{count}" for why, count in row.reasons.items())
        lines.writerow([key.cell, key.model, key.kernel, key.run, *(values[name] for name in COLUMNS[4:])])
    write_atomic(path, text.getvalue())


def lookup(key: Key, features: str, table: Table) -> tuple[ExpectedPopulation | None, Key | None]:
    """Return what is expected of ``key``, and whose row that is; (None, None) when nothing is known.

    Without a row of its own, a cell of another model or kernel is expected to be what the reference is where
    L1 has the same features: the same model first, then the kernel and the model of the default run. Cells
    that differ in the matrix's ``model`` alone are one there.
    """
    if key in table:
        return table[key], key
    others = [
        each
        for each, row in table.items()
        if (_bare(each.cell), each.run) == (_bare(key.cell), key.run) and row.features == features
    ]
    if not others:
        return None, None
    best = min(
        others,
        key=lambda k: (k.model != key.model, k.kernel != REFERENCE_KERNEL, k.model != REFERENCE_MODEL, k),
    )
    return table[best], best


def _bare(cell: str) -> str:
    """The cell's id without its model."""
    scenario, bracket, params = cell.partition("[")
    rest = [each for each in params.removesuffix("]").split(",") if not each.startswith("model=")]
    return f"{scenario}[{','.join(rest)}]" if bracket and rest else scenario


def alike(key: Key, table: Table) -> bool:
    """Whether the table has a row of this cell's run on some model and kernel."""
    return any((_bare(each.cell), each.run) == (_bare(key.cell), key.run) for each in table)


def number(runs: Iterable[str]) -> list[str]:
    """Return names of the populations of runs: the second one of a run is ``name#2``."""
    counted: dict[str, int] = {}
    names = []
    for run in runs:
        counted[run] = counted.get(run, 0) + 1
        names.append(run if counted[run] == 1 else f"{run}#{counted[run]}")
    return names
