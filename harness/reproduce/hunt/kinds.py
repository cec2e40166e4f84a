# SPDX-License-Identifier: GPL-2.0-only
"""The kinds of programs: their contexts, and how rounds are put together.

A new kind is a function for its contexts, one that fills it, and a row of ``KINDS``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.arch.table import Regime, load
from harness.reproduce.hunt.allowed import VEL2_SHIFT
from harness.reproduce.hunt.layout import AREAS, EVENT_PA, Layout, level_size
from harness.reproduce.hunt.program import Access, Context, Host, Map, Tlbi
from harness.reproduce.hunt.rounds import Rounds, base_maps
from harness.reproduce.hunt.scene import Place

MAX_ACTIONS = 26


@dataclass(frozen=True, slots=True)
class Shape:
    """What the programs of a batch share, so that one VM serves them: granule, CPUs, a hidden feature."""

    shift: int
    cpus: int
    hide: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of program: its contexts, how often it is chosen, and what it needs.

    ``whole``: KVM walks whole contexts. ``batch``: how many programs share a VM. ``fill`` puts the rounds
    together.
    """

    name: str
    weight: int
    contexts: Callable[[random.Random, Layout], tuple[Context, ...]]
    fill: Callable[[Rounds], None]
    whole: bool = False
    batch: int = 60
    granules: tuple[int, ...] = (12, 12, 12, 14, 16)
    cpus: tuple[int, ...] = (1,)
    hides: tuple[str, ...] = ("",)

    def shape(self, rng: random.Random) -> Shape:
        """One at random."""
        return Shape(rng.choice(self.granules), rng.choice(self.cpus), rng.choice(self.hides))


def _stage2(rng: random.Random, _: Layout) -> tuple[Context, ...]:
    return (Context(1), Context(1), Context(2), Context(2, s2_of=0))[: rng.choice((1, 2, 4))]


def _fill_stage2(g: Rounds) -> None:
    for _ in g.rounds(MAX_ACTIONS):
        g.round("s2", g.rng.randrange(len(g.world.contexts)))


def _stage1(rng: random.Random, _: Layout) -> tuple[Context, ...]:
    contexts = (
        Context(1, 1, s1=True, el0=True),
        Context(1, 2, s1=True, s2_of=0, el0=True),
        Context(2, 1, s1=True, s2_of=0, s1_of=0, el0=True),
    )
    return contexts[: rng.choice((1, 2, 3))]


def _fill_stage1(g: Rounds) -> None:
    base_maps(g, 0)
    for _ in g.rounds(len(g.actions) + 16):
        g.round(g.rng.choice(("s1", "s1", "s2")), g.rng.randrange(len(g.world.contexts)))


def _stage2_off(_: random.Random, __: Layout) -> tuple[Context, ...]:
    return Context(3, 1, s1=True, s2=False), Context(1)


def _fill_stage2_off(g: Rounds) -> None:
    for _ in g.rounds(16):
        g.round("s1", 0)


def _vel2(_: random.Random, __: Layout) -> tuple[Context, ...]:
    return Context(1), Context(1, tge=True)


def _fill_vel2(g: Rounds) -> None:
    for _ in g.rounds(16):
        g.round("e2", 0)


def _vncr(rng: random.Random, layout: Layout) -> tuple[Context, ...]:
    page = layout.e2(rng.randrange(AREAS)) + rng.choice((0, level_size(VEL2_SHIFT, 2) - 4096))
    return Context(1, vncr=page), Context(1), Context(1, tge=True)


def _fill_vncr(g: Rounds) -> None:
    page = g.world.contexts[0].vncr or 0
    for _ in g.rounds(20):
        level = 2 if g.chance(0.3) else 3
        place = Place("e2", 0, page & ~(level_size(VEL2_SHIFT, level) - 1), level)
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


def _look_vncr(g: Rounds, place: Place, page: int) -> None:
    g.use(place, page, 0)
    if g.world.cpus > 1 and g.chance(0.6):
        g.hop()
        g.look(place, page)
        g.hop() if g.chance(0.5) else None


def _traps(rng: random.Random, _: Layout) -> tuple[Context, ...]:
    traps = rng.sample(("ttlb", "ttlbis", "ttlbos"), rng.choice((1, 1, 2)))
    return Context(1, 1, s1=True, traps=frozenset(traps)), Context(1, 1, s1=True, s2_of=0, s1_of=0)


def _fill_traps(g: Rounds) -> None:
    base_maps(g, 0)
    g.round("s1", 0)
    for _ in range(8):
        op = g.choose(lambda op: op.family in ("vmalle1", "vae1", "aside1", "vaae1"), False)
        if op:
            place = g.new_place("s1", 0)
            g.emit(Tlbi(g.rng.randrange(2), op.name, g.operand(op, place, 1), by_l2=True))
    g.round("s1", 0)


def _one(_: random.Random, __: Layout) -> tuple[Context, ...]:
    return (Context(1),)


def _fill_hidden(g: Rounds) -> None:
    names = {"os": "TLBIOS", "range": "TLBIRANGE", "xs": "XS"}
    g.round("s2", 0)
    found = [op for op in load() if names[g.world.hide] in op.features]
    for _ in range(10):
        op = g.rng.choice(found)
        if op.regime is Regime.EL10:
            g.emit(Tlbi(0, op.name, g.operand(op, g.new_place("s2", 0), 0)))
    g.round("s2", 0)


def _vmids(_: random.Random, __: Layout) -> tuple[Context, ...]:
    return tuple(Context(vmid) for vmid in range(1, 5))


def _fill_vmids(g: Rounds) -> None:
    """Each VMID maps its own page at one IPA; then rounds, and all look."""
    place = g.new_place("s2", 0)
    page = g.rng.choice(g.pages_of(place))
    each = [Place("s2", ctx, place.at, place.level) for ctx in range(len(g.world.contexts))]
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


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("stage2", 30, _stage2, _fill_stage2, cpus=(1, 1, 2)),
        Kind("stage1", 25, _stage1, _fill_stage1, cpus=(1, 2, 2, 2)),
        Kind("stage2-off", 6, _stage2_off, _fill_stage2_off, cpus=(2,)),
        Kind("vel2", 12, _vel2, _fill_vel2, granules=(12,), cpus=(1, 2, 2, 2)),
        Kind("vncr", 16, _vncr, _fill_vncr, granules=(12,), cpus=(1, 2)),
        Kind("traps", 6, _traps, _fill_traps, granules=(12,)),
        Kind("hidden", 5, _one, _fill_hidden, granules=(12,), hides=("os", "range", "xs")),
        Kind("whole", 5, _stage2, _fill_stage2, whole=True, batch=6, granules=(12,), cpus=(1, 1, 2)),
        Kind("vmids", 5, _vmids, _fill_vmids, whole=True, batch=8, granules=(12,), cpus=(1, 2)),
        Kind("events", 6, _one, _fill_events, whole=True, batch=16, granules=(12,)),
    )
}
