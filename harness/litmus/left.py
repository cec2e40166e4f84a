# SPDX-License-Identifier: GPL-2.0-only
"""Populations of cells that have run, from their directories: compared with the table, or made rows of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.litmus import populations
from harness.litmus.counted import against, judge
from harness.litmus.population import Population, contradictions
from harness.litmus.population import populations as told
from harness.litmus.populations import Key, Table, expected_of
from harness.verdict import Verdict, worst

RESULT = "result.json"
MUTANT_KERNEL = "nv-mutants"


@dataclass(frozen=True, slots=True)
class LitmusOutputs:
    """What one cell left: its populations with the outputs that tell them, and what cannot be read of it."""

    cell: str
    found: tuple[tuple[Key, Population, str], ...]
    problems: tuple[str, ...] = ()


def cells_of(places: Sequence[Path]) -> list[LitmusOutputs]:
    """Read the cells below ``places``, by name. ``UserError`` when there is none.

    Cells of a kernel with injected faults are left out.
    """
    if gone := [str(place) for place in places if not place.is_dir()]:
        raise UserError(f"no directory {', '.join(gone)}: give directories of runs or of cells")
    results = sorted({path for place in places for path in place.rglob(RESULT)})
    if not results:
        raise UserError(f"no cell below {', '.join(map(str, places))}: give directories of runs or of cells")
    return sorted(filter(None, map(_left, results)), key=lambda each: each.cell)


def _left(result: Path) -> LitmusOutputs | None:
    try:
        data = json.loads(result.read_text(encoding="utf-8"))
        cell, model, kernel = str(data["id"]), str(data["model"]), str(data["kernels"]["l0"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{result} is not the result of a cell: {error!r}") from None
    if kernel == MUTANT_KERNEL:
        return None
    found: list[tuple[Key, Population, str]] = []
    problems = []
    for output in sorted((result.parent / "output").glob("*.stdout")):
        text = output.read_text(encoding="utf-8", errors="replace")
        try:
            each = told(text)
        except ValueError as error:
            problems.append(f"{output.name}: {error}")
            continue
        for run, population in zip(populations.number([output.stem] * len(each)), each, strict=True):
            found.append((Key(cell, model, kernel, run), population, text if len(each) == 1 else ""))
    return LitmusOutputs(cell, tuple(found), tuple(problems))


def compared(left: Sequence[LitmusOutputs], table: Table) -> Iterator[tuple[Key, Verdict, str]]:
    """Yield the verdict on each population, and on each row of these cells that no run told of."""
    for each in left:
        for key, population, text in each.found:
            yield key, *judge(key, population, text, table, shipped=True)
        seen = {key for key, _, _ in each.found}
        cells = {(key.cell, key.model, key.kernel) for key in seen}
        for key in sorted(set(table) - seen):
            if (key.cell, key.model, key.kernel) in cells:
                yield key, Verdict.FAIL, f"{key.run}: no population in its output"


def renewed(table: Table, left: Sequence[LitmusOutputs], shipped: Collection[str]) -> tuple[Table, list[str]]:
    """Return the table with the rows of these cells, and what was done with each, in words.

    A population that is not whole makes no row: cut short, in contradiction with its cases, or with cases
    that ended without a judgement. Rows of cells that are not among the ``shipped`` are dropped.
    """
    rows = {key: row for key, row in table.items() if key.cell in shipped}
    words = [f"dropped: {key.cell} is no more" for key in sorted(set(table) - set(rows))]
    for each in left:
        for key, population, text in each.found:
            about = f"{key.cell} {key.model} {key.kernel} {key.run}"
            wrong = list(_not_whole(key, population, text, shipped))
            if wrong:
                words.append(f"not written: {about}: {'; '.join(wrong)}")
            elif key not in rows:
                words.append(f"new: {about}: {population.judged} cases judged")
                rows[key] = expected_of(population)
            elif rows[key] != expected_of(population):
                same = worst(verdict for verdict, _ in against(population, rows[key])) is Verdict.PASS
                words.append(f"{'kept' if same else 'changed'}: {about}: {population.judged} cases judged")
                if not same:
                    rows[key] = expected_of(population)
    return rows, words or ["nothing to write"]


def _not_whole(key: Key, seen: Population, text: str, shipped: Collection[str]) -> Iterator[str]:
    if key.cell not in shipped:
        yield "no shipped scenario has this cell"
    if "/" in key.model or "/" in key.kernel:
        yield "its model or kernel is a file of your own"
    yield from contradictions(seen, text)
    if seen.cut:
        yield f"{seen.cut} cases cut"
    if seen.judged + seen.not_applicable != seen.run:
        yield f"{seen.run - seen.judged - seen.not_applicable} cases without a judgement"
    if not seen.judged:
        yield "nothing judged"
