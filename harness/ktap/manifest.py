# SPDX-License-Identifier: GPL-2.0-only
"""What a bundle says of itself: ``MANIFEST.json``, the cases that there are, and lists of them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from harness.errors import UserError

FORMAT = 2
MANIFEST = "MANIFEST.json"
CASES = "cases.txt.gz"
LISTS = "lists"
DEFAULT_LIST = "default"
TEXT = {"type": "string", "minLength": 1}
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
COUNT = {"type": "integer", "minimum": 0}
POPULATION = {
    "type": "object",
    "required": ["cases", "names"],
    "additionalProperties": False,
    "properties": {"cases": COUNT, "names": {"type": "string", "pattern": "^[0-9a-f]{16}$"}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["format", "id", "nvh", "kernel", "files", "cases", "lists", "bare", "commands"],
    "additionalProperties": False,
    "properties": {
        "format": {"const": FORMAT},
        "id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "nvh": {
            "type": "object",
            "required": ["version", "commit"],
            "additionalProperties": False,
            "properties": {"version": TEXT, "commit": {"type": "string"}},
        },
        "kernel": {
            "type": "object",
            "required": ["name", "release", "sha256", "mutant"],
            "additionalProperties": False,
            "properties": {"name": TEXT, "release": TEXT, "sha256": SHA256, "mutant": {"type": "string"}},
        },
        "files": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["sha256", "bytes"],
                "additionalProperties": False,
                "properties": {"sha256": SHA256, "bytes": COUNT},
            },
        },
        "cases": {
            "type": "object",
            "required": ["all", "families"],
            "additionalProperties": False,
            "properties": {
                "all": POPULATION,
                "families": {"type": "object", "additionalProperties": POPULATION},
            },
        },
        "lists": {"type": "object", "additionalProperties": POPULATION},
        "bare": {
            "type": "object",
            "required": ["board", "groups"],
            "additionalProperties": False,
            "properties": {"board": TEXT, "groups": {"type": "array", "items": TEXT, "minItems": 1}},
        },
        "commands": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["machine", "command"],
                "additionalProperties": False,
                "properties": {"machine": TEXT, "command": TEXT},
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Known:
    """A case that the bundle has. ``provoked``: it hangs on purpose, and runs only when a glob names it."""

    name: str
    cpus: int
    provoked: bool = False

    @property
    def family(self) -> str:
        """The part of the name before the first slash."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle's manifest as data, its cases by name, in the order of nvh-litmus, and its lists."""

    id: str
    manifest: Mapping[str, Any]
    cases: Mapping[str, Known]
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def kernel(self) -> Mapping[str, str]:
        """``name``, ``release``, ``sha256`` and ``mutant`` of its L0 kernel."""
        found: Mapping[str, str] = self.manifest["kernel"]
        return found


def read_bundle(directory: Path) -> Bundle:
    """Read a bundle's directory; ``UserError`` says what is missing, damaged or of another format."""
    path = directory / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name the directory that `nvh bundle` made") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}; make the bundle again") from error
    if isinstance(data, dict) and data.get("format") != FORMAT:
        raise UserError(f"{path}: format {data.get('format')!r:.40}; this nvh reads format {FORMAT}")
    checker = jsonschema.Draft202012Validator(SCHEMA)
    errors = sorted(checker.iter_errors(data), key=lambda error: list(map(str, error.absolute_path)))
    if errors:
        told = "\n".join(f"{path}: {error.json_path}: {error.message[:200]}" for error in errors)
        raise UserError(told)
    cases = _cases(directory / CASES)
    lists = {name: frozenset(_text(directory / LISTS / name).split()) for name in data["lists"]}
    return Bundle(data["id"], data, cases, lists)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}; the bundle is incomplete: make it again") from error


def _cases(path: Path) -> Mapping[str, Known]:
    try:
        text = gzip.decompress(path.read_bytes()).decode()
        rows = [line.split() for line in text.splitlines()]
        return {name: Known(name, int(cpus), kind == "provoked") for name, cpus, kind in rows}
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: {error}; the bundle is incomplete: make it again") from error


def cases_text(cases: Mapping[str, Known]) -> str:
    """Return what ``CASES`` holds, unpacked: name, vCPUs and ``plain`` or ``provoked`` of each case."""
    return "".join(
        f"{each.name} {each.cpus} {'provoked' if each.provoked else 'plain'}\n" for each in cases.values()
    )
