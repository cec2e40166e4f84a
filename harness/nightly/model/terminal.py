# SPDX-License-Identifier: GPL-2.0-only
"""A model's check as text, and as data."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from harness.nightly.model.model_check import SHOWN, ModelReport, StepDone
from harness.verdict import Verdict


def print_outcome(outcome: StepDone, console: Console) -> None:
    """One line on a step, and its first causes."""
    found = outcome.found
    _say(console, f"{found.verdict.value:<10}{outcome.step:<14}{outcome.seconds:7.1f} s  {found.summary}")
    for cause in found.causes[:SHOWN]:
        _say(console, f"  {cause}")
    if len(found.causes) > SHOWN:
        _say(console, f"  and {len(found.causes) - SHOWN} more; --json has them all")


def print_report(report: ModelReport, console: Console) -> None:
    """The verdict, and what is not part of it."""
    red = [each.step for each in report.outcomes if each.found.verdict is not Verdict.PASS]
    text = f"{report.verdict.value}  {report.model} (QEMU {report.version}, {report.sha256[:12]})"
    if red:
        text += f": {', '.join(red)}"
    if report.left_out:
        text += f"; not run: {', '.join(report.left_out)}"
    _say(console, text)


def to_json(report: ModelReport) -> dict[str, Any]:
    """As data."""
    return {
        "model": report.model,
        "version": report.version,
        "sha256": report.sha256,
        "verdict": report.verdict.value,
        "left_out": report.left_out,
        "steps": [
            {
                "name": each.step,
                "verdict": each.found.verdict.value,
                "seconds": each.seconds,
                "summary": each.found.summary,
                "causes": list(each.found.causes),
            }
            for each in report.outcomes
        ],
    }


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
