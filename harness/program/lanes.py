# SPDX-License-Identifier: GPL-2.0-only
"""Which programs run on which model: a lane is one."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

from harness.program.kinds import KINDS
from harness.program.shape import Shape


@dataclass(frozen=True, slots=True)
class Lane:
    """A model with a timing, and the kinds of programs that it is quick with (docs/litmus.md, "Facts")."""

    name: str
    model: str
    timing: str
    kinds: tuple[str, ...]
    l0_cpus: int = 0
    """CPUs of L0; 0 for as many as every stack has."""


QUICK = tuple(kind.name for kind in KINDS.values() if not kind.whole and not kind.one_cpu and not kind.bare)
ONLY_BARE = tuple(kind.name for kind in KINDS.values() if kind.bare)
ONE_CPU = tuple(kind.name for kind in KINDS.values() if kind.one_cpu)
WHOLE = tuple(kind.name for kind in KINDS.values() if kind.whole)
LANES = (
    Lane("quick", "qemu-40bit", "icount", QUICK),
    Lane("whole", "qemu-v1-40bit", "icount", WHOLE),
    Lane("one-cpu", "qemu-40bit", "icount", ONE_CPU, l0_cpus=1),
)
"""40 bits of PA, because the end of a VM walks as many in each of its contexts (with 48, five of six of L0's
instructions) and no program has an address of more; no FEAT_TLBIRANGE where whole contexts go
(docs/models.md)."""
WIDE = "qemu-48bit"
"""Where the size does not matter: on the bare machine, and for programs whose file names no model."""


BARE = tuple(kind for kind in (*QUICK, *WHOLE, *ONE_CPU, *ONLY_BARE) if kind not in ("hidden", "events"))
"""At true EL2 nothing is hidden, and there is no L0 with events."""


def lanes(model: str | None, timing: str | None, bare: bool = False) -> tuple[Lane, ...]:
    """The shipped lanes, or one for ``model`` with all kinds that need no walk of whole contexts.

    ``bare``: one lane for the bare machine, where nothing is slow.
    """
    if bare:
        return (Lane("bare", model or WIDE, "mttcg", BARE),)
    chosen = LANES if model is None else (Lane("only", model, "icount", QUICK),)
    return tuple(dataclasses.replace(lane, timing=timing or lane.timing) for lane in chosen)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What batch ``number`` is: everything follows from the seed and the number."""

    number: int
    lane: Lane
    kind: str
    shape: Shape

    def seed(self, seed: str) -> str:
        """For ``generate``."""
        return f"{seed} {self.number}"


def plan(seed: str, number: int, among: tuple[Lane, ...], only: tuple[str, ...] = ()) -> BatchPlan:
    """Batch ``number`` of the hunt with ``seed``. ``only``: kinds to choose among; all of the lanes' if
    empty."""
    rng = random.Random(f"{seed} batch {number}")
    offers = [(lane, kind) for lane in among for kind in lane.kinds if not only or kind in only]
    lane, kind = rng.choices(offers, [KINDS[kind].weight for _, kind in offers])[0]
    return BatchPlan(number, lane, kind, KINDS[kind].shape(rng))
