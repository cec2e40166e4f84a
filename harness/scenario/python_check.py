# SPDX-License-Identifier: GPL-2.0-only
"""``python``: the file beside the scenario that a ``python`` expectation names, read and checked, never run.

The file counts from the scenario's own place, so that a copy of a scenario takes its Python along.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from harness.document.nodes import Node, listing, shown
from harness.errors import Problem, closest
from harness.scenario.step_rules import missing_file

MAX_BYTES = 256 * 1024


def file_of(item: Node) -> Path:
    """The file that the expectation names, beside the file that the expectation stands in."""
    return Path(item.where.path).parent / (item.word("file") or "")


def source_of(item: Node) -> str:
    """The file's text; ``OSError`` or ``UnicodeDecodeError`` when it cannot be read."""
    with file_of(item).open("rb") as stream:
        return stream.read(MAX_BYTES).decode("utf-8")


def function_of(item: Node) -> str:
    """The function's name: as said, or the expectation's with underscores for dashes and dots."""
    name = (item.word("python") or "").replace("-", "_").replace(".", "_")
    return item.word("function") or name


def check(item: Node) -> Iterator[Problem]:
    """The file is there, is Python, and has the function at its top level with one parameter."""
    file = item.map.get("file")
    if file is None or not file.text or not file.text.endswith(".py") or "/" in file.text:
        return  # told by the shape
    path = file_of(item)
    missing = list(missing_file(file, file.text, path.parent, "a Python file"))
    yield from missing
    if missing:
        return
    try:
        if path.stat().st_size > MAX_BYTES:
            yield file.problem(f"{shown(file.text)} is too large", f"at most {MAX_BYTES} bytes")
            return
        tree = ast.parse(source_of(item), str(path))
    except SyntaxError as error:
        at = f"{path}:{error.lineno or 1}:{error.offset or 1}"
        yield file.problem(f"{at}: {error.msg}", "a Python file")
        return
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        yield file.problem(f"{shown(file.text)} cannot be read as Python ({error})", "a file in UTF-8")
        return
    wanted = function_of(item)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    place = item.map.get("function", item.map["python"])
    if wanted not in functions:
        expected = listing(sorted(functions)) if functions else f"def {wanted}(seen): in it"
        yield place.problem(
            f"no function {shown(wanted)} in {file.text}", expected, closest(wanted, functions)
        )
    elif len(functions[wanted].args.posonlyargs + functions[wanted].args.args) != 1:
        found = f"{path}:{functions[wanted].lineno}: {wanted} does not take exactly one parameter"
        yield place.problem(found, f"def {wanted}(seen):")
