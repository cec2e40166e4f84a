# SPDX-License-Identifier: GPL-2.0-only
"""The schema that editors read: that of the loader, with ``${name}`` allowed for every plain value.

The loader checks a scenario after it has put the matrix's values in; editors see the file as it is written.
``python -m harness.scenario.editor_schema`` writes ``editor-schema.json``, which shipped scenarios name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).with_name("schema.json")
PUBLISHED = Path(__file__).with_name("editor-schema.json")
PLACEHOLDER = {"type": "string", "pattern": r"\$\{[^}]+\}", "description": "a value of the matrix"}
SCALARS = {"integer", "number", "boolean", "string"}
MAPS = {"properties", "$defs", "patternProperties"}
SCHEMAS = {"items", "additionalProperties", "not"}
LISTS = {"oneOf", "anyOf", "allOf"}


def published(schema: dict[str, Any]) -> dict[str, Any]:
    """Return ``schema`` with a placeholder allowed wherever a number, a string or a boolean is."""
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in MAPS:
            result[key] = {name: published(each) for name, each in value.items()}
        elif key in SCHEMAS and isinstance(value, dict):
            result[key] = published(value)
        elif key in LISTS:
            result[key] = [published(each) for each in value]
        elif not key.startswith("x-"):
            result[key] = value
    kinds = result.get("type", [])
    scalar = bool(SCALARS & {kinds} if isinstance(kinds, str) else SCALARS & set(kinds)) or "enum" in result
    strict = scalar and (kinds != "string" or {"pattern", "enum", "const"} & set(result))
    return {"anyOf": [result, PLACEHOLDER]} if strict else result


def text() -> str:
    """Return the content of the published file."""
    schema = published(json.loads(SCHEMA.read_text(encoding="utf-8")))
    schema["description"] = (
        "A scenario of nvh, for editors; references between its parts are checked by nvh lint."
    )
    return json.dumps(schema, indent=1) + "\n"


if __name__ == "__main__":
    PUBLISHED.write_text(text(), encoding="utf-8")
