# SPDX-License-Identifier: GPL-2.0-only
"""Files that mean a scenario without being YAML: a program is a cell (docs/programs.md)."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

from harness.document import yaml_reader
from harness.document.nodes import Node
from harness.errors import Location, Problem

COLLECTED = (".yaml", ".nvl")
"""What directories of scenarios are searched for."""
_FORMATS = {".nvl": "harness.reproduce.programs.corpus", ".txt": "harness.reproduce.programs.corpus"}
"""Suffix to the module whose ``scenario(path)`` gives the scenario as YAML, and the line that it stands for.

By name: the language of scenarios does not depend on what is built upon it.
"""


def is_other(path: Path) -> bool:
    """Whether ``path`` is no YAML file."""
    return path.suffix in _FORMATS


def yaml_of(path: Path) -> tuple[str, int]:
    """The scenario that ``path`` means, and the line where it begins; ``InputError`` for a wrong file."""
    text, line = importlib.import_module(_FORMATS[path.suffix]).scenario(path)
    return str(text), int(line)


def examine(path: Path) -> tuple[Node, list[Problem]]:
    """The tree of ``path``, and what is refused in it; places are of the file as it was written."""
    if not is_other(path):
        return yaml_reader.examine(path)
    text, line = yaml_of(path)
    root, problems = yaml_reader.examine_text(path, text)
    return _placed(root, Location(str(path), line)), problems


def copy(path: Path, target: Path) -> None:
    """Leave the scenario of ``path`` as YAML in ``target``."""
    if is_other(path):
        target.write_text(yaml_of(path)[0], encoding="utf-8")
    else:
        target.write_bytes(path.read_bytes())


def _placed(node: Node, where: Location) -> Node:
    """The tree with one place for all of it: there is no line of the file for each of its values."""
    value = node.value
    if isinstance(value, list):
        value = [_placed(item, where) for item in value]
    elif isinstance(value, dict):
        value = {key: _placed(item, where) for key, item in value.items()}
    return dataclasses.replace(node, where=where, value=value, keys=dict.fromkeys(node.keys, where), raw="")
