# SPDX-License-Identifier: GPL-2.0-only
"""Which cells judge a series, in which order, within which time. Pure: the plan follows from what is given.

The default run's cells are the pool, because they were chosen to cover all of nested TLB maintenance. To it
come cells that noticed an injected fault in a function that the series touches (images/mutants.yaml), races
that hold a CPU in one, and cells that reach a touched function which no cell of the pool is known to reach.
First come those of the pool that reach the change and were first to notice most faults, then what noticed a
fault in it or holds a CPU there, then what is not known to reach it or not (and is known once it ran), then
what else reaches it, and last what is known not to. What is left of the budget is for any other cell that
may reach it, the cheapest first.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.accept.coverage.reached import Reached

UNKNOWN_S = 15.0
"""What a cell is taken for that never ran here, in seconds."""
UNBOUNDED_S = 1e9
SPARE = 5
"""The turn of cells that fill what is left of the budget."""
EXTRA = 3
"""Cells beyond the default ones that are added for a function that none of those reaches."""


class Claim(enum.Enum):
    """Why a cell is run, with the words for it; ``it`` is what the series touches."""

    NOTICED = "noticed an injected fault in it"
    STEERS = "holds a CPU in it"
    REACHES = "reaches it"
    UNKNOWN = "not known to reach it or not"
    NAMED = "named"
    REST = "default, not seen to reach it"

    @property
    def words(self) -> str:
        """The reason, for people."""
        return self.value


@dataclass(frozen=True, slots=True)
class CellCandidate:
    """A cell that may be run: ``rank`` among the default cells (lower begins earlier), or None for others.

    ``leads``: it is one of those that were first to notice most faults (images/default.yaml). ``seconds``:
    what it usually takes, of one CPU. ``runs``: how often it runs on each side. ``steers``: the functions of
    L0 in which it holds a CPU, or until one of which it does. ``watched_s``: as ``seconds``, of a run under
    the model's trace of what L0 executes. ``spare``: it may fill what is left of the budget, because nothing
    has to be built for it. ``had``: its run on the base is there, of an earlier acceptance.
    """

    cell: str
    rank: int | None
    seconds: float | None = None
    leads: bool = False
    runs: int = 1
    steers: frozenset[str] = frozenset()
    watched_s: float | None = None
    spare: bool = True
    had: bool = False

    @property
    def cost_s(self) -> float:
        """What it is reckoned at."""
        return UNKNOWN_S if self.seconds is None else self.seconds


@dataclass(frozen=True, slots=True)
class TouchedCode:
    """A function that the series touches: its name, the symbols that hold its code, the patches."""

    name: str
    hosts: frozenset[str] = frozenset()
    patches: tuple[int, ...] = ()

    @property
    def symbols(self) -> frozenset[str]:
        """Every name under which a cell may have been seen in it."""
        return self.hosts | {self.name} if self.name else self.hosts


@dataclass(frozen=True, slots=True)
class Choice:
    """A cell of the plan: what speaks for it, the touched functions, the patches whose steps run it.

    ``seconds`` of one run, and the ``runs`` on each side; ``watched_s`` of one under the model's trace, where
    that is known. ``spare``: it has what is left of the budget when all others have theirs. ``had``: it need
    not run on the base.
    """

    cell: str
    claim: Claim
    functions: tuple[str, ...]
    patches: tuple[int, ...]
    seconds: float
    runs: int = 1
    watched_s: float | None = None
    spare: bool = False
    had: bool = False

    def both(self, slower: float) -> float:
        """Seconds of its runs on base and series."""
        return self.price(slower) * (1 if self.had else 2)

    def price(self, slower: float = 1.0) -> float:
        """Seconds of its runs on one side, the first under the model's trace if ``slower`` is not 1.

        That one takes what it took before, or else ``slower`` times as long as the others.
        """
        watched = self.seconds * slower if slower == 1.0 or self.watched_s is None else self.watched_s
        return watched + self.seconds * (self.runs - 1)

    @property
    def why(self) -> str:
        """The reason, for people."""
        what = f": {', '.join(self.functions[:3])}" if self.functions else ""
        return f"{self.claim.words}{what}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs, in its order. ``left``: default cells that the budget leaves out.

    ``between``: by patch before the last one, the cells that its own step runs. ``seconds``: the price of all
    of it on ``cpus`` CPUs, builds and snapshots apart. ``not_between``: what the budget leaves out of the
    steps between; ``unreached``: touched functions that no chosen cell is known to reach.
    """

    choices: tuple[Choice, ...] = ()
    left: tuple[Choice, ...] = ()
    between: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    not_between: int = 0
    seconds: float = 0.0
    cpus: int = 1
    unreached: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the base and of the whole series, the most telling first."""
        return tuple(each.cell for each in self.choices)

    def without(self, cells: Collection[str]) -> Plan:
        """Return the plan less ``cells``, for which there was no time after all: they are left."""
        late = tuple(each for each in self.choices if each.cell in cells)
        return dataclasses.replace(
            self,
            choices=tuple(each for each in self.choices if each.cell not in cells),
            left=late + self.left,
            between={n: tuple(c for c in some if c not in cells) for n, some in self.between.items()},
        )

    def rank(self, cell: str) -> int:
        """The cell's place in the order."""
        return next((n for n, each in enumerate(self.choices) if each.cell == cell), len(self.choices))


def ordered(
    candidates: Sequence[CellCandidate],
    changes: Sequence[TouchedCode],
    reached: Reached,
    noticed: Mapping[str, Sequence[str]],
) -> list[Choice]:
    """Return every cell worth running, the most telling first, and behind them those to fill the budget with.

    ``noticed``: function to the cells that noticed a fault there.
    """
    pool = {each.cell for each in candidates if each.rank is not None}
    killers = {cell for each in changes for name in each.symbols for cell in noticed.get(name, ())}
    steering = {each.cell for each in candidates if any(each.steers & c.symbols for c in changes)}
    wanted = pool | killers | steering
    for change in changes:
        reach = [c for c in candidates if reached.get(c.cell, frozenset()) & change.symbols]
        if not any(each.cell in wanted for each in reach):
            reach.sort(key=lambda each: (each.cost_s, each.cell))
            wanted |= {each.cell for each in reach[:EXTRA]}
    found: list[tuple[tuple[float, ...], Choice]] = []
    for each in candidates:
        choice = _choice(each, changes, reached, noticed)
        if each.cell not in wanted:
            if not each.spare or choice.claim is Claim.REST:
                continue
            choice = dataclasses.replace(choice, spare=True)
        rank = len(candidates) if each.rank is None else each.rank
        turn = SPARE if choice.spare else _turn(each, choice.claim)
        found.append(((turn, rank, each.cost_s * each.runs), choice))
    return [choice for _, choice in sorted(found, key=lambda pair: (pair[0], pair[1].cell))]


def _turn(each: CellCandidate, claim: Claim) -> int:
    """When it is a cell's turn, by what is known of it; within a turn by rank, then by price."""
    if claim in (Claim.NOTICED, Claim.STEERS, Claim.REACHES):
        return 0 if each.leads else 3 if claim is Claim.REACHES else 1
    return 2 if claim is Claim.UNKNOWN else 4


def _choice(
    each: CellCandidate,
    changes: Sequence[TouchedCode],
    reached: Reached,
    noticed: Mapping[str, Sequence[str]],
) -> Choice:
    seen = reached.get(each.cell)
    faults = [c for c in changes if any(each.cell in noticed.get(name, ()) for name in c.symbols)]
    hit = [c for c in changes if seen is not None and seen & c.symbols]
    steered = [c for c in changes if each.steers & c.symbols]
    if faults:
        claim = Claim.NOTICED
    elif steered:
        claim = Claim.STEERS
    elif hit:
        claim = Claim.REACHES
    else:
        claim = Claim.UNKNOWN if seen is None else Claim.REST
    those = list(dict.fromkeys([*faults, *steered, *hit]))
    if claim is Claim.UNKNOWN:
        patches = tuple(sorted({number for c in changes for number in c.patches}))
    else:
        patches = tuple(sorted({number for c in those for number in c.patches}))
    names = tuple(dict.fromkeys(c.name or "" for c in those if c.name))
    return Choice(each.cell, claim, names, patches, each.cost_s, each.runs, each.watched_s, had=each.had)


def plan(
    choices: Sequence[Choice],
    steps: Sequence[int],
    budget_s: float,
    cpus: int,
    slower: float = 1.0,
    unreached: Sequence[str] = (),
) -> Plan:
    """Cut ``choices`` to ``budget_s`` seconds of wall clock on ``cpus`` CPUs.

    ``steps``: the patches whose steps run, the last one is the whole series; ``slower``: how much longer a
    cell takes on the base and on the whole series, where coverage is recorded. Those two come first, then the
    steps between, each with the cells that reach what its patch touches, and then spare cells on base and
    whole series alone. One cell runs whatever it takes.
    """
    room = whole = budget_s * cpus if math.isfinite(budget_s) else UNBOUNDED_S
    taken: list[Choice] = []
    left: list[Choice] = []
    for each in choices:
        if each.spare:
            continue
        price = each.both(slower)
        if price <= room or not taken:
            taken.append(each)
            room -= price
        else:
            left.append(each)
    between: dict[int, list[str]] = {number: [] for number in steps[:-1]}
    dropped = 0
    for each in taken:
        for number in between:
            if number not in each.patches:
                continue
            if each.price() <= room:
                between[number].append(each.cell)
                room -= each.price()
            else:
                dropped += 1
    for each in choices:
        if each.spare and (price := each.both(slower)) <= room:
            taken.append(each)
            room -= price
    return Plan(
        tuple(taken),
        tuple(left),
        {number: tuple(cells) for number, cells in between.items()},
        dropped,
        round((whole - room) / cpus, 1),
        cpus,
        tuple(unreached),
    )


def noticed_by(rows: Iterable[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Return function to cells from rows of (``function()``, cells), each cell once."""
    found: dict[str, list[str]] = {}
    for at, cells in rows:
        place = found.setdefault(at.removesuffix("()"), [])
        place += [cell for cell in cells if cell not in place]
    return found


def unreached(changes: Sequence[TouchedCode], choices: Sequence[Choice], reached: Reached) -> tuple[str, ...]:
    """Return the touched functions that no chosen cell is known to reach."""
    names = (
        frozenset().union(*(reached.get(each.cell, frozenset()) for each in choices))
        if choices
        else frozenset()
    )
    return tuple(dict.fromkeys(c.name for c in changes if c.name and not names & c.symbols))
