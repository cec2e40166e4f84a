# SPDX-License-Identifier: GPL-2.0-only
"""Plans of cells whose process is a stand-in."""

from __future__ import annotations

from pathlib import Path

SCENARIO = """\
scenario: {name}
summary: Its process is a stand-in, which does what the name says.
matrix: {{n: [{points}]}}
steps:
  - boot: l0
  - run: echo ${{n}}
    on: l0
    name: say
expect:
  - result: said
    of: say
"""
PLAN = """\
plan: made
models: [qemu, qemu-10.0]
kernels: [nv]
scenarios: [{scenarios}]
{more}"""


def plan(place: Path, more: str = "", /, **cells: int) -> Path:
    """A plan of scenarios named after what the stand-in does, with so many cells each on two models."""
    for name, count in cells.items():
        points = ", ".join(map(str, range(count)))
        (place / f"{name}.yaml").write_text(SCENARIO.format(name=name, points=points))
    path = place / "plan.yaml"
    path.write_text(PLAN.format(scenarios=", ".join(f"{name}.yaml" for name in cells), more=more))
    return path
