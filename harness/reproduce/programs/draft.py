# SPDX-License-Identifier: GPL-2.0-only
"""One program while it is read: what its lines have said, and how a word becomes a number or a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.errors import Problem
from harness.program.addresses import GRANULES, NAMES, default_sl0, fits, input_bits, level_size
from harness.program.program import Action, Context, InitialMemory, World
from harness.reproduce.programs.grammar import CONTEXTS_MAX, MemoryRegion
from harness.reproduce.programs.words import ProgramLine, Word, nearest

MAX = (1 << 64) - 1


def listing(words: Sequence[str]) -> str:
    """``a, b or c``."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


@dataclass
class ProgramDraft:
    """A program of which ``begun`` is the first line. Every mistake goes to ``problems``."""

    begun: ProgramLine
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    name: str = ""
    cpus: int = 1
    hide: str = ""
    e2h0: bool = False
    pressure: int = 0
    shift: int = 0
    contexts: dict[int, Context] = field(default_factory=dict)
    declared: dict[int, Word] = field(default_factory=dict)
    words: dict[int, int] = field(default_factory=dict)
    code: dict[int, int] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)
    actions: list[tuple[Action, ProgramLine]] = field(default_factory=list)
    cpu: int = 0
    spinning: set[int] = field(default_factory=set)
    spun: set[int] = field(default_factory=set)
    missed: set[int] = field(default_factory=set)
    written: dict[int, frozenset[str] | None] = field(default_factory=dict)

    @property
    def memory(self) -> InitialMemory:
        """What the program's data memory holds before."""
        return InitialMemory(tuple(self.words.items()), tuple(self.code.items()), tuple(self.frames))

    @property
    def world(self) -> World:
        """Its contexts, in order."""
        contexts = tuple(self.contexts[number] for number in sorted(self.contexts))
        return World(self.shift or 12, contexts, self.cpus, self.hide, self.e2h0, self.pressure)

    def bad(self, word: Word, found: str, expected: str = "", near: str = "") -> None:
        """Report ``word``."""
        self.problems.append(word.problem(found, expected, near))

    def number(self, word: Word, what: str, low: int = 0, high: int = MAX, expected: str = "") -> int | None:
        """``word`` as a number of ``low`` to ``high``, or None, and it is reported."""
        within = expected or f"{what}, {low} to {high if high < 0x10000 else hex(high)}"
        try:
            value = int(word.text, 0)
        except ValueError:
            self.bad(word, f"{word.text!r} is not a number", within)
            return None
        if not low <= value <= high:
            self.bad(word, f"{word.text} is out of range", within)
            return None
        return value

    def aligned(self, word: Word, value: int, unit: int, why: str) -> bool:
        """Whether ``value`` is a multiple of ``unit``; reported if not."""
        if value % unit == 0:
            return True
        self.bad(word, f"{value:#x} is not a multiple of {unit:#x}", why, f"{value & ~(unit - 1):#x}")
        return False

    def within(self, word: Word, value: int, regions: Sequence[MemoryRegion], size: int = 8) -> bool:
        """Whether ``size`` bytes from ``value`` lie in one of ``regions``; reported if not."""
        if any(region.start <= value and value + size <= region.end for region in regions):
            return True
        room = listing([f"{region} ({region.what})" for region in regions])
        names = listing([region.name for region in regions])
        self.bad(word, f"{value:#x} is not in the {names} memory", room)
        return False

    def no_more(self, words: Sequence[Word], count: int, also: str = "") -> None:
        """Report what stands behind the first ``count`` of ``words``, where ``also`` might stand, too."""
        if len(words) > count:
            near = nearest(words[count].text, [also]) if also else ""
            self.bad(words[count], f"{words[count].text!r} is one word too many", "the end of the line", near)

    def choice(self, word: Word, choices: Iterable[str], what: str) -> str | None:
        """``word`` if it is one of ``choices``, or None, and the nearest is named."""
        known = list(choices)
        if word.text in known:
            return word.text
        expected = listing(known) if len(known) <= 10 else f"one of {len(known)} (docs/programs.md)"
        self.bad(word, f"there is no {what} {word.text!r}", expected, nearest(word.text, known))
        return None

    def context(self, word: Word) -> int | None:
        """The number of a declared context; one that is not is reported once."""
        number = self.number(word, "a context", 0, CONTEXTS_MAX - 1)
        if number is None or number in self.contexts:
            return number
        if number not in self.missed:
            self.missed.add(number)
            known = [str(each) for each in sorted(self.contexts)]
            self.bad(
                word,
                f"context {number} is not declared",
                listing(known) if known else "a line `context 0 granule=4k vmid=1 s2` before",
            )
        return None

    def which_cpu(self, word: Word, low: int = 0) -> int | None:
        """The number of a CPU of the program."""
        has = f"the program has cpus={self.cpus}"
        if self.cpus <= low:
            self.bad(word, f"there is no CPU {word.text}", f"cpus={low + 1} in its first line: {has}")
            return None
        what = listing([str(each) for each in range(low, self.cpus)])
        return self.number(word, "a CPU", low, self.cpus - 1, f"CPU {what}: {has}")

    def granule(self, word: Word) -> None:
        """``granule=`` of a context: one for all of a program."""
        name = self.choice(word.value(), GRANULES, "granule")
        if name is None:
            return
        if self.shift and self.shift != GRANULES[name]:
            self.bad(
                word, f"granule {name}", f"{NAMES[self.shift]}, which the contexts before have: one for all"
            )
        self.shift = self.shift or GRANULES[name]

    def leaf(self, level: int) -> int:
        """Bytes of a leaf of L2's tables."""
        return level_size(self.shift or 12, level)

    def start(self, context: Context) -> int:
        """The level at which stage 2 of ``context`` begins."""
        shift = self.shift or 12
        bits = context.s2_bits or input_bits(shift)
        sl0 = (
            context.sl0
            if context.sl0 is not None and fits(shift, bits, context.sl0)
            else default_sl0(shift, bits)
        )
        return (2 if shift == 12 else 3) - sl0

    def unfit(self, context: Context) -> bool:
        """Whether SL0 does not fit the input size, so that L2 cannot be fetched."""
        bits = context.s2_bits or input_bits(self.shift or 12)
        return context.s2 and context.sl0 is not None and not fits(self.shift or 12, bits, context.sl0)
