# SPDX-License-Identifier: GPL-2.0-only
"""Console models: anything that runs a bundle and has a serial console; a file in ``images/consoles``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.document.data_files import load_document
from harness.errors import UserError
from harness.host.paths import find_data_file

KIND = "consoles"
WORDS = {"type": "array", "minItems": 1, "items": {"type": "string"}}
LINE = re.compile(
    r"pipe|pty|(?:tcp|telnet):(?P<host>[^:]+|\[[^\]]+\]):(?P<port>[0-9]{1,5})|unix:(?P<path>.+)"
)
LINES = "pipe, pty, tcp:HOST:PORT, telnet:HOST:PORT or unix:PATH"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["console", "summary", "line", "slowdown"],
    "additionalProperties": False,
    "properties": {
        "console": {"type": "string", "minLength": 1},
        "summary": {"type": "string", "minLength": 1},
        "version": {"type": "string"},
        "qemu": {"type": "string", "minLength": 1},
        "command": WORDS,
        "power-on": WORDS,
        "power-off": WORDS,
        "dialogue": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["ready", "send"],
                "additionalProperties": False,
                "properties": {"ready": {"type": "string", "minLength": 1}, "send": {"type": "string"}},
            },
        },
        "kernel-console": {"type": "string", "pattern": "^[A-Za-z0-9,]+$"},
        "line": {"type": "string", "minLength": 1},
        "slowdown": {"type": "number", "exclusiveMinimum": 0},
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


@dataclass(frozen=True, slots=True)
class Turn:
    """What is typed once a pattern has come."""

    ready: re.Pattern[str]
    send: str


@dataclass(frozen=True, slots=True)
class ConsoleModel:
    """A file of ``images/consoles``. ``qemu``: the model whose launcher ``{qemu}`` is; empty for none.

    ``line`` is ``pipe`` or ``pty`` of ``command``, or where the console is: ``tcp:…``, ``telnet:…``,
    ``unix:…``. ``slowdown`` multiplies every deadline.
    """

    name: str
    version: str
    qemu: str
    command: tuple[str, ...]
    power_on: tuple[str, ...]
    power_off: tuple[str, ...]
    dialogue: tuple[Turn, ...]
    kernel_console: str
    line: str
    slowdown: float
    environment: Mapping[str, str]

    def words(self, words: Sequence[str], values: Mapping[str, str], launcher: Sequence[str]) -> list[str]:
        """Return a command: ``{qemu}`` becomes the launcher's words, other placeholders their value."""
        found: list[str] = []
        for word in words:
            found += launcher if word == "{qemu}" else [fill(word, values)]
        return found


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace ``{bundle}``, ``{append}`` and ``{options}``; any other brace stays."""
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def load_console(name: str) -> ConsoleModel:
    """Load ``images/consoles/<name>.yaml`` or the file at a path; ``InputError`` names every defect."""
    file = find_data_file(KIND, name)
    data = load_document(file, SCHEMA)
    command = tuple(data.get("command", ()))
    if not LINE.fullmatch(data["line"]):
        raise UserError(f"{file}: line: {data['line']!r}; expected {LINES}")
    if data["line"] in ("pipe", "pty") and not command:
        raise UserError(f"{file}: line {data['line']} is that of a command; say which with `command:`")
    if "{qemu}" in command and "qemu" not in data:
        raise UserError(f"{file}: {{qemu}} is the launcher of a model; say which with `qemu:`")
    return ConsoleModel(
        data["console"],
        data.get("version", ""),
        data.get("qemu", ""),
        command,
        tuple(data.get("power-on", ())),
        tuple(data.get("power-off", ())),
        tuple(_turn(file, row) for row in data.get("dialogue", ())),
        data.get("kernel-console", "ttyAMA0"),
        data["line"],
        float(data["slowdown"]),
        dict(data.get("environment", {})),
    )


def _turn(file: Path, row: Mapping[str, str]) -> Turn:
    try:
        return Turn(re.compile(row["ready"], re.MULTILINE), row["send"])
    except re.error as error:
        raise UserError(f"{file}: ready: {row['ready']!r} is no regular expression: {error}") from error
