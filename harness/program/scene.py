# SPDX-License-Identifier: GPL-2.0-only
"""A program in the making: what L1 maps, changes and takes away, and who looks at it.

The reference model follows: it says what is legal, so that a descriptor is replaced only when no TLB may
hold the old one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.program.addresses import AREAS, FRAMES, WORDS, Layout, level_size
from harness.program.allowed import ReferenceModel
from harness.program.program import (
    OLD,
    Access,
    Action,
    At,
    Cpu,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    World,
)
from harness.program.tables import VEL2_SHIFT

ROUNDS_MAX = 40


@dataclass(frozen=True, slots=True)
class UsedLeaf:
    """A leaf that a program uses: stage, context that owns the table, address, level."""

    stage: str
    ctx: int
    at: int
    level: int

    def size(self, shift: int) -> int:
        """Bytes."""
        return level_size(VEL2_SHIFT if self.stage == "e2" else shift, self.level)


class Scene:
    """The actions so far, and what L1's tables say by them."""

    def __init__(self, rng: random.Random, world: World, layout: Layout) -> None:
        self.rng = rng
        self.world = world
        self.layout = layout
        self.model = ReferenceModel(world)
        self.actions: list[Action] = []
        self.places: dict[UsedLeaf, tuple[int, str]] = {}
        self._spin: Spin | None = None
        self._stopped = False

    # --- small decisions

    def chance(self, probability: float) -> bool:
        """True so often."""
        return self.rng.random() < probability

    def rounds(self, actions: int) -> Iterator[int]:
        """Numbers, until the program has so many actions; a bound for those in which nothing is legal."""
        for number in range(ROUNDS_MAX):
            if len(self.actions) >= actions:
                return
            yield number

    def emit(self, action: Action) -> bool:
        """Append ``action`` if it is legal; whether it was."""
        if isinstance(action, Map) and self.model.why_illegal(action):
            return False
        if isinstance(action, Access | Tlbi | At) and not self._loads(action.ctx):
            return False
        self.model.step(action)
        self.actions.append(action)
        return True

    def _loads(self, ctx: int) -> bool:
        """Whether this CPU may load the context at all."""
        pe = self.world.contexts[ctx].pe
        return pe is None or pe == self.model.cpu

    def program(self) -> Program:
        """What was made so far; a spin that still goes on is ended."""
        if self._spin and not self._stopped:
            self.emit(Stop(self._spin.cpu))
        return Program(self.world, tuple(self.actions))

    # --- making, changing, removing

    def new_place(self, stage: str, ctx: int) -> UsedLeaf:
        """A random leaf of ``stage`` in an area of the window."""
        area = self.rng.randrange(AREAS)
        level = 2 if self.chance(0.4) else 3
        base = {"s2": self.layout.ipa, "s1": self.layout.va, "e2": self.layout.e2}[stage](area)
        shift = VEL2_SHIFT if stage == "e2" else self.world.shift
        if level == 3:
            offsets = (0, level_size(shift, 2) // 2, level_size(shift, 2) - (1 << shift))
            base += self.rng.choice(offsets)
        table = 0 if stage == "e2" else self._table(stage, ctx)
        return UsedLeaf(stage, table, base, level)

    def _table(self, stage: str, ctx: int) -> int:
        return self.world.s2_table(ctx) if stage == "s2" else self.world.s1_table(ctx)

    def target(self, place: UsedLeaf, ctx: int) -> int:
        """An output address for ``place``: memory, or for stage 1 with stage 2 on an IPA."""
        size = place.size(self.world.shift)
        in_area = place.at & (level_size(self.shift_of(place), 2) - 1) if place.level == 3 else 0
        if place.stage == "s1" and self.world.contexts[ctx].s2:
            return self.layout.ipa(self.rng.randrange(AREAS)) + in_area
        frame = self.layout.frame(self.rng.randrange(FRAMES))
        return frame + (in_area if place.stage != "e2" else in_area & (size - 1 | 0x1FFFFF))

    def shift_of(self, place: UsedLeaf) -> int:
        """Log2 of the granule of its tables."""
        return VEL2_SHIFT if place.stage == "e2" else self.world.shift

    def perms(self, stage: str) -> str:
        """Permissions: mostly all."""
        if stage == "e2":
            return self.rng.choice(("w", "w", "wg"))
        old = OLD if self.chance(0.06) else ""
        if stage == "s2":
            return self.rng.choice(("rwx", "rwx", "rwx", "rw", "rx", "r")) + old
        return self.rng.choice(("wx", "wx", "wuX", "uxX", "x", "w", "wxg", "wuXg")) + old

    def make(self, place: UsedLeaf, ctx: int) -> bool:
        """Map ``place`` to somewhere, if that is legal now."""
        to, perms = self.target(place, ctx), self.perms(place.stage)
        if not self.emit(Map(place.stage, place.ctx, place.at, place.level, to, perms)):
            return False
        self.places[place] = (to, perms)
        return True

    def remove(self, place: UsedLeaf) -> bool:
        """Write an invalid descriptor over it."""
        if not self.emit(Map(place.stage, place.ctx, place.at, place.level)):
            return False
        self.places.pop(place, None)
        return True

    def remove_table(self, place: UsedLeaf) -> bool:
        """Write an invalid descriptor over the pointer to the table that ``place`` is in."""
        size = level_size(self.shift_of(place), 2)
        at = place.at & ~(size - 1)
        if not self.emit(Map(place.stage, place.ctx, at, 2)):
            return False
        for each in [p for p in self.places if (p.stage, p.ctx) == (place.stage, place.ctx)]:
            if at <= each.at < at + size:
                del self.places[each]
        return True

    def protect(self, place: UsedLeaf) -> bool:
        """Change permissions alone: no break is needed."""
        to, perms = self.places[place]
        fewer = {"s2": ("r", "rw", "rx", "rwx"), "e2": ("w",), "s1": ("x", "wx", "w", "wuX", "u")}[
            place.stage
        ]
        new = self.rng.choice([p for p in fewer if p != perms] or [perms])
        new += "g" if "g" in perms and place.stage != "s2" else ""
        new += OLD if place.stage != "e2" and self.chance(0.12) else ""
        if not self.emit(Map(place.stage, place.ctx, place.at, place.level, to, new)):
            return False
        self.places[place] = (to, new)
        return True

    # --- using

    def pages_of(self, place: UsedLeaf) -> Sequence[int]:
        """Addresses of pages in the leaf: first, middle, last."""
        if place.level == 3:
            return (place.at,)
        size = place.size(self.world.shift)
        return place.at, place.at + size // 2, place.at + size - (1 << self.shift_of(place))

    def users(self, place: UsedLeaf) -> list[int]:
        """The contexts whose L2 may use it directly: by address of its own stage."""
        found = []
        for i, c in enumerate(self.world.contexts):
            if c.tge or c.vncr is not None or not self._loads(i):
                continue
            on = c.s1 if place.stage == "s1" else c.s2 and not c.s1
            if on and self._table(place.stage, i) == place.ctx:
                found.append(i)
        return found

    def look(self, place: UsedLeaf, page: int, ctx: int | None = None, kind: str = "") -> None:
        """Use ``page`` of the leaf once, on this CPU."""
        if place.stage == "e2":
            vncr = [i for i, c in enumerate(self.world.contexts) if c.vncr is not None]
            if vncr and not self.chance(0.2):
                self.emit(Access("vncr", self.rng.choice(vncr)))
            else:
                self.emit(Access("peek", at=page))
            return
        users = self.users(place)
        if not users:
            self.look_through(place)
            return
        ctx = self.rng.choice(users) if ctx is None or ctx not in users else ctx
        kind = kind or self.rng.choices(("read", "write", "execute"), (6, 2, 1))[0]
        el0 = self.world.contexts[ctx].s1 and self.chance(0.3)
        value = 0xA000_0000 + len(self.actions) if kind == "write" else 0
        self.emit(Access(kind, ctx, page + WORDS[kind], value, el0))

    def look_through(self, place: UsedLeaf) -> None:
        """Use a stage-2 leaf by a VA that stage 1 sends there."""
        paths = [
            (p, to)
            for p, (to, _) in self.places.items()
            if p.stage == "s1" and place.at <= to < place.at + place.size(self.world.shift)
        ]
        if paths:
            first, _ = self.rng.choice(paths)
            self.look(first, self.rng.choice(self.pages_of(first)))

    def sample(self) -> None:
        """What the other CPU sees."""
        if self._spin and not self._stopped:
            self.emit(Sample(self._spin.cpu))

    def start_spin(self, place: UsedLeaf, page: int) -> None:
        """Let CPU 1 read ``page`` from now on, once in a program."""
        if self.world.cpus < 2 or self._spin or self.model.cpu:
            return
        if place.stage == "e2":
            vncr = [i for i, c in enumerate(self.world.contexts) if c.vncr is not None]
            ctx = vncr[0] if vncr else 0
            at = self.world.contexts[ctx].vncr or 0 if vncr else page
            spin = Spin(1, ctx, at, "vncr" if vncr else "vel2")
        else:
            users = self.users(place)
            if not users:
                return
            ctx = self.rng.choice(users)
            el0 = self.world.contexts[ctx].el0 and "u" in self.places.get(place, (0, ""))[1]
            spin = Spin(1, ctx, page, "el0" if el0 else "l2")
        self._spin = spin
        self.emit(spin)

    def hop(self) -> None:
        """Go on on the other CPU."""
        if self.world.cpus > 1 and (self._spin is None or self._stopped):
            self.emit(Cpu(1 - self.model.cpu))
