# SPDX-License-Identifier: GPL-2.0-only
"""In which order a hunt goes through its programs: some schedules of one, then of the next.

What a program can show mostly shows in its first schedules: these are what the whole hunt has not tried yet
(draw.py). So each way of each kind has a few before any has more.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.reproduce.races import conflicts
from harness.reproduce.races.conflicts import RaceProgram
from harness.reproduce.races.draw import Drawer
from harness.reproduce.races.machine import RaceTrial
from harness.reproduce.races.schedule import MOST_BITS

SLICE = 14
"""Schedules of a program before it is another one's turn: what a program shows mostly shows in ten."""
SLICE_COST = 1_000_000_000
"""What a turn may cost (``Done.cost``): 14 schedules of most programs, ``LEAST`` where another VM ends."""
LEAST = 3
DRAWS = 84
WIDE_DRAWS = 12
"""Of programs with shadows of 48 bits, at most."""
WIDE_PATIENCE_US = 20_000
"""Of a hold where shadows have 48 bits: a walk over all of one takes so long."""
VAIN = 10
"""Schedules after which a program is given up, if in most of them the CPUs did not meet: they hardly can."""


@dataclass
class ProgramUnderWay:
    """Program ``number`` of a hunt, of a ``kind``, between its turns.

    ``drawer``: there is none before its first two runs; ``tried``: what was run; ``vain``: in how many of its
    schedules nobody met; ``slices``: how many turns it has had.
    """

    number: int
    kind: str
    made: RaceProgram
    rng: random.Random
    trial: RaceTrial
    drawer: Drawer | None = None
    tried: list[RaceTrial] = field(default_factory=list)
    draws: int = 0
    vain: int = 0
    slices: int = 0
    ended: bool = False

    @property
    def patience_us(self) -> int:
        """How long its holds may hold; 0: as long as they do by themselves."""
        return WIDE_PATIENCE_US if self.trial.pa_bits == MOST_BITS else 0

    @property
    def over(self) -> bool:
        """Whether it has shown what it can."""
        most = WIDE_DRAWS if self.patience_us else DRAWS
        vain = self.vain >= VAIN and 3 * self.vain > 2 * self.draws
        return self.ended or vain or self.draws >= most

    def turn_is_over(self, draws: int, cost: int, vain: int = 0) -> bool:
        """Whether it is another one's turn, after so many schedules at such a cost, ``vain`` of them in vain.

        Else one dear program would take a kind's share for the rest of the hunt, and so would one whose CPUs
        hardly meet.
        """
        return draws >= SLICE or (draws >= LEAST and (cost > SLICE_COST or 3 * vain > 2 * draws))


class RaceAgenda:
    """The programs of worker ``first`` of ``stride``, whose number is theirs in the hunt with ``seed``.

    Of some ``kinds`` alone, or of all.
    """

    def __init__(self, seed: str, first: int, stride: int, kinds: Sequence[str] = ()) -> None:
        self._seed, self._first, self._stride = seed, first, stride
        self._kinds = [each for each in conflicts.kinds_of(seed, first) if not kinds or each in kinds]
        self._begun: Counter[str] = Counter()
        self._all = 0
        self._under_way: dict[str, list[ProgramUnderWay]] = {}
        self.spent: Counter[str] = Counter()
        """Instructions of each kind of program, by which its turn comes."""

    def next(self) -> ProgramUnderWay:
        """The one whose turn it is: of the kind that has had least, the one that has had least of its kind.

        A new one comes as if it had had as many turns as there were rounds of new ones before.
        """
        kind = min(self._kinds, key=lambda each: self.spent[each])
        mine = self._under_way.setdefault(kind, [])
        mine[:] = [each for each in mine if not each.over]
        rounds = self._begun[kind] * self._stride // conflicts.first_round(kind)
        oldest = min(mine, key=lambda each: each.slices, default=None)
        return oldest if oldest and oldest.slices < rounds else self.begin(kind)

    def begin(self, kind: str) -> ProgramUnderWay:
        """A new one of a kind; ``RuntimeError`` when none comes of many tries."""
        number = self._first + self._all * self._stride
        turn = self._first + self._begun[kind] * self._stride
        self._all += 1
        self._begun[kind] += 1
        rng = random.Random(f"{self._seed} race {number}")
        first = turn < conflicts.first_round(kind)
        made = conflicts.program(rng, kind, *conflicts.dealt(self._seed, kind, turn), narrow=first)
        found = ProgramUnderWay(number, kind, made, rng, RaceTrial(made.program, (), made.pa_bits))
        self._under_way.setdefault(kind, []).append(found)
        return found
