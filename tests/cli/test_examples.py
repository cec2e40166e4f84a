# SPDX-License-Identifier: GPL-2.0-only
"""What the help texts say: every example parses, and the cells, models and kernels that it names exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache

import pytest

from harness.cli.parser import VERBS, Parser, parser, subparsers
from harness.errors import UserError
from harness.host.paths import CHECKOUT, data_names
from harness.mutants import faults
from harness.runner.project import find_cells
from harness.scenario import mutants as table
from harness.scenario.scenario import NO_OVERRIDES

CELLS = ("what", "cell", "cells", "target", "select")
ELSEWHERE = re.compile(r".*[/=]|.*\.(yaml|mbox|jsonl)$|\d{8}T|latest$|good\.\.bad$|\d{4}-\d\d-\d\d\.\.")
"""A path, a run or a range of builds: nothing that the checkout holds by name."""


@cache
def whole() -> Parser:
    return parser()


def commands(text: str) -> Iterator[list[str]]:
    """The words of each ``./nvh`` command in a help text, up to what describes or follows it."""
    for line in text.splitlines():
        if match := re.match(r"\s*(?:examples?: )?(.*\./nvh .*)", line):
            for part in re.split(r"&&|\|", match[1].replace('eval "$(', "").replace(')"', "   ")):
                command = re.split(r"\s{2,}| > | -- ", part.strip())[0]
                if command.startswith("./nvh "):
                    yield shlex.split(command)[1:]


def examples() -> list[tuple[str, list[str]]]:
    found = []
    for verb, sub in subparsers(whole()).items():
        texts = [sub.epilog or "", *(each.epilog or "" for each in subparsers(sub).values())]
        found += [(verb, words) for text in texts for words in commands(text)]
    return found


def unknown(words: list[str]) -> list[str]:
    """Return what a command names that does not exist."""
    arguments = vars(whole().parse_args(words))
    wrong = []
    named = [word for key in CELLS for word in _list(arguments.get(key)) if not ELSEWHERE.match(str(word))]
    named = [word for word in named if not (CHECKOUT and (CHECKOUT / word).exists())]
    if arguments["verb"] == "mutants":
        known = {each.name for each in faults.load()} if arguments["models"] else table.names()
        wrong += [word for word in named if word not in known]
    elif arguments["verb"] not in ("trace", "images", "farm"):
        for word in named:
            try:
                find_cells([], [word], NO_OVERRIDES)
            except UserError:
                wrong.append(word)
    models = [*data_names("models"), *data_names("consoles")]
    kernels = data_names("kernels")
    for key, there in (("model", models), ("like", models), ("kernel", kernels), ("base", kernels)):
        for word in _list(arguments.get(key)):
            if not ELSEWHERE.match(word) and "*" not in word and word not in there:
                wrong.append(word)
    if (mutant := arguments.get("mutant")) and mutant not in table.names():
        wrong.append(mutant)
    plan = arguments.get("plan")
    if CHECKOUT and plan and not (CHECKOUT / plan).is_file():
        wrong.append(str(plan))
    return wrong


def _list(value: object) -> list[str]:
    return (
        [str(each) for each in value]
        if isinstance(value, list | tuple)
        else [value]
        if isinstance(value, str) and value
        else []
    )


def test_every_verb_has_an_example_that_is_read() -> None:
    assert {verb for verb, _ in examples()} == set(VERBS)
    assert len(examples()) > 2 * len(VERBS)


@pytest.mark.parametrize(
    ("verb", "words"), examples(), ids=lambda each: " ".join(each) if isinstance(each, list) else each
)
def test_example(verb: str, words: list[str]) -> None:
    assert words[0] in (verb, "run"), "an example is of its verb, or runs what the verb looks at"
    assert unknown(words) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("  ./nvh run --kernel debian l1-storm         cells of old", "l1-storm"),
        ("  ./nvh run --kernel debain", "debain"),
        ("  ./nvh show l1-storm --console l1      the end", "l1-storm"),
        ("  ./nvh mutants --select ipas2-no-umap", "ipas2-no-umap"),
        ("  ./nvh hunt --mutant absent", "absent"),
        ("  ./nvh nightly images/plans/absent.yaml", "images/plans/absent.yaml"),
    ],
)
def test_an_example_of_what_does_not_exist_would_be_found(text: str, what: str) -> None:
    assert [unknown(words) for words in commands(text)] == [[what]]


def test_an_example_that_does_not_parse_would_be_found(capsys: pytest.CaptureFixture[str]) -> None:
    (words,) = commands("  ./nvh run --kernle nv  a misspelt option")
    with pytest.raises(SystemExit):
        unknown(words)
    assert "did you mean '--kernel'?" in capsys.readouterr().err


def test_run_says_which_scenarios_it_runs() -> None:
    """Those without ON-REQUEST by default, all of them for the folder."""
    help_text = subparsers(whole())["run"].format_help()
    assert "every shipped scenario on the default" not in help_text
    assert re.search(r"\./nvh run +the default scenarios", help_text)
    assert re.search(r"\./nvh run scenarios +every shipped scenario", help_text)
