# SPDX-License-Identifier: GPL-2.0-only
"""docs/programs.md and the editor grammar have what the tables of the language have; the example is right."""

from __future__ import annotations

import json
import re

import pytest

from harness.errors import InputError
from harness.host.paths import ROOT
from harness.reproduce.programs import language_tables
from harness.reproduce.programs.checker import check
from harness.reproduce.programs.grammar import STATEMENTS
from harness.reproduce.programs.terminal import lines_of

PAGE = (ROOT / "docs" / "programs.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.M | re.S)


def test_the_page_has_the_grammar_the_observations_and_the_memory_map() -> None:
    """As ``python -m harness.reproduce.programs.language_tables`` prints them."""
    assert [text for kind, text in BLOCKS if kind == "ebnf"] == [language_tables.ebnf()]
    assert language_tables.observations() in PAGE
    assert language_tables.memory_map() in PAGE


def test_every_rule_of_the_grammar_is_one_or_is_said_in_words() -> None:
    rules = dict(line.split(" = ", 1) for line in language_tables.ebnf().splitlines())
    names = {name.strip() for name in rules}
    bare = re.sub(r'"[^"]*"|\(\*.*?\*\)', " ", " ".join(rules.values()))
    used = set(re.findall(r"[a-z][a-z0-9-]+", bare))
    assert used - names <= {"hex", "digit", "lower", "letter", "word"}
    assert names - used == {"file"}


def test_the_example_is_allowed_what_the_page_says() -> None:
    plain = [text for kind, text in BLOCKS if not kind]
    (example,) = [text for text in plain if text.startswith("# what")]
    (shown,) = [text for text in plain if text.startswith("mine.nvl:4: mine")]
    (checked,) = check(example, "mine.nvl")
    assert shown.splitlines()[1:] == [line.rstrip() for line in lines_of(checked, [])]
    wrong = example.replace("vmalle1is\nread 0 0x400000000", "vmalle1is\nread 0 0x400000000 => v=0xaaaa")
    with pytest.raises(InputError) as caught:
        check(wrong, "mine.nvl")
    assert str(caught.value) in PAGE


def test_the_editor_grammar_is_the_languages() -> None:
    assert language_tables.EDITOR.read_text() == language_tables.editor_text()
    patterns = json.loads(language_tables.EDITOR.read_text())["patterns"]
    for pattern in patterns:
        re.compile(pattern["match"])
    (verbs,) = [p["match"] for p in patterns if p["name"] == "keyword.other.nvl"]
    assert all(re.match(verbs, f"{verb} 0 0x1000") for verb in STATEMENTS)
    assert not re.match(verbs, "reed 0 0x1000")
    assert not re.match(verbs, "reader 0 0x1000")
