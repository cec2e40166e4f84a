"""Random programs: short, legal by break-before-make, and likely to have something stale to look at.

A program is made of rounds. A round makes a translation, uses it, changes or removes it, executes operations
that cover it (or nearly do), and looks again. In between anything else may happen. The reference model goes
along: it tells what is legal, so that a descriptor is replaced only when no TLB may hold the old one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.hunt.layout import AREAS, E2_ASID, EVENT_PA, FRAMES, WORDS, Layout, level_size
from harness.hunt.model import VEL2_SHIFT, Model, trapped
from harness.hunt.program import (
    Access,
    Action,
    Context,
    Cpu,
    Host,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    World,
    make_operand,
)
from harness.tlbi.table import Operand, Operation, Regime, Scope, load

MAX_ACTIONS = 26
ROUNDS_MAX = 40
ALL_FEATURES = frozenset({"TLBIOS", "TLBIRANGE", "XS"})
NEAR_MISS = 0.12
"""How often an operand is not for the leaf: another ASID, VMID, address or TTL."""
WHOLE = ("vmalls12e1", "alle1")
"""Families for which KVM walks a whole shadow context (docs/litmus.md)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A leaf that a program uses: stage, context that owns the table, address, level."""

    stage: str
    ctx: int
    at: int
    level: int

    def size(self, shift: int) -> int:
        """Bytes."""
        return level_size(VEL2_SHIFT if self.stage == "e2" else shift, self.level)


class Generator:
    """Makes one program. ``features`` are L1's; ``whole``: also what makes KVM walk whole contexts."""

    def __init__(
        self, rng: random.Random, world: World, layout: Layout, features: frozenset[str], whole: bool
    ) -> None:
        self.rng = rng
        self.world = world
        self.layout = layout
        self.model = Model(world)
        self.actions: list[Action] = []
        self.places: dict[Place, tuple[int, str]] = {}
        self._spin: Spin | None = None
        self._stopped = False
        self._writes = 0
        self.operations = [
            op for op in load() if op.features <= features and (whole or op.family not in WHOLE)
        ]

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
        self.model.step(action)
        self.actions.append(action)
        return True

    def program(self) -> Program:
        """What was made so far; a spin that still goes on is ended."""
        if self._spin and not self._stopped:
            self.emit(Stop(self._spin.cpu))
        return Program(self.world, tuple(self.actions))

    # --- making, changing, removing

    def new_place(self, stage: str, ctx: int) -> Place:
        """A random leaf of ``stage`` in an area of the window."""
        area = self.rng.randrange(AREAS)
        level = 2 if self.chance(0.4) else 3
        base = {"s2": self.layout.ipa, "s1": self.layout.va, "e2": self.layout.e2}[stage](area)
        shift = VEL2_SHIFT if stage == "e2" else self.world.shift
        if level == 3:
            offsets = (0, level_size(shift, 2) // 2, level_size(shift, 2) - (1 << shift))
            base += self.rng.choice(offsets)
        table = 0 if stage == "e2" else self._table(stage, ctx)
        return Place(stage, table, base, level)

    def _table(self, stage: str, ctx: int) -> int:
        return self.world.s2_table(ctx) if stage == "s2" else self.world.s1_table(ctx)

    def target(self, place: Place, ctx: int) -> int:
        """An output address for ``place``: memory, or for stage 1 with stage 2 on an IPA."""
        size = place.size(self.world.shift)
        in_area = place.at & (level_size(self._shift(place), 2) - 1) if place.level == 3 else 0
        if place.stage == "s1" and self.world.contexts[ctx].s2:
            return self.layout.ipa(self.rng.randrange(AREAS)) + in_area
        frame = self.layout.frame(self.rng.randrange(FRAMES))
        return frame + (in_area if place.stage != "e2" else in_area & (size - 1 | 0x1FFFFF))

    def _shift(self, place: Place) -> int:
        return VEL2_SHIFT if place.stage == "e2" else self.world.shift

    def perms(self, stage: str) -> str:
        """Permissions: mostly all."""
        if stage == "s2":
            return self.rng.choice(("rwx", "rwx", "rwx", "rw", "rx", "r"))
        if stage == "e2":
            return self.rng.choice(("w", "w", "wg"))
        return self.rng.choice(("wx", "wx", "wuX", "uxX", "x", "w", "wxg", "wuXg"))

    def make(self, place: Place, ctx: int) -> bool:
        """Map ``place`` to somewhere, if that is legal now."""
        to, perms = self.target(place, ctx), self.perms(place.stage)
        if not self.emit(Map(place.stage, place.ctx, place.at, place.level, to, perms)):
            return False
        self.places[place] = (to, perms)
        return True

    def remove(self, place: Place) -> bool:
        """Write an invalid descriptor over it."""
        if not self.emit(Map(place.stage, place.ctx, place.at, place.level)):
            return False
        self.places.pop(place, None)
        return True

    def remove_table(self, place: Place) -> bool:
        """Write an invalid descriptor over the pointer to the table that ``place`` is in."""
        size = level_size(self._shift(place), 2)
        at = place.at & ~(size - 1)
        if not self.emit(Map(place.stage, place.ctx, at, 2)):
            return False
        for each in [p for p in self.places if (p.stage, p.ctx) == (place.stage, place.ctx)]:
            if at <= each.at < at + size:
                del self.places[each]
        return True

    def protect(self, place: Place) -> bool:
        """Change permissions alone: no break is needed."""
        to, perms = self.places[place]
        fewer = {"s2": ("r", "rw", "rx", "rwx"), "e2": ("w",), "s1": ("x", "wx", "w", "wuX", "u")}[
            place.stage
        ]
        new = self.rng.choice([p for p in fewer if p != perms] or [perms])
        new += "g" if "g" in perms and place.stage != "s2" else ""
        if not self.emit(Map(place.stage, place.ctx, place.at, place.level, to, new)):
            return False
        self.places[place] = (to, new)
        return True

    # --- using

    def pages_of(self, place: Place) -> Sequence[int]:
        """Addresses of pages in the leaf: first, middle, last."""
        if place.level == 3:
            return (place.at,)
        size = place.size(self.world.shift)
        return place.at, place.at + size // 2, place.at + size - (1 << self._shift(place))

    def users(self, place: Place) -> list[int]:
        """The contexts whose L2 may use it directly: by address of its own stage."""
        found = []
        for i, c in enumerate(self.world.contexts):
            if c.tge or c.vncr is not None:
                continue
            on = c.s1 if place.stage == "s1" else c.s2 and not c.s1
            if on and self._table(place.stage, i) == place.ctx:
                found.append(i)
        return found

    def look(self, place: Place, page: int, ctx: int | None = None, kind: str = "") -> None:
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
        self._writes += kind == "write"
        value = 0xA000_0000 + len(self.actions) if kind == "write" else 0
        self.emit(Access(kind, ctx, page + WORDS[kind], value, el0))

    def look_through(self, place: Place) -> None:
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

    def start_spin(self, place: Place, page: int) -> None:
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

    # --- invalidating

    def invalidate(self, place: Place, ctx: int) -> None:
        """Execute operations that cover ``place``, most of the time."""
        family = {"s2": self._stage2, "s1": self._stage1, "e2": self._vel2}[place.stage]
        family(place, ctx)

    def _choose(self, fits: Callable[[Operation], bool], remote: bool) -> Operation | None:
        found = [op for op in self.operations if fits(op)]
        if remote and self.chance(0.9):
            found = [op for op in found if op.scope is not Scope.LOCAL] or found
        return self.rng.choice(found) if found else None

    @property
    def _remote(self) -> bool:
        return self.world.cpus > 1

    def _stage2(self, place: Place, ctx: int) -> None:
        op = self._choose(lambda op: op.family == "ipas2e1" or op.family in WHOLE, self._remote)
        if op is None:
            return
        self.emit(Tlbi(self._vmid_of(place, ctx), op.name, self.operand(op, place, 0)))
        if op.family in WHOLE or self.chance(NEAR_MISS):
            return
        names = ("vmalle1", "vmalle1is", "vmalle1os")
        after = self._choose(lambda op: op.name.removesuffix("nxs") in names, self._remote)
        if after:
            self.emit(Tlbi(self._vmid_of(place, ctx), after.name))

    def _vmid_of(self, place: Place, ctx: int) -> int:
        """A context under whose VMID the place is used; now and then any other."""
        if self.chance(NEAR_MISS):
            return self.rng.randrange(len(self.world.contexts))
        same = [
            i
            for i, c in enumerate(self.world.contexts)
            if c.vmid == self.world.contexts[ctx].vmid and not c.tge and place.stage != "e2"
        ]
        return self.rng.choice(same) if same else ctx

    def _stage1(self, place: Place, ctx: int) -> None:
        families = ("vmalle1", "vae1", "aside1", "vaae1")
        op = self._choose(lambda op: op.family in families, self._remote)
        if op is None:
            return
        by_l2 = self.chance(0.15) and not trapped(op, self.world.contexts[ctx].traps)
        use = ctx if by_l2 else self._vmid_of(place, ctx)
        self.emit(Tlbi(use, op.name, self.operand(op, place, self._asid(ctx)), by_l2))

    def _asid(self, ctx: int) -> int:
        if self.chance(NEAR_MISS):
            return self.rng.choice((0, 1, 2, 0x33))
        return self.world.contexts[ctx].asid

    def _vel2(self, place: Place, ctx: int) -> None:
        tge = [i for i, c in enumerate(self.world.contexts) if c.tge]
        by_e1 = bool(tge) and self.chance(0.5)
        if by_e1:
            op = self._choose(lambda op: op.family in ("vmalle1", "vae1", "aside1", "vaae1"), self._remote)
        else:
            op = self._choose(
                lambda op: op.regime is Regime.EL2 and op.family in ("alle2", "vae2"), self._remote
            )
        if op is None:
            return
        plain = [i for i, c in enumerate(self.world.contexts) if not c.tge and c.vncr is None] or [ctx]
        # With TGE clear Linux forgets the VNCR page: harness.hunt.defects.
        use = self.rng.choice(tge if by_e1 or (tge and self.chance(0.9)) else plain)
        asid = self.rng.choice((0, 1)) if self.chance(NEAR_MISS) else E2_ASID
        self.emit(Tlbi(use, op.name, self.operand(op, place, asid)))

    def operand(self, op: Operation, place: Place, asid: int) -> int:
        """One for ``place``: any address in it, a range that holds it, a TTL that is its own or none."""
        shift, size = self._shift(place), place.size(self.world.shift)
        if op.operand in (Operand.NONE, Operand.ASID):
            return make_operand(op, asid=asid)
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

    def _range(self, op: Operation, place: Place, asid: int, level: int) -> int:
        """At least two granules: the smallest that covers the leaf, or one more or less, from its start or
        before."""
        shift, size = self._shift(place), place.size(self.world.shift)
        granules = max(2, size >> shift)
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
        return make_operand(op, at=at, asid=asid, shift=shift, ttl_level=level, scale=scale, num=num)

    # --- rounds

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

    def _owner(self, place: Place, ctx: int) -> int:
        users = self.users(place)
        return ctx if ctx in users or not users else self.rng.choice(users)

    def use(self, place: Place, page: int, ctx: int) -> None:
        """Look at it: here, in several contexts, and on the other CPU."""
        self.sample()
        if not self._spin or self.chance(0.3):
            self.look(place, page, ctx)
            for other in self.users(place):
                if other != ctx and self.chance(0.4):
                    self.look(place, page, other)

    def change(self, place: Place) -> None:
        """Take it away, or change what it permits."""
        if place in self.places and self.chance(0.35):
            self.protect(place)
        elif place.level == 3 and self.chance(0.1):
            self.remove_table(place)
        else:
            self.remove(place)


def base_maps(g: Generator, ctx: int) -> None:
    """Stage 2 of ``ctx``: each area mapped, so that stage 1 has somewhere to go."""
    for area in range(AREAS):
        if g.chance(0.5):
            place = Place("s2", g.world.s2_table(ctx), g.layout.ipa(area), 2)
            if g.emit(Map("s2", place.ctx, place.at, 2, g.layout.frame(g.rng.randrange(FRAMES)), "rwx")):
                g.places[place] = (0, "rwx")
        else:
            frame = g.layout.frame(g.rng.randrange(FRAMES))
            for offset in g.layout.offsets:
                place = Place("s2", g.world.s2_table(ctx), g.layout.ipa(area) + offset, 3)
                if g.emit(Map("s2", place.ctx, place.at, 3, frame + offset, "rwx")):
                    g.places[place] = (frame + offset, "rwx")


# --- kinds of programs


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
    fill: Callable[[Generator], None]
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


def _fill_stage2(g: Generator) -> None:
    for _ in g.rounds(MAX_ACTIONS):
        g.round("s2", g.rng.randrange(len(g.world.contexts)))


def _stage1(rng: random.Random, _: Layout) -> tuple[Context, ...]:
    contexts = (
        Context(1, 1, s1=True, el0=True),
        Context(1, 2, s1=True, s2_of=0, el0=True),
        Context(2, 1, s1=True, s2_of=0, s1_of=0, el0=True),
    )
    return contexts[: rng.choice((1, 2, 3))]


def _fill_stage1(g: Generator) -> None:
    base_maps(g, 0)
    for _ in g.rounds(len(g.actions) + 16):
        g.round(g.rng.choice(("s1", "s1", "s2")), g.rng.randrange(len(g.world.contexts)))


def _stage2_off(_: random.Random, __: Layout) -> tuple[Context, ...]:
    return Context(3, 1, s1=True, s2=False), Context(1)


def _fill_stage2_off(g: Generator) -> None:
    for _ in g.rounds(16):
        g.round("s1", 0)


def _vel2(_: random.Random, __: Layout) -> tuple[Context, ...]:
    return Context(1), Context(1, tge=True)


def _fill_vel2(g: Generator) -> None:
    for _ in g.rounds(16):
        g.round("e2", 0)


def _vncr(rng: random.Random, layout: Layout) -> tuple[Context, ...]:
    page = layout.e2(rng.randrange(AREAS)) + rng.choice((0, level_size(VEL2_SHIFT, 2) - 4096))
    return Context(1, vncr=page), Context(1), Context(1, tge=True)


def _fill_vncr(g: Generator) -> None:
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


def _look_vncr(g: Generator, place: Place, page: int) -> None:
    g.use(place, page, 0)
    if g.world.cpus > 1 and g.chance(0.6):
        g.hop()
        g.look(place, page)
        g.hop() if g.chance(0.5) else None


def _traps(rng: random.Random, _: Layout) -> tuple[Context, ...]:
    traps = rng.sample(("ttlb", "ttlbis", "ttlbos"), rng.choice((1, 1, 2)))
    return Context(1, 1, s1=True, traps=frozenset(traps)), Context(1, 1, s1=True, s2_of=0, s1_of=0)


def _fill_traps(g: Generator) -> None:
    base_maps(g, 0)
    g.round("s1", 0)
    for _ in range(8):
        op = g._choose(lambda op: op.family in ("vmalle1", "vae1", "aside1", "vaae1"), False)
        if op:
            place = g.new_place("s1", 0)
            g.emit(Tlbi(g.rng.randrange(2), op.name, g.operand(op, place, 1), by_l2=True))
    g.round("s1", 0)


def _one(_: random.Random, __: Layout) -> tuple[Context, ...]:
    return (Context(1),)


def _fill_hidden(g: Generator) -> None:
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


def _fill_vmids(g: Generator) -> None:
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


def _fill_events(g: Generator) -> None:
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


def generate(
    seed: str, kind: str, window: int, features: frozenset[str] = ALL_FEATURES, shape: Shape | None = None
) -> Program:
    """The program of ``kind`` and ``shape`` that follows from ``seed``, with the addresses of ``window``."""
    rng = random.Random(f"{seed} {kind} {window}")
    how = KINDS[kind]
    shape = shape or how.shape(rng)
    layout = Layout(shape.shift, window)
    world = World(shape.shift, how.contexts(rng, layout), shape.cpus, shape.hide)
    g = Generator(rng, world, layout, features, how.whole)
    how.fill(g)
    return g.program()
