# SPDX-License-Identifier: GPL-2.0-only
"""Rounds: a translation is made, used, changed, operations that cover it are executed, it is used again."""

from __future__ import annotations

from harness.program.addresses import AREAS, FRAMES
from harness.program.choose_operations import Operations
from harness.program.program import Map
from harness.program.scene import UsedLeaf


class Rounds(Operations):
    """Makes one program."""

    def round(self, stage: str, ctx: int) -> None:
        """One translation's life."""
        mapped = [p for p in self.places if p.stage == stage]
        place = self.rng.choice(mapped) if mapped and self.chance(0.4) else self.new_place(stage, ctx)
        if place not in self.places and not self.make(place, ctx):
            return
        ctx = self._owner(place, ctx)
        page = self.rng.choice(self.pages_of(place))
        if self.world.cpus > 1 and self.chance(0.8):
            self.start_spin(place, page)
        self.use(place, page, ctx)
        if self.chance(0.15):
            self.hop()
        self.change(place)
        if self.chance(0.25):
            self.use(place, page, ctx)
        self.invalidate(place, ctx)
        self.use(place, page, ctx)
        if place not in self.places and self.chance(0.6) and self.make(place, ctx):
            self.use(place, page, ctx)

    def _owner(self, place: UsedLeaf, ctx: int) -> int:
        users = self.users(place)
        return ctx if ctx in users or not users else self.rng.choice(users)

    def use(self, place: UsedLeaf, page: int, ctx: int) -> None:
        """Look at it: here, in several contexts, and on the other CPU."""
        self.sample()
        if not self._spin or self.chance(0.3):
            self.look(place, page, ctx)
            for other in self.users(place):
                if other != ctx and self.chance(0.4):
                    self.look(place, page, other)

    def change(self, place: UsedLeaf) -> None:
        """Take it away, or change what it permits."""
        if place in self.places and self.chance(0.35):
            self.protect(place)
        elif place.level == 3 and self.chance(0.1):
            self.remove_table(place)
        else:
            self.remove(place)


def base_maps(g: Rounds, ctx: int) -> None:
    """Stage 2 of ``ctx``: each area mapped, so that stage 1 has somewhere to go."""
    for area in range(AREAS):
        if g.chance(0.5):
            place = UsedLeaf("s2", g.world.s2_table(ctx), g.layout.ipa(area), 2)
            if g.emit(Map("s2", place.ctx, place.at, 2, g.layout.frame(g.rng.randrange(FRAMES)), "rwx")):
                g.places[place] = (0, "rwx")
        else:
            frame = g.layout.frame(g.rng.randrange(FRAMES))
            for offset in g.layout.offsets:
                place = UsedLeaf("s2", g.world.s2_table(ctx), g.layout.ipa(area) + offset, 3)
                if g.emit(Map("s2", place.ctx, place.at, 3, frame + offset, "rwx")):
                    g.places[place] = (frame + offset, "rwx")
