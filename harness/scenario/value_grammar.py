# SPDX-License-Identifier: GPL-2.0-only
"""The little languages inside values: conditions, counts, durations, sizes, regular expressions.

Every function raises ``ValueError`` with what was expected; the caller knows the place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import closest
from harness.level import Level
from harness.scenario.language import PLACE_KINDS, Limit, Pattern, Place, Scalar

VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")

_COMPARISON = re.compile(r"(!=|<=|>=|<|>) (\S.*)")
_NUMBER = re.compile(r"-?[0-9]+|0x[0-9a-fA-F]+")
_COUNT = re.compile(r"(?:(==|!=|<=|>=|<|>) ?)?([0-9]{1,18})")
_DURATION = re.compile(r"([1-9][0-9]{0,11})(us|ms|s)")
_EVENTS = re.compile(r"([1-9][0-9]{0,8}) events?")
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 1_000_000}
_SIZE = re.compile(r"([1-9][0-9]{0,6})([MG])")
_AT_LEVEL = re.compile(r"(l[0-9]+):(.*)")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a field.

    ``variable``   the name behind ``$``
    ``binds``      whether the variable gets its value here when it has none
    ``names``      plain words it compares with, for checks against the known names
    """

    variable: str = ""
    names: tuple[str, ...] = ()
    binds: bool = False


def condition(value: Scalar) -> Condition:
    """Take a condition of an event pattern apart.

    Forms: an integer or word (equal), ``a|b`` (one of), ``$x`` (bind or agree), ``!= v`` and ``!= a|b``,
    ``< n``, ``<= n``, ``> n``, ``>= n`` with an integer; a comparison also with a variable that is bound.
    """
    if not isinstance(value, str):
        return Condition()
    if value.startswith("$"):
        return Condition(variable=_variable(value), binds=True)
    if match := _COMPARISON.fullmatch(value):
        operator, operand = match.groups()
        if operand.startswith("$"):
            return Condition(variable=_variable(operand))
        if operator == "!=":
            return Condition(names=_words(operand, f'values after "{operator}"'))
        if not _NUMBER.fullmatch(operand):
            raise ValueError(f'an integer or a variable after "{operator}"')
        return Condition()
    if value[:1] in "!<>=":  # also the empty string
        raise ValueError('a value, $x, a|b or a comparison such as "!= 0"')
    return Condition(names=_words(value, "alternatives such as a|b"))


def _variable(text: str) -> str:
    if not VARIABLE.fullmatch(text):
        raise ValueError("a variable such as $v")
    return text[1:]


def _words(text: str, expected: str) -> tuple[str, ...]:
    words = text.split("|")
    if any(not word or word != word.strip() or "$" in word for word in words):
        raise ValueError(expected)
    return tuple(word for word in words if not _NUMBER.fullmatch(word))


def alternatives(values: Iterable[str | int]) -> str:
    """A list of plain values as the condition ``a|b``."""
    words = [str(value) for value in values]
    if any(not word or word != word.strip() or "|" in word or word[:1] in "$!<>=" for word in words):
        raise ValueError("a list of plain values")
    return "|".join(words)


def variables(fields: Pattern) -> set[str]:
    """The names bound or required by the conditions of a pattern; faulty conditions count for nothing."""
    found = set()
    for value in fields.values():
        try:
            found.add(condition(value).variable)
        except ValueError:
            continue
    return found - {""}


def count(value: str | int) -> str:
    """Normalise a count to ``"<operator> <number>"``; a bare number means exactly that many."""
    match = _COUNT.fullmatch(str(value))
    if match is None:
        raise ValueError('a count such as 1 or ">= 1"')
    return f"{match[1] or '=='} {int(match[2])}"


def duration_us(text: str) -> int:
    """``500us``, ``2ms`` or ``1s`` in microseconds."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration such as 500us, 2ms or 1s")
    return int(match[1]) * _MICROSECONDS[match[2]]


def limit(text: str) -> Limit:
    """``2ms`` or ``3 events`` as a limit."""
    if match := _EVENTS.fullmatch(text):
        return Limit(events=int(match[1]))
    try:
        return Limit(us=duration_us(text))
    except ValueError:
        raise ValueError("a duration such as 500us, 2ms or 1s, or a distance such as 3 events") from None


def memory_mib(text: str) -> int:
    """``768M`` or ``2G`` in MiB."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("a size such as 768M or 2G")
    return int(match[1]) * (1024 if match[2] == "G" else 1)


def memory_kib(text: str) -> int:
    """``392960K``, ``768M`` or ``2G`` in KiB."""
    if re.fullmatch(r"[1-9][0-9]{0,8}K", text):
        return int(text[:-1])
    return memory_mib(text) << 10


PLACE = (
    "FUNCTION, 'FUNCTION return', 'FUNCTION call CALLEE', 'FUNCTION after CALLEE' or 'FUNCTION test NUMBER'"
)
_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_ORDINAL = re.compile(r"[1-9][0-9]{0,3}")


def place(text: str) -> Place:
    """A place in a kernel: ``f``, ``f return``, ``f call g``, ``f after g`` or ``f test 2``."""
    words = text.split()
    if not words or not _SYMBOL.fullmatch(words[0]):
        raise ValueError(PLACE)
    if len(words) == 1:
        return Place(words[0])
    if words[1] not in PLACE_KINDS:
        near = closest(words[1], PLACE_KINDS)
        raise ValueError(PLACE + (f" (did you mean {near!r}?)" if near else ""))
    last = _ORDINAL if words[1] == "test" else _SYMBOL
    if len(words) != (2 if words[1] == "return" else 3) or not all(map(last.fullmatch, words[2:])):
        raise ValueError(PLACE)
    return Place(*words)


def expression(text: str) -> re.Pattern[str]:
    """Compile a regular expression as the checks will; ``^`` and ``$`` match at lines."""
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"a regular expression ({error})") from None


def level_path(text: str) -> tuple[Level, str] | None:
    """Split ``l1:/path``; None for a path of this machine."""
    match = _AT_LEVEL.fullmatch(text)
    if match is None:
        return None
    try:
        level, path = Level.parse(match[1]), match[2]
    except ValueError:
        raise ValueError("l0, l1 or l2 before the colon") from None
    if not path.startswith("/") or path.endswith("/"):
        raise ValueError("an absolute path of a file behind the level")
    return level, path


def listed(words: Iterable[str]) -> str:
    """Words quoted with $ for messages about variables."""
    return ", ".join(f"${word}" for word in sorted(words))
