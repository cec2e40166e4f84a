# SPDX-License-Identifier: GPL-2.0-only
"""Trends as SVG: verdicts and durations of the runs of a plan. Needs matplotlib (the extra ``nightly``)."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.nightly.history.database import NEVER
from harness.nightly.history.query import StoredRun
from harness.verdict import Verdict

COLOURS = {
    Verdict.PASS.value: "#2f9e5b",
    Verdict.VACUOUS.value: "#9a5bc0",
    Verdict.UNDECIDED.value: "#d59a2a",
    Verdict.FAIL.value: "#cf3b3b",
    Verdict.INFRA.value: "#2a8ea3",
    NEVER: "#9aa5b1",
}
_INK = "#012345"  # replaced by the page's own text colour
_LABELS = 8


def trends(runs: Sequence[StoredRun], counts: Mapping[int, Mapping[str, int]]) -> list[tuple[str, str]]:
    """Return title and SVG of each plot; nothing for a single run or without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return []
    if len(runs) < 2:
        return []
    return [
        ("Cells by verdict", _svg(_verdicts(Figure(figsize=(4.6, 2.3)), runs, counts))),
        ("Cells that are not a pass", _svg(_red(Figure(figsize=(4.6, 2.3)), runs, counts))),
        ("Duration", _svg(_durations(Figure(figsize=(4.6, 2.3)), runs))),
    ]


def _axes(figure: Any, runs: Sequence[StoredRun], unit: str) -> Any:
    axes = figure.subplots()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_INK)
    axes.tick_params(colors=_INK, labelsize=8)
    step = max(1, -(-len(runs) // _LABELS))
    places = list(range(0, len(runs), step))
    axes.set_xticks(places, [runs[place].started[5:10] for place in places])
    axes.set_ylabel(unit, color=_INK, fontsize=8)
    return axes


def _stacked(
    figure: Any, runs: Sequence[StoredRun], counts: Mapping[int, Mapping[str, int]], names: Sequence[str]
) -> Any:
    axes = _axes(figure, runs, "cells")
    bottom = [0] * len(runs)
    for name in names:
        heights = [counts[run.id].get(name, 0) for run in runs]
        if any(heights):
            axes.bar(range(len(runs)), heights, 0.8, bottom=bottom, color=COLOURS[name], label=name)
            bottom = [a + b for a, b in zip(bottom, heights, strict=True)]
    if any(bottom):
        axes.legend(
            fontsize=7, frameon=False, labelcolor=_INK, ncols=3, loc="lower left", bbox_to_anchor=(0, 1)
        )
    return figure


def _verdicts(figure: Any, runs: Sequence[StoredRun], counts: Mapping[int, Mapping[str, int]]) -> Any:
    return _stacked(figure, runs, counts, list(COLOURS))


def _red(figure: Any, runs: Sequence[StoredRun], counts: Mapping[int, Mapping[str, int]]) -> Any:
    return _stacked(figure, runs, counts, [name for name in COLOURS if name != Verdict.PASS.value])


def _durations(figure: Any, runs: Sequence[StoredRun]) -> Any:
    axes = _axes(figure, runs, "minutes")
    known = [(place, run.seconds / 60) for place, run in enumerate(runs) if run.seconds is not None]
    axes.plot([x for x, _ in known], [y for _, y in known], color="#3b6fb6", marker="o", markersize=3)
    axes.set_ylim(bottom=0)
    return figure


def _svg(figure: Any) -> str:
    import matplotlib

    options = {"svg.fonttype": "none", "svg.hashsalt": "nvh", "font.family": "sans-serif"}
    out = io.StringIO()
    with matplotlib.rc_context(options):
        figure.tight_layout()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    head, body = text[text.index("<svg") :].replace(_INK, "currentColor").split(">", 1)
    # Only the viewBox says how large it is; the page decides how wide.
    return re.sub(r' (?:width|height)="[^"]*"', "", head) + ">" + body
