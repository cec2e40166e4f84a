# SPDX-License-Identifier: GPL-2.0-only
"""The parser of the command line: every verb, and messages that name the closest match."""

from __future__ import annotations

import argparse
import importlib
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

from harness import __version__
from harness.errors import EXIT_USER, closest
from harness.host.paths import PROGRAM

CHOICE = re.compile(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)
UNKNOWN = "unrecognized arguments: "
MISSING = "the following arguments are required: "
VERBS = (
    "run",
    "test",
    "lint",
    "images",
    "bundle",
    "judge",
    "shell",
    "show",
    "trace",
    "replay",
    "inspect",
    "gdb",
    "coverage",
    "model",
    "mutants",
    "hunt",
    "program",
    "nightly",
    "compare",
    "bisect",
    "farm",
    "accept",
    "completion",
    "man",
)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with the closest match, and exits with status 2."""

    def parse_args(  # type: ignore[override]  # the overloads for other kinds of namespaces
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse; an option that the verb has not is the verb's error, not that of the whole."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser: argparse.ArgumentParser = self
            for name in (getattr(parsed, "verb", None), getattr(parsed, "action", None)):
                parser = subparsers(parser).get(name or "", parser)
            parser.error(UNKNOWN + " ".join(unknown))
        return parsed

    def options(self) -> Iterator[str]:
        """Every option of this parser."""
        for action in self._actions:
            yield from action.option_strings

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and how to go on; exit."""
        if match := CHOICE.fullmatch(message):
            name, given, offered = match.groups()
            choices = re.findall(r"[\w-]+", offered)
            what = "verb" if name == "VERB" else name
            near = closest(given, choices)
            message = f"there is no {what} {given!r} ({', '.join(choices)})"
            message += f"; did you mean {near!r}?" if near else ""
        elif message.startswith(UNKNOWN):
            option = message.removeprefix(UNKNOWN).split()[0].partition("=")[0]
            near = closest(option, list(self.options())) if option.startswith("--") else ""
            message += f"; did you mean {near!r}?" if near else ""
            if not near and self.get_default("rest") is not None:
                message += "; what is to be passed on goes behind --"
        elif message.startswith(MISSING):
            names = message.removeprefix(MISSING).split(", ")
            message = "; ".join(f"{name} is missing{self._offered(name)}" for name in names)
        print(f"nvh: {message}\nnvh: `{self.prog} --help` shows the usage", file=sys.stderr)
        sys.exit(EXIT_USER)

    def _offered(self, name: str) -> str:
        """What may stand for an argument, in brackets, where that is a list."""
        for action in self._actions:
            if action.metavar == name and action.choices:
                return f" ({', '.join(map(str, action.choices))})"
        return ""


class VersionAction(argparse.Action):
    """Prints the version when it is asked for: the commit takes a process to find out."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print and exit."""
        from harness.runner.run import commit

        found = commit()
        print(f"nvh {__version__}{f' ({found})' if found else ''}, Python {platform.python_version()}")
        parser.exit()


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a parser's verbs or actions, by name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def parser(only: str = "") -> Parser:
    """Return the parser with every verb; a verb's module registers its options and its function.

    ``only``: with this verb alone, whose module is then the only one that is imported.
    """
    top = Parser(
        prog="nvh",
        description="Checks the TLB handling of arm64 nested virtualisation on a real QEMU machine.",
        epilog=f"example: {PROGRAM} run          run the default scenarios and print the verdicts",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=VersionAction, nargs=0, help="print the version and the commit")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in [only] if only else VERBS:
        module = importlib.import_module(f"harness.cli.{name}")
        summary, _, rest = (module.__doc__ or "").strip().partition("\n")
        sub = verbs.add_parser(
            name,
            help=summary.rstrip("."),
            description=summary,
            epilog=called(rest.strip()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.options(sub)
        sub.set_defaults(function=module.main)
    return top


def called(text: str) -> str:
    """Return ``text`` with the commands in it called as this installation's are."""
    return text.replace("./nvh", PROGRAM)
