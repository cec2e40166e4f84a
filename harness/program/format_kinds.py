# SPDX-License-Identifier: GPL-2.0-only
"""Kinds of programs about what descriptors say besides address and permissions: types of memory, dirty state,
output addresses of 52 bits."""

from __future__ import annotations

import dataclasses
import random

from harness.program.addresses import Layout
from harness.program.ids import any_id
from harness.program.memory_types import ATTRIBUTES, INDEXES, MEMATTR, WITH_FWB, WITHOUT_FWB, WRITE_BACK
from harness.program.program import TRANSLATIONS, Access, At, Context, DescriptorLook, Map, Tlbi
from harness.program.rounds import Rounds, base_maps
from harness.program.scene import UsedLeaf
from harness.program.shape import Shape

HIGH = (48, 49)
"""Bits of an output address that a descriptor has with DS alone. Not 50 and 51: QEMU 11.1 leaves them out
unless the output size is 52 bits."""
DRAWN = tuple(each for each in ATTRIBUTES if each not in (0x08, 0x0C))
NOT_WITH_FWB = "E"
"""What QEMU is known to combine wrongly is not drawn: images/model-defects.yaml, qemu-device-beside-nc and
qemu-fwb-device. ``nvh model check`` asks for it."""
DIRTY_LETTERS = {"s2": ("rd", "rxd", "rwd", "rwxd"), "s1": ("d", "xd", "ud", "wd", "uXd", "wxd")}
CLEANED = {"s2": "rxd", "s1": "xd"}


def types(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    """Both stages, MAIR_EL1 at random, HCR_EL2.FWB now and then."""
    mair = sum(rng.choice(DRAWN) << 8 * index for index in range(1, 8)) | WRITE_BACK
    return (Context(shape.vmids[0], any_id(rng), s1=True, fwb=rng.random() < 0.3, mair=mair),)


def fill_types(g: Rounds) -> None:
    """Leaves change their type by break-before-make, in stage 1 and 2; AT says what comes of both."""
    fwb = g.world.contexts[0].fwb
    seconds = set(MEMATTR) - ({WITHOUT_FWB, *NOT_WITH_FWB} if fwb else {WITH_FWB})
    letters = {"s1": ("", *INDEXES), "s2": ("", *seconds)}
    second = UsedLeaf("s2", 0, g.layout.ipa(0), 3)
    first = UsedLeaf("s1", 0, g.layout.va(0), 3)
    to = {"s2": g.layout.frame(0), "s1": second.at}
    for place in (second, first):
        _type(g, place, to[place.stage], letters[place.stage])
    for _ in g.rounds(20):
        for op in g.rng.sample(TRANSLATIONS, 2):
            g.emit(At(0, op, first.at, True))
        place = g.rng.choice((first, second))
        if place in g.places:
            g.remove(place)
            if g.chance(0.85):
                g.invalidate(place, 0)
            if g.chance(0.4):
                g.emit(At(0, "s12e1r", first.at, True))
        _type(g, place, to[place.stage], letters[place.stage])


def _type(g: Rounds, place: UsedLeaf, to: int, letters: tuple[str, ...]) -> None:
    perms = ("rwx" if place.stage == "s2" else "wx") + g.rng.choice(sorted(letters))
    if g.emit(Map(place.stage, 0, place.at, 3, to, perms)):
        g.places[place] = (to, perms)


def dirty(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    """Hardware sets the dirty state in L2's tables, L1's, or both; a second ASID."""
    first, second = shape.flags
    asid = any_id(rng)
    contexts = (
        Context(shape.vmids[0], asid, s1=True, el0=True),
        Context(shape.vmids[0], asid ^ 1, s1=True, s2_of=0, el0=True, cnp=shape.cnp),
    )
    return tuple(
        dataclasses.replace(each, s1_ha=first, s1_hd=first, s2_ha=second, s2_hd=second)
        for each in contexts[: rng.choice((1, 2))]
    )


def fill_dirty(g: Rounds) -> None:
    """L1 cleans leaves with DBM, with an operation or without; L2 reads and writes; L1 looks."""
    base_maps(g, 0)
    for _ in g.rounds(len(g.actions) + 18):
        stage, ctx = g.rng.choice(("s1", "s1", "s2")), g.rng.randrange(len(g.world.contexts))
        g.round(stage, ctx)
        place = g.new_place(stage, ctx)
        to = g.target(place, ctx)
        perms = g.rng.choice(DIRTY_LETTERS[stage])
        if place in g.places or not g.emit(Map(stage, place.ctx, place.at, place.level, to, perms)):
            continue
        g.places[place] = (to, perms)
        for _ in range(2):
            _write_and_look(g, place, ctx)
            if not g.emit(Map(stage, place.ctx, place.at, place.level, to, CLEANED[stage])):
                break
            g.places[place] = (to, CLEANED[stage])
            if g.chance(0.7):
                g.invalidate(place, ctx)


def _write_and_look(g: Rounds, place: UsedLeaf, ctx: int) -> None:
    look = DescriptorLook(place.stage, place.ctx, place.at, place.level)
    page = g.rng.choice(g.pages_of(place))
    for kind in g.rng.choice((("write",), ("read",), ("read", "write"))):
        g.look(place, page, ctx, kind)
        g.emit(look)


def wide(rng: random.Random, _: Layout, shape: Shape) -> tuple[Context, ...]:
    """VTCR_EL2.DS, TCR_EL1.DS, or both: ranges count 64 KB, output addresses have 52 bits."""
    first, second = shape.flags
    contexts = (
        Context(shape.vmids[0], any_id(rng), s1=True, el0=True, s1_ds=first, s2_ds=second),
        Context(shape.vmids[1], s2_ds=second, s1_ds=first),
    )
    return contexts[: rng.choice((1, 2))]


def _range(g: Rounds, stage: str) -> None:
    """A leaf that is used goes by a range operation."""
    place = g.new_place(stage, 0)
    family = {"s1": ("vae1", "vaae1"), "s2": ("ipas2e1",)}[stage]
    op = g.choose(lambda op: op.operand.is_range and op.family in family, g.world.cpus > 1)
    if op is None or place in g.places or not g.make(place, 0):
        return
    page = g.rng.choice(g.pages_of(place))
    g.look(place, page, 0, "read")
    g.remove(place)
    g.emit(Tlbi(0, op.name, g.operand(op, place, g.world.contexts[0].tag_asid)))
    if stage == "s2":
        g.emit(Tlbi(0, "vmalle1is"))
    g.look(place, page, 0, "read")


def fill_wide(g: Rounds) -> None:
    """The usual rounds, and outputs above the output size by a bit that only DS gives a descriptor."""
    base_maps(g, 0)
    for _ in g.rounds(len(g.actions) + 16):
        stage = g.rng.choice(("s1", "s2"))
        g.round(stage, g.rng.randrange(len(g.world.contexts)))
        c = g.world.contexts[0]
        if g.chance(0.5):
            _range(g, stage)
        if not (c.s1_ds if stage == "s1" else c.s2_ds):
            continue
        place = g.new_place(stage, 0)
        to = g.target(place, 0) | 1 << g.rng.choice(HIGH)
        perms = {"s1": "wx", "s2": "rwx"}[stage]
        if place not in g.places and g.emit(Map(stage, place.ctx, place.at, place.level, to, perms)):
            g.places[place] = (to, perms)
            g.look(place, g.rng.choice(g.pages_of(place)), 0, "read")
            g.remove(place)
            if g.chance(0.5):  # nothing of it was held
                g.emit(Access("read", 0, g.rng.choice(g.pages_of(place)), el0=False))
