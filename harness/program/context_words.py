# SPDX-License-Identifier: GPL-2.0-only
"""The words of a program's contexts: the fields of ``Context``, with - for _, and what traps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from harness.program.program import TRAPS, Context


def _words(kind: str) -> tuple[str, ...]:
    return tuple(each.name.replace("_", "-") for each in fields(Context) if str(each.type).startswith(kind))


NUMBERS = _words("int")
"""Words that have a value, ``key=number``."""
SWITCHES = _words("bool")
"""Words that are fields of their own: said or not."""
FLAGS = (*SWITCHES, *TRAPS)
"""All words without a value."""


def field_of(word: str) -> str:
    """The name of the word's field."""
    return word.replace("-", "_")


def context_of(values: Mapping[str, int], flags: Collection[str]) -> Context:
    """Make the context that these words say: what ``values`` leaves out is as usual, a switch is off."""
    given: dict[str, Any] = {field_of(word): word in flags for word in SWITCHES}
    given |= {field_of(word): value for word, value in values.items()}
    return Context(**given, traps=frozenset(flags) & frozenset(TRAPS))


FIRST = ("vmid", "asid", "s1", "s2", "s2-of", "s1-of", "vncr", "tge", "el0")
"""In a text these come first: what is translated by which tables. The rest is as ``Context`` has it."""
ORDER = (*FIRST, *(word for word in (*NUMBERS, *SWITCHES) if word not in FIRST))
HEXADECIMAL = ("vncr", "mair")


def words_of(context: Context) -> list[str]:
    """Say the context in words; what is off or as usual is left out."""
    said = [(word, getattr(context, field_of(word))) for word in ORDER]
    words = [_word(word, value) for word, value in said if value is not None and value is not False]
    return [*(word for word in words if word != "asid=0"), *sorted(context.traps)]


def _word(word: str, value: int) -> str:
    if word in SWITCHES:
        return word
    return f"{word}={value:#x}" if word in HEXADECIMAL else f"{word}={value}"
