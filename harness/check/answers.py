# SPDX-License-Identifier: GPL-2.0-only
"""What the bare-metal questions (images/payloads/model) print, as data."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.arch.syndrome import explain
from harness.arch.table import load

_NUMBER = re.compile(
    r"\b(?:0x[0-9a-f]+|[0-9]+)\b|\b(?:first|a middle|middle|last)\b|\b(?:read|write|execute)\b"
)
"""What varies between alike cases: numbers, which page of a leaf or range, and the kind of access."""
MISSING = (1 << 64) - 1
OLD, NEW = 0xAA, 0xBB
"""A_VALUE and B_VALUE of images/payloads/model/model.h: what is in the page mapped first, and in the last."""
PAGES = {OLD: "the old page", NEW: "the new page"}
OTHER_LEVEL = 1 << 63


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(each.name for each in load())


@dataclass(frozen=True, slots=True)
class Wrong:
    """One answer that is not as it must be.

    ``what`` was looked at (a value, ESR, FAR_EL2, memory, ...); ``rule``: where the architecture says so.
    """

    group: str
    case: str
    what: str
    required: int
    seen: int
    rule: str

    def __str__(self) -> str:
        what = self.what.partition(",")[0]
        if what == "value" and self.required in PAGES and self.seen in PAGES:
            still = ", so the old translation is still used" if self.seen == OLD else ""
            return f"{self.case}: must read {PAGES[self.required]}, reads {PAGES[self.seen]}{still}"
        return f"{self.case}: {what} must be {self._required()}, is {self._seen()}"

    def _required(self) -> str:
        text = f"{self.required:#x}"
        return f"{text} ({explain(self.required)})" if self.what.startswith("ESR") else text

    @property
    def operation(self) -> str:
        """The TLBI operation that the case is about, as it is named there; "" for none."""
        word = self.case.removeprefix("before ").partition(" ")[0].strip(",:")
        return word if word in _names() else ""

    @property
    def kind(self) -> tuple[str, ...]:
        """What alike answers share: everything but the operation and the numbers of the case."""
        case = self.case.replace(self.operation, "", 1) if self.operation else self.case
        return self.group, self.what, self.rule, _NUMBER.sub("N", case)

    def _seen(self) -> str:
        if self.what.startswith("ESR"):
            if self.seen == MISSING:
                return "none: no exception was taken"
            esr = self.seen & ~OTHER_LEVEL
            elsewhere = " at another Exception level" if self.seen & OTHER_LEVEL else ""
            return f"{esr:#x}{elsewhere} ({explain(esr)})"
        if "got ESR" in self.what:
            return f"an exception, {self.what.rpartition(' ')[2]} {self.seen:#x} ({explain(self.seen)})"
        return f"{self.seen:#x}"


@dataclass(frozen=True, slots=True)
class AnswerGroup:
    """How many answers a group compared, and how many of them were wrong."""

    name: str
    checks: int
    failed: int


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """A PE that did not come back from what it was asked, at exception level ``el`` and ``pc``.

    ``instruction`` is the word there, 0 when it is not in RAM; ``pc`` is 0 when nobody knows.
    """

    group: str
    case: str
    pe: int
    el: int
    pc: int
    instruction: int


@dataclass(frozen=True, slots=True)
class Answers:
    """One run of the questions. ``skipped``: groups that this model's features leave out, and why.

    ``stopped``: why the questions did not come to their end, empty when they did. ``late``: the PE that did
    not come back. ``longest_ns``: the longest stay below EL2, in the machine's own time. ``instructions``:
    how many the machine executed, as far as it was seen; 0 where it counts none.
    """

    features: dict[str, int] = field(default_factory=dict)
    groups: tuple[AnswerGroup, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    late: LateAnswer | None = None
    longest_ns: int = 0
    instructions: int = 0

    @property
    def checks(self) -> int:
        """Comparisons in all."""
        return sum(each.checks for each in self.groups)


RESTORED = "restored"
"""What the program of a machine that was saved and restored tells (images/payloads/model/live)."""
MODIFIED = "modified"
"""What the program tells that modifies code (images/payloads/model/modified)."""
APART = (RESTORED, MODIFIED)
"""Groups of programs of their own."""
GROUPS = (
    "faults",
    "permissions",
    "walks",
    "leaves",
    "ranges",
    "tags",
    "translate",
    "traps",
    "nested",
    "flags",
    "syndromes",
    "controls",
    "sizes",
    "attributes",
    "host",
    "fine",
    "shapes",
    "memory",
    "redirected",
    "el2",
    "entries",
    "interrupts",
    "timers",
    "aliases",
    "corners",
    "vhe",
    "words",
    "pstate",
    "indirect",
    "own",
    "updates",
    "recent",
    "accesses",
    "guests",
    "bits",
    "routes",
    "kept",
    "wide",
    "lower",
    "vectors",
    "debug",
    "performance",
)


def _failure(words: Sequence[str]) -> Wrong:
    group, case, what, required, seen, rule = words
    return Wrong(group, case, what, int(required, 16), int(seen, 16), rule)


def failures(text: str) -> tuple[Wrong, ...]:
    """Return what a program of one group told to be wrong; ``ValueError`` for a line that makes no sense."""
    lines = (line.strip().split("|") for line in text.splitlines())
    return tuple(_failure(words[1:]) for words in lines if words[0] == "fail")


def parse(text: str) -> Answers:
    """Read what a run printed, as far as it came; ``stopped`` says what is wrong with its form.

    A run is whole when it says so, and each group is there once, with checks or with a reason why it was left
    out.
    """
    features: dict[str, int] = {}
    groups: list[AnswerGroup] = []
    wrong: list[Wrong] = []
    skipped: dict[str, str] = {}
    stopped, done, longest = "", False, 0
    late: LateAnswer | None = None
    for line in text.splitlines():
        kind, *words = line.strip().split("|")
        try:
            match kind:
                case "features":
                    pairs = (word.partition("=") for word in words[0].split())
                    features = {key: int(value) for key, _, value in pairs}
                case "group":
                    groups.append(AnswerGroup(words[0], int(words[1]), int(words[2])))
                case "fail":
                    wrong.append(_failure(words))
                case "skip":
                    skipped[words[0]] = words[1]
                case "fatal":
                    stopped = f"the program gave up: {words[0]}"
                case "late":
                    group, case, *numbers = words
                    pe, el, pc, instruction = (int(each, 0) for each in numbers)
                    late = LateAnswer(group, case, pe, el, pc, instruction)
                    stopped = stopped or f"PE {pe} did not come back: {group}: {case}"
                case "longest":
                    longest = int(words[0])
                case "done":
                    done = True
        except (ValueError, IndexError):
            stopped = stopped or f"a line makes no sense: {line.strip()!r}"
    told = [each.name for each in groups if each.checks] + list(skipped)
    missing = [name for name in GROUPS if name not in told]
    if not done:
        stopped = (
            stopped or f"the questions did not come to their end, but to {missing[0] if missing else 'it'}"
        )
    elif missing or len(told) != len(GROUPS):
        stopped = stopped or f"they told of {', '.join(told) or 'nothing'} instead of {', '.join(GROUPS)}"
    return Answers(features, tuple(groups), tuple(wrong), skipped, stopped, late, longest)
