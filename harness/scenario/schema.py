# SPDX-License-Identifier: GPL-2.0-only
"""The shape of a scenario: schema.json over the node tree (harness/document/shape.py)."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

from jsonschema.protocols import Validator

from harness.document import shape
from harness.document.nodes import Node
from harness.errors import Problem


@functools.cache
def document() -> dict[str, Any]:
    """The JSON schema as shipped (draft 2020-12)."""
    loaded: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    )
    return loaded


@functools.cache
def _validator(part: str) -> Validator:
    whole = shape.validator(document())
    return whole.evolve(schema={"$ref": f"#/{part}"}) if part else whole


def problems(node: Node, part: str = "") -> list[Problem]:
    """All that is wrong with the shape of ``node``.

    ``part`` is a path into the schema (``$defs/step``) when ``node`` is only a part of a scenario.
    """
    return shape.problems(_validator(part), node)
