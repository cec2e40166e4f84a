# SPDX-License-Identifier: GPL-2.0-only
"""The kinds of programs: their contexts, and how rounds are put together.

A new kind is a function for its contexts, one that fills it, and a row of ``KINDS``.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.arch.table import Operation, Regime, load
from harness.program.addresses import (
    AREAS,
    EVENT_PA,
    PHYSICAL_BITS,
    Layout,
    depends,
    fits,
    input_bits,
    level_size,
)
from harness.program.format_kinds import dirty, fill_dirty, fill_types, fill_wide, types, wide
from harness.program.ids import any_id, distinct
from harness.program.needs import words_of
from harness.program.program import (
    GROUP,
    OLD,
    TRANSLATIONS,
    Access,
    At,
    Context,
    DescriptorLook,
    Host,
    Map,
    Tlbi,
)
from harness.program.rounds import Rounds, base_maps
from harness.program.scene import UsedLeaf
from harness.program.shape import Shape
from harness.program.tables import VEL2_SHIFT

MAX_ACTIONS = 26
VA_BITS = 48


@dataclass(frozen=True, slots=True)
class ProgramKind:
    """A kind of program: its contexts, how often it is chosen, and what it needs.

    ``whole``: KVM walks whole contexts. ``bare``: for true EL2 alone, as L0 offers no L1 what they need.
    ``batch``: how many programs share a VM. ``fill`` puts the rounds together.
    """

    name: str
    weight: int
    contexts: Callable[[random.Random, Layout, Shape], tuple[Context, ...]]
    fill: Callable[[Rounds], None]
    whole: bool = False
    batch: int = 60
    granules: tuple[int, ...] = (12, 12, 12, 14, 16)
    cpus: tuple[int, ...] = (1,)
    hides: tuple[str, ...] = ("",)
    sizes: bool = False
    flags: bool = False
    e2h0: bool = False
    one_cpu: bool = False
    bare: bool = False

    def shape(self, rng: random.Random) -> Shape:
        """One at random."""
        shift, cpus, hide = rng.choice(self.granules), rng.choice(self.cpus), rng.choice(self.hides)
        vmids, cnp = distinct(rng, 4), rng.random() < 0.3
        if not self.sizes:
            flags = rng.choice(((True, True), (True, False), (False, True))) if self.flags else (False, False)
            return Shape(shift, cpus, hide, vmids, cnp=cnp, flags=flags, e2h0=self.e2h0)
        least, most = SIZES[shift]
        bits = (rng.randint(least, most), rng.randint(least, most))
        unfit = [
            sl0 for sl0 in range(4) if not fits(shift, bits[1], sl0) and not depends(shift, bits[1], sl0)
        ]
        sl0 = rng.choice(unfit) if rng.random() < 0.3 else None
        ps, ips = rng.choice((None, None, 36, 36, 32)), rng.choice((None, None, 36))
        return Shape(shift, cpus, hide, vmids, bits, sl0, cnp, ps, ips, rng.choice(S1_SIZES[shift]))


SIZES = {12: (35, 40), 14: (35, 40), 16: (37, 40)}
"""Input sizes of stage 2 that a layout has room in."""
S1_SIZES = {12: (None, 38), 14: (None, 36), 16: (None, 39, 41)}
"""The same of stage 1; None: what every program has."""


def _stage2(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    one, other = shape.vmids[:2]
    contexts = (
        Context(one),
        Context(one, cnp=shape.cnp),
        Context(other),
        Context(other, s2_of=0, cnp=shape.cnp),
    )
    return contexts[: rng.choice((1, 2, 4))]


def _fill_stage2(g: Rounds) -> None:
    for _ in g.rounds(MAX_ACTIONS):
        g.round("s2", g.rng.randrange(len(g.world.contexts)))


def _stage1(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    one, other = shape.vmids[:2]
    asids = distinct(rng, 2)
    contexts = (
        Context(one, asids[0], s1=True, el0=True),
        Context(one, asids[1], s1=True, s2_of=0, el0=True, cnp=shape.cnp),
        Context(other, asids[0], s1=True, s2_of=0, s1_of=0, el0=True),
    )
    return contexts[: rng.choice((1, 2, 3))]


def _fill_stage1(g: Rounds) -> None:
    base_maps(g, 0)
    for _ in g.rounds(len(g.actions) + 16):
        g.round(g.rng.choice(("s1", "s1", "s2")), g.rng.randrange(len(g.world.contexts)))


def _flags(rng: random.Random, layout: Layout, shape: Shape) -> tuple[Context, ...]:
    """As for stage 1; hardware sets the access flag in L2's tables, L1's, or both."""
    first, second = shape.flags
    contexts = _stage1(rng, layout, shape)
    return tuple(dataclasses.replace(each, s1_ha=first, s2_ha=second) for each in contexts)


def _fill_flags(g: Rounds) -> None:
    """Beside the usual rounds L1 takes flags away, with an operation or without, and looks at them."""
    base_maps(g, 0)
    for _ in g.rounds(len(g.actions) + 18):
        stage, ctx = g.rng.choice(("s1", "s1", "s2")), g.rng.randrange(len(g.world.contexts))
        g.round(stage, ctx)
        mapped = [place for place in g.places if place.stage == stage and g.places[place][0]]
        if mapped:
            _age(g, g.rng.choice(mapped), ctx)


def _age(g: Rounds, place: UsedLeaf, ctx: int) -> None:
    to, perms = g.places[place]
    perms = perms.replace(OLD, "") + OLD
    if not g.emit(Map(place.stage, place.ctx, place.at, place.level, to, perms)):
        return
    g.places[place] = (to, perms)
    look = DescriptorLook(place.stage, place.ctx, place.at, place.level)
    if g.chance(0.3):
        g.emit(look)
    if g.chance(0.8):
        g.invalidate(place, ctx)
    g.look(place, g.rng.choice(g.pages_of(place)), ctx)
    g.emit(look)


def _nvhe(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    """L1 without E2H: its own regime has no ASIDs, and TGE does not make EL1's operations its own."""
    vmid = shape.vmids[0]
    return (
        Context(vmid),
        Context(vmid, tge=True),
        Context(vmid, any_id(rng), s1=True, s2_of=0, el0=True),
    )


def _fill_nvhe(g: Rounds) -> None:
    base_maps(g, 0)
    for _ in g.rounds(len(g.actions) + 16):
        stage = g.rng.choice(("e2", "e2", "s2", "s1"))
        g.round(stage, 2 if stage == "s1" else 0)


def _narrow(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    """VMIDs and ASIDs of 8 bits: what differs in the upper ones is the same."""
    one, other = shape.vmids[:2]
    asid = any_id(rng)
    more = Context(one, asid ^ 0x100 << rng.randrange(8), s1=True, s2_of=0, s1_of=0, el0=True)
    third = Context(one ^ 0x100 << other % 8, asid, s1=True, s2_of=0, s1_of=0, el0=True)
    contexts = (Context(one, asid, s1=True, el0=True), *rng.choice(((more,), (more, third))))
    return tuple(dataclasses.replace(each, vmid8=True, asid8=True) for each in contexts)


def _stage2_off(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    return Context(shape.vmids[0], any_id(rng), s1=True, s2=False), Context(shape.vmids[1])


def _fill_stage2_off(g: Rounds) -> None:
    for _ in g.rounds(16):
        g.round("s1", 0)


def _vel2(_: random.Random, __: Layout, shape: Shape) -> tuple[Context, ...]:
    return Context(shape.vmids[0]), Context(shape.vmids[0], tge=True)


def _fill_vel2(g: Rounds) -> None:
    for _ in g.rounds(16):
        g.round("e2", 0)


def _vncr(rng: random.Random, layout: Layout, shape: Shape) -> tuple[Context, ...]:
    vmid = shape.vmids[0]
    page = layout.e2(rng.randrange(AREAS)) + rng.choice((0, level_size(VEL2_SHIFT, 2) - 4096))
    return Context(vmid, vncr=page), Context(vmid), Context(vmid, tge=True)


def _fill_vncr(g: Rounds) -> None:
    page = g.world.contexts[0].vncr or 0
    for _ in g.rounds(20):
        level = 2 if g.chance(0.3) else 3
        place = UsedLeaf("e2", 0, page & ~(level_size(VEL2_SHIFT, level) - 1), level)
        if place not in g.places and not g.make(place, 0):
            present = [p for p in g.places if p.at <= page < p.at + p.size(g.world.shift)]
            if not present:
                g.invalidate(place, 0)
                if len(g.actions) > 14:
                    return
                continue
            place = present[0]
        if g.world.cpus > 1 and g.chance(0.4):
            g.start_spin(place, page)
        _look_vncr(g, place, page)
        g.change(place)
        g.invalidate(place, 0)
        _look_vncr(g, place, page)


def _look_vncr(g: Rounds, place: UsedLeaf, page: int) -> None:
    g.use(place, page, 0)
    if g.world.cpus > 1 and g.chance(0.6):
        g.hop()
        g.look(place, page)
        g.hop() if g.chance(0.5) else None


def _of(families: tuple[str, ...]) -> Callable[[Operation], bool]:
    return lambda op: op.family in families


def _traps(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    traps = rng.sample(("ttlb", "ttlbis", "ttlbos"), rng.choice((1, 1, 2)))
    vmid, asid = shape.vmids[0], any_id(rng)
    return (
        Context(vmid, asid, s1=True, traps=frozenset(traps)),
        Context(vmid, asid, s1=True, s2_of=0, s1_of=0),
    )


def _fill_traps(g: Rounds) -> None:
    base_maps(g, 0)
    g.round("s1", 0)
    for _ in range(8):
        # The operations of EL2 are UNDEFINED at EL1.
        own = ("vmalle1", "vae1", "aside1", "vaae1") if g.chance(0.75) else ("ipas2e1", "vae2", "alle2")
        op = g.choose(_of(own), False)
        if op:
            place = g.new_place("s1", 0)
            g.emit(Tlbi(g.rng.randrange(2), op.name, g.operand(op, place, 1), by_l2=True))
    g.round("s1", 0)


def _one(_: random.Random, __: Layout, shape: Shape) -> tuple[Context, ...]:
    return (Context(shape.vmids[0]),)


def _fill_hidden(g: Rounds) -> None:
    g.round("s2", 0)
    found = [op for op in load() if g.world.hide in words_of(op)]
    for _ in range(10):
        op = g.rng.choice(found)
        if op.regime is Regime.EL10:
            g.emit(Tlbi(0, op.name, g.operand(op, g.new_place("s2", 0), 0)))
    g.round("s2", 0)


def _vmids(_: random.Random, __: Layout, shape: Shape) -> tuple[Context, ...]:
    return tuple(Context(vmid) for vmid in shape.vmids)


def _fill_vmids(g: Rounds) -> None:
    """Each VMID maps its own page at one IPA; then rounds, and all look."""
    place = g.new_place("s2", 0)
    page = g.rng.choice(g.pages_of(place))
    each = [UsedLeaf("s2", ctx, place.at, place.level) for ctx in range(len(g.world.contexts))]
    for ctx, own in enumerate(each):
        g.make(own, ctx)
        g.look(own, page, ctx, "read")
    victim = g.rng.randrange(len(each))
    g.change(each[victim])
    if g.chance(0.5):
        g.look(each[victim], page, victim, "read")
    g.invalidate(each[victim], victim)
    for ctx in g.rng.sample(range(len(each)), len(each)):
        g.look(each[ctx], page, ctx, "read")


def _fill_events(g: Rounds) -> None:
    """L0's VMM drops or replaces the memory, or logs what is written to it: no operation of L1 is needed."""
    page = 1 << g.world.shift
    offset = g.rng.randrange(8) * page
    at = g.layout.ipa(0) + offset % g.layout.area_size
    g.emit(Host("set-up", offset))
    g.emit(Map("s2", 0, at, 3, EVENT_PA + offset, "rwx"))
    g.emit(Access("read", 0, at))
    event = g.rng.choice(("dontneed", "move", "delete", "dirty"))
    if event == "dirty":
        g.emit(Access("write", 0, at + 8, 0x77))
        g.emit(Host("dirty-on", offset))
        for _ in range(2):
            g.emit(Access("write", 0, at + 8, 0x78))
            g.emit(Host("dirty-read", offset))
        return
    g.emit(Host(event, offset))
    g.emit(Access("read", 0, at))


def _sizes(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    """Stage 1 may lead above the input size of stage 2, and both above their output sizes; one context may
    have a start that does not fit."""
    first, second = shape.bits
    contexts = (
        Context(
            shape.vmids[0],
            any_id(rng),
            s1=True,
            s2_bits=first or None,
            s1_bits=shape.s1_bits,
            ps=shape.ps,
            ips=shape.ips,
        ),
        Context(shape.vmids[1], s2_bits=second or None),
        Context(shape.vmids[2], s2_bits=second or None, sl0=shape.sl0),
    )
    return contexts if shape.sl0 is not None else contexts[:2]


def _fill_sizes(g: Rounds) -> None:
    base_maps(g, 0)
    bits = g.world.contexts[0].s2_bits or input_bits(g.world.shift)
    for _ in g.rounds(len(g.actions) + 14):
        place = g.new_place("s1", 0)
        above = 1 << g.rng.randrange(bits, PHYSICAL_BITS) if bits < PHYSICAL_BITS and g.chance(0.6) else 0
        if place not in g.places and g.emit(
            Map("s1", 0, place.at, place.level, g.target(place, 0) | above, g.perms("s1"))
        ):
            g.places[place] = (0, "")
            for page in g.pages_of(place)[:2]:
                g.look(place, page, 0, "read")
        g.round(g.rng.choice(("s1", "s2")), g.rng.choice((0, 0, 1)))
        _beyond(g)
        if len(g.world.contexts) > 2 and g.chance(0.5):
            g.emit(Access("read", 2, g.layout.ipa(0)))


def _beyond(g: Rounds) -> None:
    """A VA above the input size of stage 1; an output of stage 2 above PS, where a page may be next."""
    c = g.world.contexts[0]
    if g.chance(0.3):
        above = 1 << g.rng.randrange(c.s1_bits or input_bits(g.world.shift), VA_BITS)
        g.emit(Access("read", 0, g.layout.va(0) | above, el0=g.chance(0.3)))
    if c.ps is None or not g.chance(0.6):
        return
    place = g.new_place("s2", 0)
    if place in g.places:
        return
    to = g.layout.frame(0) + (place.at & (g.layout.area_size - 1)) | 1 << g.rng.randrange(c.ps, PHYSICAL_BITS)
    if g.emit(Map("s2", place.ctx, place.at, place.level, to, "rwx")):
        g.look(place, g.rng.choice(g.pages_of(place)), 0, "read")
        g.emit(Map("s2", place.ctx, place.at, place.level))
        g.make(place, 0) if g.chance(0.5) else None
        g.look(place, g.rng.choice(g.pages_of(place)), 0, "read")


def _translate(rng: random.Random, layout: Layout, shape: Shape) -> tuple[Context, ...]:
    return _stage1(rng, layout, shape)


def _fill_translate(g: Rounds) -> None:
    """AT between the accesses: what it leaves in PAR_EL1 may be no older than what an access would use."""
    base_maps(g, 0)
    for _ in g.rounds(len(g.actions) + 14):
        ctx = g.rng.randrange(len(g.world.contexts))
        g.round(g.rng.choice(("s1", "s1", "s2")), ctx)
        for place in [p for p in g.places if p.stage == "s1"][-2:] or [g.new_place("s1", ctx)]:
            g.emit(At(ctx, g.rng.choice(TRANSLATIONS), g.rng.choice(g.pages_of(place))))


def _contiguous(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    vmid = shape.vmids[0]
    return Context(vmid, any_id(rng), s1=True), Context(vmid, s2_of=0, cnp=shape.cnp)


def _fill_contiguous(g: Rounds) -> None:
    """16 pages with the contiguous bit, in stage 2 or in L2's stage 1; operations for one page of them."""
    stage, ctx = g.rng.choice((("s2", 1), ("s1", 0)))
    if stage == "s1":
        base_maps(g, 0)
    page, group = 1 << g.world.shift, GROUP << g.world.shift
    offsets = [0, g.layout.area_size // 2, g.layout.area_size - group]
    for offset in g.rng.sample(offsets, 2):
        start = (g.layout.ipa(0) if stage == "s2" else g.layout.va(0)) + offset
        to = g.layout.frame(0) + offset if stage == "s2" else g.layout.ipa(0) + offset
        if not g.emit(Map(stage, 0, start, 3, to, "rwxc" if stage == "s2" else "wxc")):
            continue
        looked = [start + number * page for number in sorted(g.rng.sample(range(GROUP), 3))]
        for at in looked:
            g.emit(Access("read", ctx, at))
        if g.chance(0.8):
            g.emit(Map(stage, 0, start, 3, None, "c"))
        for at in g.rng.sample(looked, 2):
            g.invalidate(UsedLeaf(stage, 0, at, 3), ctx)
        for at in looked:
            g.emit(Access("read", ctx, at))


def _private(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    """Each PE has tables of its own under one VMID and ASID, as TTBR0_EL1.CnP = 0 lets it (D8.16)."""
    vmid, asid, s2 = shape.vmids[0], any_id(rng), rng.random() < 0.4
    return tuple(Context(vmid, asid, s1=True, s2=s2, pe=pe) for pe in range(2))


def _fill_private(g: Rounds) -> None:
    """Both map one VA, each to its own page, and look in turn; then one takes its own away."""
    if g.world.contexts[0].s2:
        base_maps(g, 0)
        base_maps(g, 1)
    place = g.new_place("s1", 0)
    page = g.rng.choice(g.pages_of(place))
    each = [UsedLeaf("s1", ctx, place.at, place.level) for ctx in range(2)]
    for own in each:
        g.make(own, own.ctx)
    for turn in range(g.rng.choice((3, 4, 6))):
        g.look(each[turn % 2], page, turn % 2, "read")
        g.hop()
    mine = g.model.cpu
    g.change(each[mine])
    g.invalidate(each[mine], mine)
    for _ in range(3):
        g.look(each[g.model.cpu], page, g.model.cpu, "read")
        g.hop()


KINDS: Mapping[str, ProgramKind] = {
    kind.name: kind
    for kind in (
        ProgramKind("stage2", 30, _stage2, _fill_stage2, cpus=(1, 1, 2)),
        ProgramKind("stage1", 25, _stage1, _fill_stage1, cpus=(1, 2, 2, 2)),
        ProgramKind("flags", 6, _flags, _fill_flags, cpus=(1, 2), flags=True),
        ProgramKind("nvhe", 6, _nvhe, _fill_nvhe, granules=(12,), cpus=(1, 2), e2h0=True),
        ProgramKind("narrow", 6, _narrow, _fill_stage1, granules=(12,), cpus=(1, 2)),
        ProgramKind("stage2-off", 6, _stage2_off, _fill_stage2_off, cpus=(2,)),
        ProgramKind("vel2", 12, _vel2, _fill_vel2, granules=(12,), cpus=(1, 2, 2, 2)),
        ProgramKind("vncr", 16, _vncr, _fill_vncr, granules=(12,), cpus=(1, 2)),
        ProgramKind("traps", 6, _traps, _fill_traps, granules=(12,)),
        ProgramKind("hidden", 5, _one, _fill_hidden, granules=(12,), hides=("os", "range", "xs")),
        ProgramKind("whole", 5, _stage2, _fill_stage2, whole=True, batch=6, granules=(12,), cpus=(1, 1, 2)),
        ProgramKind("vmids", 5, _vmids, _fill_vmids, whole=True, batch=8, granules=(12,), cpus=(1, 2)),
        ProgramKind("sizes", 8, _sizes, _fill_sizes, sizes=True),
        ProgramKind("translate", 6, _translate, _fill_translate),
        ProgramKind("types", 4, types, fill_types, granules=(12,)),
        ProgramKind("dirty", 4, dirty, fill_dirty, cpus=(1, 2), flags=True, bare=True),
        ProgramKind("wide", 4, wide, fill_wide, granules=(12, 14), cpus=(1, 2), flags=True, bare=True),
        ProgramKind("contiguous", 5, _contiguous, _fill_contiguous, granules=(12,)),
        ProgramKind("private", 5, _private, _fill_private, cpus=(2,), one_cpu=True),
        ProgramKind("events", 6, _one, _fill_events, whole=True, batch=16, granules=(12,)),
    )
}
