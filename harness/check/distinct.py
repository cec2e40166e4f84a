# SPDX-License-Identifier: GPL-2.0-only
"""Whether each of many triggers can have a partner of its own: a matching in a bipartite graph.

Augmenting paths (Berge 1957), breadth first, so that nothing recurses. Partners are asked for as they are
needed, the nearest first, so that the usual case, one partner beside each trigger, looks at few.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

EDGES_MAX = 100_000
"""So many pairs of trigger and partner are looked at, as many as a sequence tries."""


class TooManyError(Exception):
    """There are more pairs than ``EDGES_MAX``."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """``trigger`` has no partner left: ``triggers``, itself among them, have ``partners`` between them.

    These are one more than the partners (Hall 1935). Numbers are places in the list of triggers.
    """

    trigger: int
    triggers: tuple[int, ...]
    partners: int


class Lazy(Generic[T]):
    """The partners that a trigger may have, each asked for once; ``TooManyError`` past the common budget."""

    def __init__(self, partners: Callable[[int], Iterable[T]]) -> None:
        self._partners = partners
        self._open: dict[int, Iterator[T]] = {}
        self._known: dict[int, list[T]] = {}
        self._left = EDGES_MAX

    def of(self, trigger: int) -> Iterator[T]:
        """The partners of ``trigger``, those known before first."""
        known = self._known.setdefault(trigger, [])
        rest = self._open.setdefault(trigger, iter(self._partners(trigger)))
        place = 0
        while True:
            if place == len(known):
                found = next(rest, None)
                if found is None:
                    return
                self._left -= 1
                if self._left < 0:
                    raise TooManyError
                known.append(found)
            yield known[place]
            place += 1


def shortage(triggers: Sequence[int], partners: Callable[[int], Iterable[T]]) -> Shortage | None:
    """Return the first of ``triggers`` that is left without a partner of its own; None if none is.

    ``partners`` gives those that a trigger may have. ``TooManyError`` when that cannot be told in time.
    """
    edges = Lazy(partners)
    owner: dict[T, int] = {}
    for trigger in triggers:
        reached = _augment(trigger, edges, owner)
        if reached is not None:
            seen = {trigger, *(owner[partner] for partner in reached)}
            return Shortage(trigger, tuple(sorted(seen)), len(reached))
    return None


def _augment(trigger: int, edges: Lazy[T], owner: dict[T, int]) -> set[T] | None:
    """Give ``trigger`` a partner and move others for it; else the partners that can be reached, all taken."""
    came: dict[T, tuple[int, T | None]] = {}
    queue: deque[tuple[int, T | None]] = deque([(trigger, None)])
    while queue:
        asking, through = queue.popleft()
        for partner in edges.of(asking):
            if partner in came:
                continue
            came[partner] = asking, through
            if partner in owner:
                queue.append((owner[partner], partner))
                continue
            step: T | None = partner
            while step is not None:
                who, before = came[step]
                owner[step] = who
                step = before
            return None
    return set(came)
