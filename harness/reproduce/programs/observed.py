# SPDX-License-Identifier: GPL-2.0-only
"""What stands behind ``=>``: observations as words, which of them a statement can have, and the nearest."""

from __future__ import annotations

import re

from harness.reproduce.programs.draft import ProgramDraft, listing
from harness.reproduce.programs.grammar import Statement
from harness.reproduce.programs.words import ProgramLine, Word, nearest

_NUMBER = r"(0[xX][0-9a-fA-F]+|[0-9]+)"
_TYPED = "pa=PA+attr=N+sh=N"
_VALUES = {"v=X": "v=", "at=PA": "at=", "trap=ESR": "trap=", "pa=PA": "pa="}


def written(draft: ProgramDraft, form: Statement, line: ProgramLine) -> frozenset[str] | None:
    """The author's own observations of a line, numbers in one form; None: none, or a wrong one."""
    if line.allowed is None or not form.observes:
        return None
    words = [Word(part, word.where) for word in line.allowed for part in word.text.split("|") if part]
    if not words:
        draft.bad(Word("", line.end), "nothing behind =>", listing(form.observes))
        return None
    found = [_token(draft, form, word) for word in words]
    return None if None in found else frozenset(token for token in found if token)


def _token(draft: ProgramDraft, form: Statement, word: Word) -> str | None:
    for family in form.observes:
        if token := _matches(family, word.text):
            return token
    expected = listing(form.observes)
    if form.verb == "spin":
        expected = "done: `sample` says what the CPU reads"
    draft.bad(word, f"`{form.verb}` cannot observe {word.text!r}", expected, _near(form, word.text))
    return None


def _matches(family: str, text: str) -> str:
    if family == _TYPED:
        typed = re.fullmatch(rf"pa={_NUMBER}\+attr={_NUMBER}\+sh=([0-3])", text)
        if typed is None:
            return ""
        pa, attribute, sh = (int(part, 0) for part in typed.groups())
        return f"pa={pa:#x}+attr={attribute:#x}+sh={sh}"
    if family in _VALUES:
        key = _VALUES[family]
        if not text.startswith(key):
            return ""
        rest = text.removeprefix(key)
        if family == "at=PA":
            parts = rest.split("+")
            if rest == "none":
                return text
            return key + "+".join(f"{int(p, 0):#x}" for p in parts) if all(map(_is_number, parts)) else ""
        return f"{key}{int(rest, 0):#x}" if _is_number(rest) else ""
    if family.endswith("@IPA"):
        head, _, rest = text.partition("@")
        return f"{head}@{int(rest, 0):#x}" if head == family[:-4] and _is_number(rest) else ""
    return text if text == family else ""


def _is_number(text: str) -> bool:
    return re.fullmatch(_NUMBER, text) is not None and not re.fullmatch(r"0[0-9]+", text)


def _near(form: Statement, text: str) -> str:
    """The nearest observation, with the author's own address kept."""
    head, mark, rest = text.partition("@") if "@" in text else text.partition("=")
    heads = {re.split("[@=]", family)[0]: family for family in form.observes if family != _TYPED}
    near = nearest(head, heads)
    if not near:
        return ""
    family = heads[near]
    if family.endswith("@IPA"):
        return f"{near}@{rest}" if mark == "@" else family
    if family in _VALUES:
        return f"{near}={rest}" if mark == "=" and _is_number(rest) else family
    return family
