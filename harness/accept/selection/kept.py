# SPDX-License-Identifier: GPL-2.0-only
"""The plan of an acceptance in its directory: one that goes on runs the cells that it began with.

Prices and what is known of cells change with each run, and with them what would be chosen anew.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from harness.accept.selection.choose import Choice, Claim, Plan
from harness.errors import InfraError
from harness.host.cache import write_atomic

FILE = "plan.json"


def note(directory: Path, plan: Plan) -> None:
    """Write ``directory/plan.json``."""
    data = dataclasses.asdict(plan)
    for each in (*data["choices"], *data["left"]):
        each["claim"] = each["claim"].name
    write_atomic(directory / FILE, json.dumps(data, indent=1) + "\n")


def load(directory: Path) -> Plan | None:
    """Return the plan that the acceptance in ``directory`` began with; None where it had chosen none yet.

    ``InfraError`` for a damaged file.
    """
    try:
        data = json.loads((directory / FILE).read_text(encoding="utf-8"))
        data["choices"], data["left"] = (tuple(map(_choice, data[key])) for key in ("choices", "left"))
        data["between"] = {int(number): tuple(cells) for number, cells in data["between"].items()}
        data["unreached"] = tuple(data["unreached"])
        return Plan(**data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InfraError(f"{directory / FILE} is damaged: {error}; begin anew") from error


def _choice(data: dict[str, Any]) -> Choice:
    data |= {key: tuple(data[key]) for key in ("functions", "patches")}
    return Choice(**data | {"claim": Claim[data["claim"]]})
