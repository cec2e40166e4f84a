# SPDX-License-Identifier: GPL-2.0-only
"""The calls of our own programs in a ``run:``, found without a shell, and what is wrong with their words.

A word with ``$`` or a backquote has a value that only the shell knows: it may be anything, and where an
option is expected the rest of that call is not looked at. A program that is called by its path is not either.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.document.nodes import Node, listing, shown
from harness.errors import Problem, closest, edits
from harness.scenario.programs import OTHERS, PROGRAMS, PayloadProgram, Value

_TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t\r]|\\\n)+)
      | (?P<comment>\#[^\n]*)
      | (?P<redirect>[0-9]*[<>]+[&|]?[ \t]*[^\s;&|()]*)
      | (?P<control>\n|;+|&+|\|+|[()])
      | (?P<word>(?:[^\s;&|()<>'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_BEFORE_A_COMMAND = frozenset(
    ("!", "{", "}", "if", "then", "elif", "else", "while", "until", "do", "time", "exec", "env", "nice")
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_OURS = re.compile(r"nvh-[a-z]+")
_NEAR = 2
"""How many edits a name of a program may be away from one of ours to be taken for that."""


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a command: as written, where it begins in the text, and what the shell makes of it.

    ``value`` is None where only the shell knows.
    """

    raw: str
    at: int
    value: str | None


def check(node: Node) -> Iterator[Problem]:
    """All that is wrong with calls of our programs in the command that ``node`` holds."""
    text = node.text or ""
    for words in _calls(text):
        name = words[0].value or ""
        if name in PROGRAMS:
            told = _Call(node, text, name, PROGRAMS[name])
            yield from told.check(words[1:])
        elif _OURS.fullmatch(name) and name not in OTHERS:
            near = closest(name, (*PROGRAMS, *OTHERS))
            if near and edits(name, near) <= _NEAR:
                yield _at(node, text, words[0], f"there is no program {shown(name)}", "", near)


def _calls(text: str) -> Iterator[list[_Word]]:
    """The words of each simple command that begins with a plain name."""
    words: list[_Word] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "redirect" and match.group().lstrip("0123456789").startswith("<<"):
            break  # a document of its own follows
        if kind in ("control", "other"):
            if words:
                yield words
            words = []
        elif kind == "word":
            word = _word(match.group(), match.start())
            skipped = word.raw in _BEFORE_A_COMMAND or _ASSIGNMENT.match(word.raw)
            if words or not skipped:
                words.append(word)
    if words:
        yield words


def _word(raw: str, at: int) -> _Word:
    if "`" in raw or "$" in re.sub(r"'[^']*'", "", raw):
        return _Word(raw, at, None)
    try:
        parts = shlex.split(raw)
    except ValueError:
        return _Word(raw, at, None)
    return _Word(raw, at, parts[0] if parts else "")


def _at(node: Node, text: str, word: _Word, found: str, expected: str = "", near: str = "") -> Problem:
    """A problem of one word of the command, at its place in the file."""
    place = node.place_of(word.raw, text.count(word.raw, 0, word.at), text.count(word.raw))
    return replace(node.problem(found, expected, near), where=place)


@dataclass(frozen=True, slots=True)
class _Call:
    node: Node
    text: str
    name: str
    program: PayloadProgram

    def _bad(self, word: _Word, found: str, expected: str = "", near: str = "") -> Problem:
        return _at(self.node, self.text, word, found, expected, near)

    def check(self, words: Sequence[_Word]) -> Iterator[Problem]:
        """What the program would refuse."""
        if len(words) == 1 and words[0].value in self.program.alone:
            return
        rest = list(words)
        if self.program.first is not None:
            if not rest:
                whole = _Word(self.name, self.text.index(self.name), self.name)
                yield self._bad(whole, f"{self.name} without {self.program.first.kind}")
                return
            yield from self._first(rest, self.program.first)
        while rest:
            word = rest.pop(0)
            if word.value is None:
                return
            key, equals, value = word.value.partition("=")
            name = self._option(key)
            if not name:
                known = [*self.program.options, *self.program.alone]
                what = "option" if key.startswith("-") else "operand"
                near = closest(key, known) if key.startswith("-") else ""
                yield self._bad(word, f"{self.name} has no {what} {shown(word.value)}", listing(known), near)
                if rest and not (rest[0].value or "-").startswith("-"):
                    rest.pop(0)  # its value, perhaps
                continue
            takes = self.program.options[name]
            if equals and not (self.program.abbreviates and takes is not None):
                yield self._bad(
                    word, f"{shown(word.value)} of {self.name}", f"{name} and its value as two words"
                )
            elif equals and takes is not None:
                yield from self._value(replace(word, value=value), takes, name)
            elif takes is not None and not rest:
                yield self._bad(word, f"{name} without a value", self._kind(takes))
            elif takes is not None:
                yield from self._value(rest.pop(0), takes, name)

    def _first(self, rest: list[_Word], takes: Value) -> Iterator[Problem]:
        """What stands before all options, taken from ``rest``; an option that there is not is skipped."""
        word = rest[0]
        if word.value is None or not word.value.startswith("-"):
            yield from self._value(rest.pop(0), takes, takes.kind)
            return
        what = (
            f"{takes.kind} first, as in `{self.name} {next(iter(takes.words))}`"
            if takes.words
            else takes.kind
        )
        yield self._bad(word, f"{self.name} begins with the option {shown(word.value)}", what)
        if not self._option(word.value.partition("=")[0]):
            rest.pop(0)
            if rest:
                yield from self._value(rest.pop(0), takes, takes.kind)

    def _option(self, key: str) -> str:
        """The option that ``key`` means, or an empty string."""
        options = self.program.options
        if key in options or not self.program.abbreviates or not key.startswith("--"):
            return key if key in options else ""
        begun = [option for option in options if option.startswith(key)]
        return begun[0] if len(begun) == 1 else ""

    def _kind(self, takes: Value) -> str:
        return listing(takes.words) if takes.words else takes.kind

    def _value(self, word: _Word, takes: Value, of: str) -> Iterator[Problem]:
        if word.value is None or takes.accepts(word.value):
            return
        if of.startswith("--"):
            found = f"{of} {word.value}" if word.value else f"{of} with an empty value"
        else:
            found = f"unknown {of.removeprefix('an ').removeprefix('a ')} {shown(word.value)}"
        near = closest(word.value, takes.words) if takes.words else ""
        yield self._bad(word, f"{found} of {self.name}", self._kind(takes), near)
