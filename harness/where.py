# SPDX-License-Identifier: GPL-2.0-only
"""Where this installation lies: a checkout, or a package with its data in ``harness/share``."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import UserError

IMPORTS = Path(__file__).resolve().parents[1]
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


def checkout(what: str) -> Path:
    """Return the checkout; ``UserError`` when this is an installed package, which has not ``what``."""
    if CHECKOUT is None:
        raise UserError(f"an installed nvh has no {what}; use the script nvh in a checkout")
    return CHECKOUT
