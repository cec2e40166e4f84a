# SPDX-License-Identifier: GPL-2.0-only
"""A manual page, in the macros of man(7), from an argparse parser with verbs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from harness import __version__
from harness.cli.parser import subparsers

ENVIRONMENT = {
    "NVH_CACHE": "where artefacts are kept; default $XDG_CACHE_HOME/nvh, else ~/.cache/nvh",
    "NVH_RUNS": "where runs go; default runs/ in the checkout, or in the current directory",
    "NVH_RESULTS": "the results store; default results.sqlite in the directory of runs",
    "NVH_LOCK": "a file of nvh images lock: runs use the versions in it",
    "NVH_OFFLINE": "1 forbids every download",
    "NVH_DEBIAN_MIRROR": "URI of the Debian archive; default the machine's own",
    "NVH_VENV": "where ./nvh makes virtual environments; default venv in the cache",
    "NVH_PYTHON": "the Python that ./nvh makes them with",
}
STATUS = {
    "0": "everything passed",
    "1": "a cell failed, was vacuous or undecided",
    "2": "wrong use or wrong input",
    "3": "the machine or the infrastructure failed",
}


def page(parser: argparse.ArgumentParser) -> str:
    """Return the page of a parser and of all its verbs."""
    return "".join(f"{line}\n" for line in _lines(parser))


def text(words: str) -> str:
    """Return ``words`` as roff text: backslashes, minus signs and leading control characters escaped."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", escaped, flags=re.M)


def _lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f'.TH {parser.prog.upper()} 1 "" "nvh {__version__}" "User Commands"'
    yield ".SH NAME"
    yield f"{parser.prog} \\- {text((parser.description or '').rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f".B {parser.prog}"
    yield text("VERB [OPTION]...")
    yield ".SH OPTIONS"
    yield from _arguments(parser)
    for name, verb in subparsers(parser).items():
        yield from _verb(name, verb)
    yield from _table("ENVIRONMENT", ENVIRONMENT)
    yield from _table("EXIT STATUS", STATUS)


def _verb(name: str, verb: argparse.ArgumentParser) -> Iterator[str]:
    yield f".SH {text(name.upper())}"
    yield text(verb.description or "")
    yield from _usage(verb)
    yield from _arguments(verb)
    for action, sub in subparsers(verb).items():
        yield f'.SS "{text(f"{name} {action}")}"'
        yield from _usage(sub)
        yield from _arguments(sub)
    if verb.epilog:
        yield ".PP"
        yield ".nf"
        yield from text(verb.epilog).splitlines()
        yield ".fi"


def _usage(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield ".PP"
    yield f".B {text(' '.join(parser.format_usage().removeprefix('usage: ').split()))}"


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = parser._get_formatter()
    for action in parser._actions:
        if action.help is argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction):
            continue
        value = formatter._format_args(action, (action.dest or "").upper()) if action.nargs != 0 else ""
        words = ", ".join(action.option_strings)
        yield ".TP"
        yield f".B {text(f'{words} {value}'.strip())}"
        yield text(formatter._expand_help(action)) if action.help else "\\&"


def _table(title: str, rows: dict[str, str]) -> Iterator[str]:
    yield f".SH {title}"
    for name, what in rows.items():
        yield from (".TP", f".B {name}", text(what))
