# SPDX-License-Identifier: GPL-2.0-only
"""A model as the user names it: a shipped name, a model file, or just a QEMU."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from harness.errors import UserError
from harness.host.paths import IMAGES

TEMPLATE = IMAGES / "models" / "qemu.yaml"
PROGRAM = "qemu-system-aarch64"
SUFFIXES = (".yaml", ".yml")


def model_name(given: str, out: Path) -> str:
    """Return what ``--model`` takes: ``given``, or a model file written below ``out`` for a QEMU binary.

    The file has machine, CPU and timings of the default model. ``UserError`` when a path leads to no file.
    """
    path = Path(given)
    if "/" not in given and not path.is_file():
        return given
    if not path.is_file():
        found = "a directory" if path.is_dir() else "no such file"
        inside = path / PROGRAM
        hint = f"; did you mean {str(inside)!r}?" if inside.is_file() else ""
        raise UserError(f"{given}: {found}; name a model, a model file or a {PROGRAM}{hint}")
    if path.suffix in SUFFIXES:
        return str(path.absolute())
    if not os.access(path, os.X_OK):
        raise UserError(f"{given}: not executable; name a model, a model file (*.yaml) or a {PROGRAM}")
    data = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    data |= {
        "model": "given",
        "summary": f"The QEMU that was given: {path.name}.",
        "source": {"path": str(path.absolute())},
    }
    out.mkdir(parents=True, exist_ok=True)
    made = out / "model.yaml"
    made.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return str(made.absolute())
