# SPDX-License-Identifier: GPL-2.0-only
"""The way in: files and directories to cells, cells by id, and file names for cells."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.document.nodes import shown
from harness.errors import InputError, Location, Problem, UserError, closest
from harness.scenario.language import Cell
from harness.scenario.other_formats import COLLECTED
from harness.scenario.scenario import NO_OVERRIDES, Overrides, Scenario, load
from harness.scenario.vocabulary import Vocabulary

_SLUG_LENGTH = 64  # short enough for a UNIX socket below it, whose path has at most 107 bytes
_PLAIN_ID = re.compile(
    r"([a-z0-9-]+)(?:\[([A-Za-z0-9_-]+=[A-Za-z0-9_-]+(?:,[A-Za-z0-9_-]+=[A-Za-z0-9_-]+)*)\])?"
)


def load_file(path: Path | str, vocabulary: Vocabulary, overrides: Overrides = NO_OVERRIDES) -> list[Cell]:
    """The cells of one scenario file in matrix order.

    Raises ``InputError`` with all problems of the file, ``UserError`` for an unknown override.
    """
    overrides.check(vocabulary)
    return list(load(Path(path), vocabulary, overrides).cells)


def load_paths(
    paths: Iterable[Path | str], vocabulary: Vocabulary, overrides: Overrides = NO_OVERRIDES
) -> list[Cell]:
    """The cells of files and of all ``*.yaml`` and ``*.nvl`` below directories, in sorted order.

    Raises one ``InputError`` with the problems of all files; two scenarios of one name are a problem.
    """
    overrides.check(vocabulary)
    problems: list[Problem] = []
    see = ""
    scenarios: dict[str, Scenario] = {}
    cells: list[Cell] = []
    for path in scenario_files(paths, problems):
        try:
            loaded = load(path, vocabulary, overrides)
        except InputError as error:
            problems += error.problems
            see = see or error.see
            continue
        if (first := scenarios.get(loaded.name)) is not None:
            found = f"a second scenario {shown(loaded.name)}"
            expected = f"a name of its own (first at {first.root.map['scenario'].where})"
            problems.append(loaded.root.map["scenario"].problem(found, expected))
        scenarios.setdefault(loaded.name, loaded)
        cells += loaded.cells
    if problems:
        raise InputError(problems, see)
    return cells


def scenario_files(paths: Iterable[Path | str], problems: list[Problem]) -> list[Path]:
    """Directories replaced by the scenario files below them; each file once, in the order given."""
    files: dict[Path, Path] = {}
    for given in paths:
        path = Path(given)
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for names that cannot be
            below = sorted(file for file in path.rglob("*") if file.suffix in COLLECTED and not file.is_dir())
            if not below:
                problems.append(
                    Problem(Location(str(path)), "a directory without scenarios", "*.yaml below it")
                )
        else:
            below = [path]
        for file in below:
            files.setdefault(file.absolute(), file)
    return list(files.values())


def load_cell(path: Path | str, cell_id: str, vocabulary: Vocabulary) -> Cell:
    """One cell of a scenario file, by its exact id."""
    cells = load_file(path, vocabulary)
    for cell in cells:
        if cell.id == cell_id:
            return cell
    raise UserError(_unmatched(cell_id, cells, f"cell in {path}"))


def select(cells: Sequence[Cell], patterns: Sequence[str]) -> list[Cell]:
    """The cells that any pattern picks, in their own order; all cells when there is no pattern.

    A pattern is an id or scenario name, else a glob over ids (``*`` and ``?``; brackets are literal), else
    a part of ids. ``UserError`` names every pattern that picks nothing, with the closest id.
    """
    if not patterns:
        return list(cells)
    picked: set[str] = set()
    unmatched: list[str] = []
    for pattern in patterns:
        ids = _matching(cells, pattern)
        if not ids:
            unmatched.append(_unmatched(pattern, cells, "cell"))
        picked |= ids
    if unmatched:
        raise UserError("\n".join(unmatched))
    return [cell for cell in cells if cell.id in picked]


def _matching(cells: Sequence[Cell], pattern: str) -> set[str]:
    exact = {cell.id for cell in cells if pattern in (cell.id, cell.scenario)}
    if exact or not pattern:
        return exact
    if "*" in pattern or "?" in pattern:
        glob = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
        return {cell.id for cell in cells if glob.fullmatch(cell.id)}
    return {cell.id for cell in cells if pattern in cell.id}


def _unmatched(pattern: str, cells: Sequence[Cell], what: str) -> str:
    near = closest(pattern, [cell.id for cell in cells]) or closest(
        pattern, sorted({cell.scenario for cell in cells})
    )
    hint = f"; did you mean {near!r}?" if near else "; `nvh run --list` lists them"
    return f"no {what} is named or matched by {shown(pattern)}{hint}"


def slug(cell_id: str) -> str:
    """A file name for a cell: ``name.key=value.key=value``, at most 64 characters of ``A-Za-z0-9._=-``.

    Different ids have different slugs: one that loses something of its id ends in a hash of it.
    """
    match = _PLAIN_ID.fullmatch(cell_id)
    if match is not None and not cell_id.startswith("-"):
        plain = ".".join(part.replace(",", ".") for part in match.groups() if part)
        if len(plain) <= _SLUG_LENGTH:
            return plain
    safe = re.sub(r"[^A-Za-z0-9._=-]+", ".", cell_id).lstrip(".-=") or "cell"
    digest = hashlib.sha256(cell_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: _SLUG_LENGTH - 9]}.{digest}"
