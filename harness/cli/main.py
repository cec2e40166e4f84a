# SPDX-License-Identifier: GPL-2.0-only
"""Runs the verb of a command line and turns errors into messages and exit statuses."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from harness.artefacts import lock
from harness.cli import completion
from harness.cli.parser import VERBS, called, parser
from harness.errors import EXIT_USER, InfraError, InputError, NvhError

INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run the CLI; returns the exit status: 0 pass, 1 red, 2 wrong use or input, 3 infrastructure.

    Words after ``--`` go to the verb as ``rest``, if it has that default.
    """
    complete = "_ARGCOMPLETE" in os.environ
    top = parser("" if complete or not argv or argv[0] not in VERBS else argv[0])
    if complete:  # the Tab key: answers and ends the process
        completion.complete(top)
    words, rest = list(argv), []
    if "--" in words:
        at = words.index("--")
        words, rest = words[:at], words[at + 1 :]
    arguments = top.parse_args(words)
    if rest and not hasattr(arguments, "rest"):
        top.error(f"{arguments.verb} takes nothing after --, but got {' '.join(rest)!r}")
    arguments.rest = rest
    try:
        if getattr(arguments, "locked", None):
            lock.use(arguments.locked)
        return int(arguments.function(arguments))
    except InputError as error:
        # Each line begins with its place, so that editors jump there.
        print(str(error), file=sys.stderr)
        if error.see:
            print(f"nvh: {error.see} describes what may stand there", file=sys.stderr)
        return error.exit_status
    except NvhError as error:
        print(f"nvh: {called(str(error))}", file=sys.stderr)
        if isinstance(error, InfraError) and error.output and error.output not in str(error):
            print(error.output, file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("nvh: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_USER
