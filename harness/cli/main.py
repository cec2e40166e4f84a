"""Parses the command line and turns errors into messages and exit statuses."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from harness.errors import EXIT_USER, InfraError, NvhError, closest

VERBS = ("run", "test", "lint", "images", "shell", "show")
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with the closest match, and exits with status 2."""

    def error(self, message: str) -> None:  # type: ignore[override]
        words = message.split("'")
        if "invalid choice" in message and len(words) > 1:
            near = closest(words[1], VERBS)
            message = f"there is no verb {words[1]!r} ({', '.join(VERBS)})"
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
    """Run the CLI; returns the exit status: 0 pass, 1 red, 2 wrong use or input, 3 infrastructure."""
    arguments = parser().parse_args(argv)
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
