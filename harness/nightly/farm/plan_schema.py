# SPDX-License-Identifier: GPL-2.0-only
"""What may stand in a plan, as a JSON schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.document.nodes import listing
from harness.scenario.defaults import SANITIZERS

NAME = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 1, "maximum": 1000}
FILTER = {"cells": NAME, "model": NAME, "kernel": NAME}
"""Keys of a row that say which of the cells it is for."""


def _rows(required: Sequence[str], **more: Any) -> dict[str, Any]:
    item = {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {**FILTER, **more},
    }
    return {"type": "array", "items": item}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["plan", "models", "kernels"],
    "additionalProperties": False,
    "properties": {
        "plan": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9-]*$",
            "x-expected": "a name of lower-case letters, digits and dashes",
        },
        "summary": {"type": "string"},
        "models": {
            "type": "array",
            "minItems": 1,
            "items": {
                "anyOf": [
                    NAME,
                    {
                        "type": "object",
                        "required": ["model"],
                        "additionalProperties": False,
                        "properties": {
                            "model": NAME,
                            "instead-of": {"type": "object", "additionalProperties": NAME},
                        },
                    },
                ]
            },
        },
        "kernels": {"type": "array", "minItems": 1, "items": NAME},
        "timing": NAME,
        "scenarios": {"type": "array", "minItems": 1, "items": NAME},
        "budget": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "properties": {
                "hours": {"type": "number", "exclusiveMinimum": 0},
                "cells": {"type": "integer", "minimum": 1},
            },
        },
        "check-models": {"enum": ["bare"], "x-expected": "bare"},
        "repeats": COUNT,
        "confirm": {"type": "integer", "minimum": 0, "maximum": 20},
        "repeat": _rows(["times"], times=COUNT),
        "sanitize": _rows(["what"], what={"enum": list(SANITIZERS), "x-expected": listing(SANITIZERS)}),
        "priorities": _rows(["priority"], priority={"type": "integer", "minimum": -1000, "maximum": 1000}),
        "exclude": _rows(["reason"], reason=NAME),
    },
}
