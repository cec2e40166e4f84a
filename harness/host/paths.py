# SPDX-License-Identifier: GPL-2.0-only
"""How a name on the command line becomes a file, and which scenarios run by default."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UserError, closest
from harness.where import CHECKOUT, IMAGES, IMPORTS, PROGRAM, QUARANTINE, ROOT, RUNS, SCENARIOS, checkout

__all__ = [
    "CHECKOUT",
    "IMAGES",
    "IMPORTS",
    "ONE_OF",
    "ON_REQUEST",
    "PROGRAM",
    "QUARANTINE",
    "ROOT",
    "RUNS",
    "SCENARIOS",
    "checkout",
    "data_names",
    "default_scenarios",
    "find_data_file",
]
ON_REQUEST = "ON-REQUEST"
"""A file of this name in a folder of scenarios keeps the folder out of the default run, and says why."""


def default_scenarios() -> list[Path]:
    """Return the folders of scenarios/ that run when none is named."""
    return sorted(p for p in SCENARIOS.iterdir() if p.is_dir() and not (p / ON_REQUEST).exists())


ONE_OF = {
    "models": "model",
    "kernels": "kernel",
    "rootfs": "root file system",
    "consoles": "console model",
    "boards": "board",
}
"""Folders of ``images`` with data files, and what one of them is."""


def data_names(kind: str) -> list[str]:
    """Return the names of the shipped data files of ``kind`` (models, kernels, rootfs)."""
    return sorted(path.stem for path in (IMAGES / kind).glob("*.yaml"))


def find_data_file(kind: str, name: str) -> Path:
    """Return ``images/<kind>/<name>.yaml``, or ``name`` itself when it is a path (contains a slash).

    Raises ``UserError`` with the closest shipped name.
    """
    known = data_names(kind)
    what = f"expected a {ONE_OF[kind]} by its name ({', '.join(known)}) or the path of its file"
    if "/" in name:
        path = Path(name)
        if not path.is_file():
            found = "a directory" if path.is_dir() else "no such file"
            raise UserError(f"{name}: {found}; {what}")
        return path
    if name not in known:
        near = f"./{name}" if Path(name).is_file() else closest(name, known)
        hint = f"; did you mean {near!r}?" if near else ""
        raise UserError(f"there is no {ONE_OF[kind]} {name!r}; {what}{hint}")
    return IMAGES / kind / f"{name}.yaml"
