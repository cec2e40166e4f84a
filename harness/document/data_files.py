# SPDX-License-Identifier: GPL-2.0-only
"""Data files under images/: YAML checked against a JSON schema, every defect with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

from harness.document.yaml_reader import read
from harness.errors import InputError, Problem, closest


def load_document(path: Path, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping in ``path``; ``InputError`` with file:line:col for everything the schema refuses."""
    root = read(path)
    problems = []
    for error in jsonschema.Draft202012Validator(schema).iter_errors(root.plain()):
        node = root.at(error.absolute_path)
        if error.validator == "additionalProperties":
            known = list(error.schema.get("properties", {}))
            for key in set(node.map) - set(known):
                problems.append(Problem(node.keys[key], f"unknown key {key!r}", "", closest(key, known)))
        else:
            problems.append(node.problem(error.message))
    if problems:
        raise InputError(problems)
    plain: dict[str, Any] = root.plain()
    return plain
