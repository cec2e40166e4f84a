# SPDX-License-Identifier: GPL-2.0-only
"""Splats in a console's text: which lines begin one, and what makes two of them the same.

Two splats are the same cause when they are of one kind and in one function of one file. The line number is
told but makes no difference where the function is known: it moves from build to build, and bisection,
acceptance and the night compare builds. Without a function the file and its line count, without either what
the line says, numbers aside.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

SPLATS = Path(__file__).with_name("splats.yaml")

# The start of the line, or printk's "[   12.345678][  T123] " wherever other output left the cursor.
_PREFIX = r"(?:^(?:<\d+>)?|\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ?)"
_EXCERPT = 12
_REACH = 60
"""Lines after its first in which a splat's ``pc`` is looked for: an abort's description precedes it."""
_END = "---[ end trace"
FATAL = frozenset({"panic", "oops", "stack-overflow", "serror", "bad-mode"})
"""Kinds after which a kernel does not do what it was asked: it stands still, or a task died with locks."""
_TEXT = 160
_CALLS = "Call trace:"
_FRAMES = 8
"""How many functions of a call trace a message has."""

_SYMBOL = r"(?P<function>[A-Za-z_][\w.$]*)\+0x[0-9a-f]+/0x[0-9a-f]+"
_PLACE = r"(?P<place>[\w./+-]+\.[chS]:\d+)"
_FIRST = (
    re.compile(rf"WARNING: CPU: \d+ PID: \d+ at {_PLACE} {_SYMBOL}"),
    re.compile(rf"WARNING: (?:{_PLACE} )?at {_SYMBOL}"),
    re.compile(rf"kernel BUG at {_PLACE}"),
    re.compile(rf"BUG: K[A-Z]+: .+ in {_SYMBOL}"),
    re.compile(rf"UBSAN: .+ in {_PLACE}"),
)
_PC = re.compile(rf"\bpc : {_SYMBOL}")
_FRAME = re.compile(rf"^(?:<\d+>)?(?:\[ *\d+\.\d{{6}}\](?:\[ *[TC]\d+\])?)? +\??\s*{_SYMBOL}")
_COMPILER = re.compile(r"\.(?:isra|constprop|part|cold|llvm)\b.*")
_STAMP = re.compile(r"(?:<\d+>)?(?:\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ?)?")
_VOLATILE = (
    (re.compile(r"\b0x[0-9a-f]+\b|\b[0-9a-f]{8,}\b", re.IGNORECASE), "X"),
    (re.compile(r"(?<![A-Za-z_0-9])\d+(?:\.\d+)?"), "N"),
)


@dataclass(frozen=True, slots=True)
class SplatKind:
    """A kind of splat: its name and the expression that finds the first line of one."""

    name: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class SplatKey:
    """What a splat is: its ``kind``, and as far as its lines tell the ``function`` (without what the compiler
    appends) and the ``place`` (``file:line``); ``text`` is its first line where they tell neither.
    """

    kind: str
    function: str = ""
    place: str = ""
    text: str = ""

    def __str__(self) -> str:
        where = " at ".join(word for word in (self.function, self.place) if word)
        return f"{self.kind} in {where}" if where else f"{self.kind}: {self.text}"

    @property
    def same(self) -> tuple[str, ...]:
        """Equal for two splats of one cause."""
        file = self.place.rpartition("/")[2]
        if self.function:
            return self.kind, self.function, file.partition(":")[0]
        return self.kind, file, self.text

    @property
    def cause(self) -> str:
        """What ``same`` tells apart, in words: no line number where the function or the file is known."""
        kind, *rest = self.same
        where = next((word for word in rest if word), "")
        return f"{kind} in {where}" if where and where != self.text else f"{kind}: {where}"

    def to_bindings(self) -> dict[str, str]:
        """As bindings of a finding, from which ``from_bindings`` makes it again."""
        named = {"splat": self.kind, "function": self.function, "place": self.place, "text": self.text}
        return {name: value for name, value in named.items() if value}

    @classmethod
    def from_bindings(cls, bindings: Mapping[str, str]) -> SplatKey | None:
        """Return the key that a finding's bindings hold; None for a finding of anything else."""
        if "splat" not in bindings:
            return None
        return cls(bindings["splat"], *(bindings.get(name, "") for name in ("function", "place", "text")))


@dataclass(frozen=True, slots=True)
class Splat:
    """One splat: ``line`` counts from 1, ``excerpt`` is that line and the next ones.

    ``trace`` are the functions of its call trace, the innermost first, as far as it has one.
    """

    kind: str
    line: int
    excerpt: tuple[str, ...]
    key: SplatKey
    trace: tuple[str, ...] = ()


@functools.cache
def splat_kinds() -> tuple[SplatKind, ...]:
    """The shipped kinds of splats, in the order in which they are tried."""
    data = yaml.safe_load(SPLATS.read_text(encoding="utf-8"))
    return tuple(SplatKind(name, re.compile(_PREFIX + f"(?:{pattern})")) for name, pattern in data.items())


def find_splats(console: str) -> list[Splat]:
    """Every line of a console log that begins a splat, each under the first kind that fits."""
    lines = [line.rstrip("\r") for line in console.split("\n")]
    found = []
    for number, line in enumerate(lines, 1):
        for kind in splat_kinds():
            if kind.pattern.search(line):
                excerpt = tuple(lines[number - 1 : number - 1 + _EXCERPT])
                key = _key(kind, lines[number - 1 : number - 1 + _REACH])
                trace = _trace(lines[number : number - 1 + _REACH])
                found.append(Splat(kind.name, number, excerpt, key, trace))
                break
    return found


def _trace(lines: Sequence[str]) -> tuple[str, ...]:
    """The functions of the call trace that follows a splat's first line, up to the end of the splat."""
    found: list[str] = []
    begun = False
    for line in lines:
        if _END in line:
            break
        if _CALLS in line:
            begun = True
        elif begun and (match := _FRAME.search(line)):
            found.append(_COMPILER.sub("", match["function"]))
        elif begun:
            break
    return tuple(found[:_FRAMES])


def fatal(console: str) -> str:
    """Say what ended a kernel in mid-work, as ``headline`` does; empty when nothing in this text did.

    A warning, a report of a sanitizer or a stall is no reason to stop: the kernel goes on.
    """
    splats = find_splats(console)
    return headline(splats) if any(splat.kind in FATAL for splat in splats) else ""


def headline(splats: Sequence[Splat]) -> str:
    """One line on a console's splats: the cause first, then what else there is and where it begins."""
    first: dict[tuple[str, ...], SplatKey] = {}
    for splat in splats:
        first.setdefault(splat.key.same, splat.key)
    keys = list(first.values())
    others = "".join(f"; then {key}" for key in keys[1:4])
    more = f"; and {len(keys) - 4} more" if len(keys) > 4 else ""
    noun = "splat line" if len(splats) == 1 else "splat lines"
    return f"{keys[0]}{others}{more} ({len(splats)} {noun}, the first at line {splats[0].line})"


def _key(kind: SplatKind, lines: Sequence[str]) -> SplatKey:
    function = place = ""
    for pattern in _FIRST:
        if match := pattern.search(lines[0]):
            named = match.groupdict()
            function, place = named.get("function") or "", named.get("place") or ""
            break
    for line in [] if function else lines[1:]:
        if _END in line:
            break
        if match := _PC.search(line):
            function = match["function"]
            break
    if function or place:
        return SplatKey(kind.name, _COMPILER.sub("", function), place)
    begun = kind.pattern.search(lines[0])
    text = _STAMP.sub("", lines[0][begun.start() if begun else 0 :], count=1)
    for expression, instead in _VOLATILE:
        text = expression.sub(instead, text)
    return SplatKey(kind.name, text=" ".join(text.split())[:_TEXT])
