# SPDX-License-Identifier: GPL-2.0-only
"""The page of the morning: one self-contained file with every cell of a run, search and filters.

The cells are data in the page, and its script draws only those rows that are in view: ten thousand are as
quick as ten. The content security policy admits that script by its digest, and nothing from elsewhere.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from harness.host.paths import PROGRAM
from harness.nightly.history import plots, query
from harness.nightly.history.compare import CauseGroup, Change, Row, RunComparison
from harness.nightly.history.database import Results
from harness.report.page import environment
from harness.report.store import CELLS, write_text
from harness.verdict import Verdict

NAME = "index.html"
HERE = Path(__file__).parent
SHOWN_GROUPS = 200
SUMMARISED = 6
"""Models, kernels and scenarios that a group's line names."""


@dataclass(slots=True)
class _Table:
    """Texts that many rows share, each once."""

    texts: list[Any] = field(default_factory=list)
    places: dict[Any, int] = field(default_factory=dict)

    def place(self, text: Any) -> int:
        if text not in self.places:
            self.places[text] = len(self.texts)
            self.texts.append(text)
        return self.places[text]


def data_of(results: Results, compared: RunComparison) -> dict[str, Any]:
    """Return what the page's script reads; ``COLUMNS`` of nightly.js has the order of a row's values."""
    details = query.details(results, compared.run)
    shared = {name: _Table() for name in ("model", "kernel", "timing", "cause", "suspect", "since", "text")}
    files = query.files_of(results, {each.files for each in details.values()})
    lists = _Table()
    causes = query.causes(results)
    rows = []
    for row in compared.rows:
        detail = details.get(row.execution)
        suspects = [shared["suspect"].place(str(suspect)) for suspect in row.suspects]
        cause = shared["cause"].place(causes[row.cause]) if row.cause is not None else -1
        rate = row.flaky
        rows.append(
            [
                row.subject.cell,
                shared["model"].place(row.subject.model),
                shared["kernel"].place(row.subject.kernel),
                shared["timing"].place(row.subject.timing),
                row.change.value,
                row.verdict,
                row.before,
                round(row.seconds, 1),
                None if row.usual is None else round(row.usual, 1),
                [rate.red, rate.total, round(rate.low, 3), round(rate.high, 3)] if rate else None,
                shared["since"].place(row.since),
                row.streak,
                cause,
                suspects,
                shared["text"].place(row.quarantine),
                detail.slug if detail else "",
                shared["text"].place(detail.headline) if detail else shared["text"].place(""),
                _command(row, detail.command) if detail else "",
                lists.place(detail.files) if detail else -1,
                detail.original if detail else "",
                detail.attempts if detail else 0,
                shared["text"].place(detail.worker if detail else ""),
                " ".join(row.verdicts) if len(row.verdicts) > 1 else "",
            ]
        )
    return {
        **{name: table.texts for name, table in shared.items()},
        "files": [[[f["path"], f["role"], f["level"]] for f in files[each]] for each in lists.texts],
        "changes": [change.value for change in Change],
        "verdicts": [verdict.value for verdict in Verdict] + ["never"],
        "rows": rows,
    }


def _command(row: Row, command: str) -> str | int:
    """0 where the script can tell the command from the row itself."""
    subject = row.subject
    words = [PROGRAM, "run", subject.cell, "--model", subject.model, "--kernel", subject.kernel]
    return 0 if command == shlex.join(words) and "'" not in subject.cell else command


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> Markup:
    """JSON that can stand in a script element: nothing in it ends the element or starts a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def names(words: Sequence[str]) -> str:
    """Return some of the words, and how many there are more."""
    known = sorted(set(words))
    shown = ", ".join(known[:SUMMARISED])
    return shown if len(known) <= SUMMARISED else f"{shown} and {len(known) - SUMMARISED} more"


@functools.cache
def _template() -> jinja2.Template:
    found = environment(HERE)
    found.filters.update(names=names)
    return found.get_template("nightly.html.j2")


def render(results: Results, compared: RunComparison, base: str = "") -> str:
    """Return the page; ``base`` leads from its place to the run's directory, empty for that itself."""
    script = (HERE / "nightly.js").read_text(encoding="utf-8")
    groups: Sequence[CauseGroup] = compared.groups[:SHOWN_GROUPS]
    style = (HERE / "nightly.css").read_text(encoding="utf-8")
    data = data_of(results, compared)
    places = {tuple(cause): number for number, cause in enumerate(data["cause"])}
    return _template().render(
        compared=compared,
        run=compared.run,
        tally=compared.tally,
        Change=Change,
        groups=[(places.get((group.kind, group.title), -1), group) for group in groups],
        hidden=len(compared.groups) - len(groups),
        quarantined=[row for row in compared.rows if row.quarantine and row.change is not Change.GONE],
        flaky=[row for row in compared.rows if row.flaky],
        plots=[
            (title, Markup(svg))
            for title, svg in plots.trends(compared.history, query.counts(results, compared.history))
        ],
        data=_json({**data, "base": f"{base}{CELLS}/"}),
        script=Markup(script),
        script_digest=_digest(script),
        style=Markup(style),
    )


def write(results: Results, compared: RunComparison, path: Path) -> Path:
    """Write the page to ``path`` in one step; links lead to the run's directory from there."""
    place = os.path.relpath(compared.run.directory, path.parent.absolute())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, render(results, compared, "" if place == "." else f"{place}/"))
    return path
