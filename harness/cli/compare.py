# SPDX-License-Identifier: GPL-2.0-only
"""Compare two runs: what is new, fixed, still red, flaky, slower, and why.

examples:
  ./nvh compare                                       the newest run with the one of its plan before it
  ./nvh compare 20261123T010000Z 20261124T010000Z     the second with the first
  ./nvh compare runs/before runs/after --page diff.html
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from harness.cli.common import file_to_write
from harness.errors import UserError
from harness.host.paths import RUNS
from harness.nightly.history import exports, html, query
from harness.nightly.history.compare import compare
from harness.nightly.history.database import Results, default_path
from harness.nightly.history.import_run import named_run
from harness.nightly.history.terminal import print_comparison


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "runs", nargs="*", metavar="RUN", help="ids, names or directories of two runs, the earlier one first"
    )
    parser.add_argument("--results", type=Path, metavar="FILE", help="the results store (default: in runs/)")
    parser.add_argument("--page", type=file_to_write, metavar="FILE", help="write the page there")
    parser.add_argument(
        "--export", type=Path, metavar="DIR", help="write junit.xml and kcidb.json into this directory"
    )
    parser.add_argument("--url", default="", help="where the directory of runs is published, for kcidb.json")
    parser.add_argument("--list", action="store_true", help="print the runs in the store and compare nothing")


def main(arguments: argparse.Namespace) -> int:
    """Compare; returns 0 when nothing new is red, 1 when something is, 3 for new infrastructure failures
    only.
    """
    console = Console(highlight=False)
    with Results(arguments.results or default_path(RUNS)) as results:
        if arguments.list:
            known = query.runs(results)
            if not known:
                console.print(f"{results.path} holds no run yet", markup=False, soft_wrap=True)
            for run in known:
                state = run.state if run.began else "never began"
                line = f"{run.name:24} {run.uid:24} {state:12} {run.plan or '-':16} {run.directory}"
                console.print(line, markup=False, soft_wrap=True)
            return 0
        if len(arguments.runs) not in (0, 2):
            raise UserError("name two runs, or none for the newest one; `nvh compare --list` lists them")
        if arguments.runs:
            first, second = (named_run(results, RUNS, name) for name in arguments.runs)
            compared = compare(results, second, first)
        else:
            newest = query.find_run(results, "latest")
            for run in query.runs(results):
                if not run.began and run.started > newest.started:
                    console.print(f"{run.name} never began: left out", markup=False, soft_wrap=True)
            compared = compare(results, newest)
        print_comparison(compared, console)
        if arguments.page:
            html.write(results, compared, arguments.page)
            console.print(f"page {arguments.page}", markup=False, soft_wrap=True)
        if arguments.export:
            arguments.export.mkdir(parents=True, exist_ok=True)
            exports.write(results, compared, arguments.export, arguments.url)
        return compared.exit_status
