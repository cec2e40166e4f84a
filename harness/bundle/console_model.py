# SPDX-License-Identifier: GPL-2.0-only
"""Console models: anything that runs a bundle and has a serial console; a file in ``images/consoles``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.document.data_files import Document
from harness.document.nodes import shown
from harness.errors import UserError, closest
from harness.host.paths import data_names, find_data_file
from harness.scenario.walks import FEW, WHOLE

KIND = "consoles"
SEE = "docs/anywhere.md"
WORDS = {"type": "array", "minItems": 1, "items": {"type": "string"}}
LINE = re.compile(
    r"pipe|pty|(?:tcp|telnet):(?P<host>[^:]+|\[[^\]]+\]):(?P<port>[0-9]{1,5})|unix:(?P<path>.+)"
)
QEMU = "{qemu}"
CHOICE = ("{append}", "{options}")
"""Placeholders by which a bundle is told what to run."""
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
        "contexts": {"enum": [WHOLE, FEW]},
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
    ``unix:…``. ``slowdown`` multiplies every deadline. ``few_contexts``: KVM takes very long there to walk a
    whole shadow context (harness/scenario/walks.py).
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
    few_contexts: bool = False

    @property
    def chooses(self) -> bool:
        """Whether what is said to the machine can tell it which cases to run."""
        said = [*self.command, *self.power_on, *(turn.send for turn in self.dialogue)]
        return any(word in text for text in said for word in CHOICE)

    def words(
        self, words: Sequence[str], values: Mapping[str, str], whole: Mapping[str, Sequence[str]]
    ) -> list[str]:
        """Return a command: each word of ``whole`` becomes several, other placeholders their value."""
        found: list[str] = []
        for word in words:
            found += whole[word] if word in whole else [fill(word, values)]
        return found


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace each ``{key}`` of ``values``; any other brace stays."""
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def load_console(name: str) -> ConsoleModel:
    """Load ``images/consoles/<name>.yaml`` or the file at a path; ``InputError`` names every defect."""
    document = Document(find_data_file(KIND, name), SCHEMA, SEE)
    _check(document)
    data = document.checked()
    return ConsoleModel(
        data["console"],
        data.get("version", ""),
        data.get("qemu", ""),
        tuple(data.get("command", ())),
        tuple(data.get("power-on", ())),
        tuple(data.get("power-off", ())),
        tuple(Turn(re.compile(row["ready"], re.MULTILINE), row["send"]) for row in data.get("dialogue", ())),
        data.get("kernel-console", "ttyAMA0"),
        data["line"],
        float(data["slowdown"]),
        dict(data.get("environment", {})),
        data.get("contexts", WHOLE) == FEW,
    )


def _check(document: Document) -> None:
    """What the schema cannot know."""
    line, command = document.good("line"), document.rows("command")
    if line is not None and not LINE.fullmatch(line.text or ""):
        document.refuse(line.problem(shown(line.text or ""), LINES))
    elif line is not None and line.text in ("pipe", "pty") and "command" not in document.root.map:
        document.refuse(
            line.problem(f"{line.text} is the line of a command, and there is none", "`command:`")
        )
    for word in command:
        if word.text == QEMU and "qemu" not in document.root.map:
            document.refuse(word.problem(f"{QEMU} is the launcher of a model, and none is named", "`qemu:`"))
    for row in document.rows("dialogue"):
        ready = row.map["ready"]
        try:
            re.compile(ready.text or "")
        except re.error as error:
            document.refuse(ready.problem(f"{shown(ready.text or '')} is no regular expression: {error}"))


def is_console(name: str) -> bool:
    """Whether ``name`` is that of a shipped console model, or the path of a file of one.

    A file that cannot be read is none: whoever reads it as a model says what is wrong with it. ``UserError``
    for a name that is neither that of a console model nor of a model, and close to one of the former.
    """
    if "/" not in name:
        known = data_names("models")
        near = closest(name, [*known, *data_names(KIND)])
        if name and near and near not in known and name not in (near, *known):
            raise UserError(f"unknown model {name!r}; did you mean the console model {near!r}?")
        return name in data_names(KIND)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(r"^[\"']?console[\"']?\s*:", text, re.MULTILINE) is not None


def refuse_console(name: str | None, verb: str, why: str) -> None:
    """Raise ``UserError`` where ``name`` is a console model, which is not enough for ``verb``: ``why``."""
    if name and is_console(name):
        raise UserError(
            f"{name} is a console model, and {verb} {why}; such a machine runs the cases of a bundle: "
            f"`./nvh run --model {name}` (docs/anywhere.md)"
        )
