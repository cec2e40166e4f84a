# SPDX-License-Identifier: GPL-2.0-only
"""Which operations a generated program executes: such that cover a translation, or nearly do."""

from __future__ import annotations

import random
from collections.abc import Callable

from harness.arch import registers
from harness.arch.table import Operand, Operation, Regime, Shareability, load
from harness.program.addresses import E2_ASID, Layout
from harness.program.ids import ID_BITS, neighbour
from harness.program.l2_fate import trapped
from harness.program.program import Tlbi, World, make_operand
from harness.program.scene import Scene, UsedLeaf

NEAR_MISS = 0.12
"""How often an operand is not for the leaf: another ASID, VMID, address or TTL."""
NS = registers.mask("XT.NS")
"""Of an IPA operand: RES0 in the Non-secure state, and so without an effect (C5.5)."""
WHOLE = ("vmalls12e1", "alle1")
"""Families for which KVM walks a whole shadow context (docs/litmus.md)."""


class Operations(Scene):
    """A scene with TLBIs. ``features`` are L1's; ``whole``: also what makes KVM walk whole contexts."""

    def __init__(
        self, rng: random.Random, world: World, layout: Layout, features: frozenset[str], whole: bool
    ) -> None:
        super().__init__(rng, world, layout)
        self.operations = [
            op for op in load() if op.features <= features and (whole or op.family not in WHOLE)
        ]

    def invalidate(self, place: UsedLeaf, ctx: int) -> None:
        """Execute operations that cover ``place``, most of the time."""
        family = {"s2": self._stage2, "s1": self._stage1, "e2": self._vel2}[place.stage]
        family(place, ctx)

    def choose(self, fits: Callable[[Operation], bool], remote: bool) -> Operation | None:
        """One that ``fits``, or None; where ``remote`` mostly one that is for other PEs, too."""
        found = [op for op in self.operations if fits(op)]
        if remote and self.chance(0.9):
            found = [op for op in found if op.scope is not Shareability.LOCAL] or found
        return self.rng.choice(found) if found else None

    @property
    def _remote(self) -> bool:
        return self.world.cpus > 1

    def _stage2(self, place: UsedLeaf, ctx: int) -> None:
        op = self.choose(lambda op: op.family == "ipas2e1" or op.family in WHOLE, self._remote)
        if op is None:
            return
        self.emit(Tlbi(self._vmid_of(place, ctx), op.name, self.operand(op, place, 0)))
        if op.family in WHOLE or self.chance(NEAR_MISS):
            return
        names = ("vmalle1", "vmalle1is", "vmalle1os")
        after = self.choose(lambda op: op.name.removesuffix("nxs") in names, self._remote)
        if after:
            self.emit(Tlbi(self._vmid_of(place, ctx), after.name))

    def _vmid_of(self, place: UsedLeaf, ctx: int) -> int:
        """A context under whose VMID the place is used; now and then any other."""
        if self.chance(NEAR_MISS):
            return self.rng.randrange(len(self.world.contexts))
        same = [
            i
            for i, c in enumerate(self.world.contexts)
            if c.tag_vmid == self.world.contexts[ctx].tag_vmid
            and not c.tge
            and place.stage != "e2"
            and self._loads(i)
        ]
        return self.rng.choice(same) if same else ctx

    def _stage1(self, place: UsedLeaf, ctx: int) -> None:
        families = ("vmalle1", "vae1", "aside1", "vaae1")
        op = self.choose(lambda op: op.family in families, self._remote)
        if op is None:
            return
        by_l2 = self.chance(0.15) and not trapped(op, self.world.contexts[ctx].traps)
        use = ctx if by_l2 else self._vmid_of(place, ctx)
        self.emit(Tlbi(use, op.name, self.operand(op, place, self._asid(ctx)), by_l2))

    def _asid(self, ctx: int) -> int:
        c = self.world.contexts[ctx]
        if self.chance(NEAR_MISS):  # with 8 bits the upper half of an operand has to be 0 (C5.5)
            return neighbour(self.rng, c.tag_asid, 8 if c.asid8 else ID_BITS)
        return c.tag_asid

    def _vel2(self, place: UsedLeaf, ctx: int) -> None:
        tge = [i for i, c in enumerate(self.world.contexts) if c.tge]
        by_e1 = bool(tge) and self.chance(0.5) and not self.world.e2h0
        if by_e1:
            op = self.choose(lambda op: op.family in ("vmalle1", "vae1", "aside1", "vaae1"), self._remote)
        else:
            op = self.choose(
                lambda op: op.regime is Regime.EL2 and op.family in ("alle2", "vae2"), self._remote
            )
        if op is None:
            return
        plain = [i for i, c in enumerate(self.world.contexts) if not c.tge and c.vncr is None] or [ctx]
        # With TGE clear Linux forgets the VNCR page: harness.program.kernel_defects.
        use = self.rng.choice(tge if by_e1 or (tge and self.chance(0.9)) else plain)
        asid = neighbour(self.rng, E2_ASID) if self.chance(NEAR_MISS) else E2_ASID
        asid = 0 if self.world.e2h0 else asid  # EL2 has none
        self.emit(Tlbi(use, op.name, self.operand(op, place, asid)))

    def operand(self, op: Operation, place: UsedLeaf, asid: int) -> int:
        """One for ``place``: any address in it, a range that holds it, a TTL that is its own or none."""
        if op.operand in (Operand.NONE, Operand.ASID):
            return make_operand(op, asid=asid)
        made = self._address(op, place, asid)
        ipa = op.operand in (Operand.IPA, Operand.IPA_RANGE)
        return made | NS if ipa and self.chance(NEAR_MISS) else made

    def _address(self, op: Operation, place: UsedLeaf, asid: int) -> int:
        shift, size = self.shift_of(place), place.size(self.world.shift)
        level = place.level if self.chance(0.4) else 0
        if self.chance(NEAR_MISS / 2):
            level = 5 - place.level
        if op.operand.is_range:
            return self._range(op, place, asid, level)
        at = (
            place.at + self.rng.choice((0, size // 2, size - (1 << shift))) if size > 1 << shift else place.at
        )
        if self.chance(NEAR_MISS / 2):
            at += self.rng.choice((-1, 1)) * size
        return make_operand(op, at=at, asid=asid, shift=shift, ttl_level=level)

    def _ds(self, op: Operation) -> bool:
        """Whether the base of a range counts 64 KB (I_TYBWT); the contexts of a program agree."""
        c = self.world.contexts[0]
        return c.s2_ds if op.operand is Operand.IPA_RANGE else c.s1_ds and op.regime is Regime.EL10

    def _range(self, op: Operation, place: UsedLeaf, asid: int, level: int) -> int:
        """At least two granules: the smallest that covers the leaf, or one more or less, from its start or
        before."""
        shift, size = self.shift_of(place), place.size(self.world.shift)
        ds = self._ds(op)
        before = place.at & 0xFFFF if ds else 0
        granules = max(2, size + before >> shift)
        scale = 0
        while 32 << (5 * scale + 1) < granules:
            scale += 1
        unit = 1 << (5 * scale + 1)
        num = (granules + unit - 1) // unit - 1
        if self.chance(0.3):
            num = min(31, num + self.rng.randrange(3))
        at = place.at
        if self.chance(0.15):  # the leaf is the last of the range
            at = place.at + size - ((num + 1) * unit << shift)
        if self.chance(NEAR_MISS / 2):
            num = max(0, num // 2 - 1)
        return make_operand(op, at=at, asid=asid, shift=shift, ttl_level=level, scale=scale, num=num, ds=ds)
