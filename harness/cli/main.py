"""Parses the command line and turns errors into messages and exit statuses."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Sequence

from harness.errors import EXIT_USER, InfraError, NvhError, closest

CHOICE = re.compile(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)
VERBS = (
    "run",
    "test",
    "lint",
    "images",
    "shell",
    "show",
    "trace",
    "replay",
    "inspect",
    "gdb",
    "coverage",
    "mutants",
    "hunt",
    "nightly",
    "compare",
    "bisect",
    "farm",
    "accept",
)
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with the closest match, and exits with status 2."""

    def error(self, message: str) -> None:  # type: ignore[override]
        if match := CHOICE.fullmatch(message):
            name, given, offered = match.groups()
            choices = re.findall(r"[\w-]+", offered)
            what = "verb" if name == "VERB" else name
            near = closest(given, choices)
            message = f"there is no {what} {given!r} ({', '.join(choices)})"
            message += f"; did you mean {near!r}?" if near else ""
        print(f"nvh: {message}\nnvh: `{self.prog} --help` shows the usage", file=sys.stderr)
        sys.exit(EXIT_USER)


def parser() -> Parser:
    """Return the parser with every verb; a verb's module registers its options and its function."""
    top = Parser(
        prog="nvh",
        description="Checks the TLB handling of arm64 nested virtualisation on a real QEMU machine.",
        epilog="example: ./nvh run          run every shipped scenario and print the verdicts",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in VERBS:
        module = importlib.import_module(f"harness.cli.{name}")
        summary, _, rest = (module.__doc__ or "").strip().partition("\n")
        sub = verbs.add_parser(
            name,
            help=summary.rstrip("."),
            description=summary,
            epilog=rest.strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.options(sub)
        sub.set_defaults(function=module.main)
    return top


def main(argv: Sequence[str]) -> int:
    """Run the CLI; returns the exit status: 0 pass, 1 red, 2 wrong use or input, 3 infrastructure.

    Words after ``--`` go to the verb as ``rest``, if it has that default.
    """
    words, rest = list(argv), []
    if "--" in words:
        at = words.index("--")
        words, rest = words[:at], words[at + 1 :]
    arguments = parser().parse_args(words)
    if rest and not hasattr(arguments, "rest"):
        parser().error(f"{arguments.verb} takes nothing after --, but got {' '.join(rest)!r}")
    arguments.rest = rest
    try:
        return int(arguments.function(arguments))
    except NvhError as error:
        print(f"nvh: {error}", file=sys.stderr)
        if isinstance(error, InfraError) and error.output and error.output not in str(error):
            print(error.output, file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("nvh: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_USER
