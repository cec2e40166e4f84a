# SPDX-License-Identifier: GPL-2.0-only
"""Show a cell's timeline in several formats, or compare two runs.

examples:
  ./nvh trace show tlbi-el2 --around trigger              what was around the first assertion that failed
  ./nvh trace show tlbi-el2 --around 18.402 --level l0 --name 'l0.tlbi*'
  ./nvh trace show tlbi-el2 --format perfetto --out tlbi-el2.pftrace
  ./nvh trace diff runs/A/cells/tlbi-el2 runs/B/cells/tlbi-el2
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import sys

from harness.attempt import timeline_page
from harness.cli.common import file_to_write, positive
from harness.errors import EXIT_PASS, EXIT_RED, EXIT_USER, UserError
from harness.level import Level
from harness.report.safe_text import printable
from harness.trace.divergence import compare, report
from harness.trace.export.formats import FORMATS
from harness.trace.select import moment, select


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    verbs = parser.add_subparsers(dest="action", metavar="show|diff", required=True)
    show = verbs.add_parser("show", help="print a cell's timeline, or a part of it")
    show.add_argument("cell", metavar="CELL", help="a cell, its directory, or a timeline.jsonl")
    show.add_argument("--around", metavar="T", help="seconds on L0's clock, a mark, an assertion, or trigger")
    show.add_argument(
        "--events", type=positive, default=20, metavar="N", help="events of each source around T (default 20)"
    )
    show.add_argument("--format", choices=sorted(FORMATS), default="text", help="default text")
    show.add_argument(
        "--out", type=file_to_write, metavar="FILE", help="write there instead of to the terminal"
    )
    show.set_defaults(act=_show)
    diff = verbs.add_parser("diff", help="the first divergence of two runs after renaming addresses")
    diff.add_argument("a", metavar="A", help="a cell, its directory, or a timeline.jsonl")
    diff.add_argument("b", metavar="B", help="the other")
    diff.add_argument(
        "--context", type=positive, default=3, metavar="N", help="events around the divergence (default 3)"
    )
    diff.set_defaults(act=_diff)
    for verb in (show, diff):
        verb.add_argument(
            "--level",
            action="append",
            default=[],
            choices=[str(level) for level in Level],
            help="only code of this level (may be repeated)",
        )
        verb.add_argument(
            "--name",
            action="append",
            default=[],
            metavar="GLOB",
            help="only such events (may be repeated)",
        )


def main(arguments: argparse.Namespace) -> int:
    """Show or compare; returns the exit status."""
    return int(arguments.act(arguments))


def _show(arguments: argparse.Namespace) -> int:
    view = timeline_page.load(arguments.cell)
    around = arguments.around and moment(arguments.around, view.timeline, timeline_page.named_events(view))
    timeline = select(
        view.timeline,
        levels=[Level.parse(level) for level in arguments.level],
        names=arguments.name,
        around=around,
        count=arguments.events,
    )
    chosen = FORMATS[arguments.format]
    if chosen.binary and arguments.out is None and sys.stdout.isatty():
        raise UserError(f"--format {arguments.format} is not for a terminal; name a file with --out")
    levels = [Level.parse(level) for level in arguments.level]
    view = dataclasses.replace(view, timeline=timeline, level=levels[0] if levels else Level.L0)
    written = io.BytesIO()
    notes = chosen.write(view, written)
    for note in notes:
        print(f"nvh: {note}", file=sys.stderr)
    if arguments.out is not None:
        try:
            arguments.out.write_bytes(written.getvalue())
        except OSError as error:
            raise UserError(f"{arguments.out}: {error.strerror}; name a file that can be written") from error
    elif chosen.binary:
        sys.stdout.buffer.write(written.getvalue())
    else:
        text = written.getvalue().decode()
        sys.stdout.write(printable(text) if arguments.format == "text" else text)
    return EXIT_PASS


def _diff(arguments: argparse.Namespace) -> int:
    """0 the same, 1 different, 2 when lost events or doubts leave it open."""
    levels = [Level.parse(level) for level in arguments.level]
    names = (arguments.a, arguments.b)
    sides = [select(timeline_page.load(n).timeline, levels=levels, names=arguments.name) for n in names]
    found = compare(sides[0], sides[1], arguments.context)
    for line in report(found, names):
        print(printable(line))
    if not found.same:
        return EXIT_RED
    if found.unsure:
        print("nvh: no difference was seen, but events are missing; run the cells again", file=sys.stderr)
        return EXIT_USER
    if not found.compared:
        raise UserError(f"neither {arguments.a} nor {arguments.b} has an event to compare")
    return EXIT_PASS
