# SPDX-License-Identifier: GPL-2.0-only
"""The table of deliberately wrong models, ``images/model-mutants.yaml``: what is wrong, and what must notice.

A fault is a value of ``NVH_FAULT`` in a QEMU with images/models/faults/faults.patch
(harness/artefacts/model_source.py), or, where the row has ``inject``, what the plugin nvh-fault does to the
newest QEMU as it is: instructions by name, and what becomes of them (harness/mutants/inject.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.document.data_files import load_document
from harness.document.nodes import Node
from harness.document.yaml_reader import read
from harness.errors import InputError, Problem
from harness.host.paths import IMAGES
from harness.mutants import inject
from harness.scenario.mutants import NAME, TEXT, repeated

FILE = IMAGES / "model-mutants.yaml"
PATCH, PLUGIN = "patch", "plugin"
STEPS = ("questions", "save-restore", "modified-code", "hunt")
"""The steps of ``nvh model check`` that need no kernel, in their order."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["faults"],
    "additionalProperties": False,
    "properties": {
        "faults": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["fault", "wrong", "at"],
                "additionalProperties": False,
                "properties": {
                    "fault": NAME,
                    "wrong": TEXT,
                    "at": TEXT,
                    "inject": inject.SCHEMA,
                    "seen-by": {"enum": list(STEPS)},
                    "survives": TEXT,
                },
            },
        }
    },
}


@dataclass(frozen=True, slots=True)
class ModelFault:
    """One wrong model: ``wrong`` in words, ``at`` the function that is wrong, ``seen_by`` the first red step.

    ``survives`` explains why no step can tell it from the right model; exactly one of the two is empty.
    """

    name: str
    wrong: str
    at: str
    seen_by: str = ""
    survives: str = ""
    options: str = ""
    """Of the plugin nvh-fault; empty for a fault of the patch."""

    @property
    def by(self) -> str:
        """What makes the model wrong."""
        return PLUGIN if self.options else PATCH


def load(path: Path = FILE) -> tuple[ModelFault, ...]:
    """Return the rows in file order; ``InputError`` with every defect of the file."""
    rows = load_document(path, SCHEMA)["faults"]
    found = read(path).map["faults"].items
    if problems := [*repeated(found, "fault", "model"), *_contradictions(found), *_unknown(found)]:
        raise InputError(problems)
    return tuple(
        ModelFault(
            row["fault"],
            row["wrong"],
            row["at"],
            row.get("seen-by", ""),
            " ".join(row.get("survives", "").split()),
            inject.options(row["inject"]) if "inject" in row else "",
        )
        for row in rows
    )


def _contradictions(rows: Sequence[Node]) -> Iterator[Problem]:
    for row in rows:
        if ("seen-by" in row.map) == ("survives" in row.map):
            name = row.map["fault"]
            yield name.problem(
                f"{name.text!r} with {'both' if 'survives' in row.map else 'neither'}",
                "either seen-by, the step that must be red, or survives, why none can be",
            )


def _unknown(rows: Sequence[Node]) -> Iterator[Problem]:
    for row in rows:
        for name in row.map["inject"].map["at"].items if "inject" in row.map else ():
            if not inject.words(name.text or ""):
                yield name.problem(
                    repr(name.text), "MSR, MRS or AT and a name of INSTRUCTIONS, or TLBI and a glob of them"
                )
