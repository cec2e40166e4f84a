# SPDX-License-Identifier: GPL-2.0-only
"""A context's words: each field has one, which is said, read back, and known to those who write programs."""

from __future__ import annotations

import dataclasses
from dataclasses import fields
from typing import Any

import pytest

from harness.program import context_words
from harness.program.context_words import NUMBERS, SWITCHES, context_of, field_of, words_of
from harness.program.program import TRAPS, Context
from harness.reproduce.programs import grammar


def again(context: Context) -> Context:
    """The context of its own words."""
    words = words_of(context)
    values = dict(word.split("=") for word in words if "=" in word)
    return context_of({key: int(value, 0) for key, value in values.items()}, words)


def test_every_field_has_a_word_or_is_what_traps() -> None:
    named = {field_of(word) for word in (*NUMBERS, *SWITCHES)}
    assert named | {"traps"} == {each.name for each in fields(Context)}
    assert len(context_words.ORDER) == len(named)
    assert set(grammar.CONTEXT_FLAGS) == {*SWITCHES, *TRAPS}
    assert set(grammar.CONTEXT_VALUES) == {"granule", *NUMBERS}


@pytest.mark.parametrize("word", [*NUMBERS, *SWITCHES])
def test_each_word_is_said_and_read(word: str) -> None:
    usual = Context()
    for value in (False, True) if word in SWITCHES else (0, 1, 0x1234):
        change: dict[str, Any] = {field_of(word): value}
        context = dataclasses.replace(usual, **change)
        assert again(context) == context
        assert (word in words_of(context)) == (value is True)
        if word in NUMBERS and (value or word != "asid"):
            assert any(said.startswith(f"{word}=") for said in words_of(context))


def test_what_traps_comes_last() -> None:
    context = Context(2, fwb=True, traps=frozenset({"ttlbos", "ttlb"}))
    assert words_of(context) == ["vmid=2", "s2", "fwb", "ttlb", "ttlbos"]
    assert again(context) == context


def test_a_word_that_is_no_field() -> None:
    with pytest.raises(TypeError, match="granule"):
        context_of({"granule": 12}, ())
