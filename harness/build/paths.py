"""Where the project's data lies, and how a name on the command line becomes a file.

In a checkout the data is beside the package ``harness``; an installed wheel carries it in ``harness/share``.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import UserError, closest

IMPORTS = Path(__file__).resolve().parents[2]
"""The directory that holds the package ``harness``: what has to be on ``sys.path``."""
CHECKOUT = IMPORTS if (IMPORTS / "nvh").is_file() and (IMPORTS / "images").is_dir() else None
"""The checkout that this code is in; None for an installed package."""
ROOT = CHECKOUT or IMPORTS / "harness/share"
PROGRAM = "./nvh" if CHECKOUT else "nvh"
"""How the command line is called, in the commands that messages and reports name."""
IMAGES = ROOT / "images"
SCENARIOS = ROOT / "scenarios"
QUARANTINE = ROOT / "quarantine.yaml"
RUNS = Path(os.environ.get("NVH_RUNS") or (CHECKOUT or Path.cwd()) / "runs")
"""Where runs go: ``runs/`` of the checkout, or of the current directory when nvh is installed."""
ON_REQUEST = "ON-REQUEST"
"""A file of this name in a folder of scenarios keeps the folder out of the default run, and says why."""


def checkout(what: str) -> Path:
    """Return the checkout; ``UserError`` when this is an installed package, which has not ``what``."""
    if CHECKOUT is None:
        raise UserError(f"an installed nvh has no {what}; use ./nvh in a checkout")
    return CHECKOUT


def default_scenarios() -> list[Path]:
    """Return the folders of scenarios/ that run when none is named."""
    return sorted(p for p in SCENARIOS.iterdir() if p.is_dir() and not (p / ON_REQUEST).exists())


def data_names(kind: str) -> list[str]:
    """Return the names of the shipped data files of ``kind`` (models, kernels, rootfs)."""
    return sorted(path.stem for path in (IMAGES / kind).glob("*.yaml"))


def find_data_file(kind: str, name: str) -> Path:
    """Return ``images/<kind>/<name>.yaml``, or ``name`` itself when it is a path (contains a slash).

    Raises ``UserError`` with the closest shipped name.
    """
    if "/" in name:
        path = Path(name)
        if not path.is_file():
            raise UserError(
                f"{name}: no such file; {kind} are given by name ({', '.join(data_names(kind))}) or path"
            )
        return path
    if name not in data_names(kind):
        near = closest(name, data_names(kind))
        hint = f"; did you mean {near!r}?" if near else ""
        raise UserError(f"no {kind} file named {name!r} ({', '.join(data_names(kind))}){hint}")
    return IMAGES / kind / f"{name}.yaml"
