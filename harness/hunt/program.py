"""Programs: contexts and actions, as objects and as the text that ``nvh-litmus --program`` reads
(docs/hunt.md)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.errors import InputError, Location, Problem, UserError, closest
from harness.hunt.layout import DATA_PA, GRANULES, NAMES, WORDS, code_word, e2_root, level_size, value_at
from harness.tlbi.operand import Fields, encode
from harness.tlbi.table import Operand, Operation, by_name

DATA_SIZE = 0x1_0000_0000
CONTEXT_VCPUS = 3
"""KVM keeps two shadow contexts for each vCPU, used or not. Programs of one granule have four at most."""
AFTERWARDS = "# afterwards"
"""The line behind a program's actions: what follows tidies up."""
TRAPS = ("ttlb", "ttlbis", "ttlbos")


@dataclass(frozen=True, slots=True)
class Context:
    """What L1 loads before it enters L2 or executes an operation.

    ``s1``, ``s2``: the stage is on. ``s2_of``, ``s1_of``: the number of the context whose tables it uses, or
    None for its own. ``tge``: HCR_EL2.TGE, for operations only. ``vncr``: L2 is a hypervisor, its VNCR page
    at this VA of vEL2. ``traps``: some of ``TRAPS``. ``el0``: L2's own page is mapped for its EL0, which
    spins there.
    """

    vmid: int = 1
    asid: int = 0
    s1: bool = False
    s2: bool = True
    s2_of: int | None = None
    s1_of: int | None = None
    tge: bool = False
    vncr: int | None = None
    traps: frozenset[str] = frozenset()
    el0: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What programs that share a VM agree on: granule of L2's stages, contexts, CPUs, what L1 lacks."""

    shift: int
    contexts: tuple[Context, ...]
    cpus: int = 1
    hide: str = ""

    def s2_table(self, ctx: int) -> int:
        """The context that owns the stage-2 tables of ``ctx``."""
        own = self.contexts[ctx].s2_of
        return ctx if own is None else own

    def s1_table(self, ctx: int) -> int:
        """The same for stage 1."""
        own = self.contexts[ctx].s1_of
        return ctx if own is None else own


@dataclass(frozen=True, slots=True)
class Map:
    """L1 writes a descriptor: ``stage`` s1, s2 or e2 (vEL2's own), at ``level``; ``to`` None: an invalid one.

    ``perms``: letters, for s2 of ``rwx``; for s1 and e2 ``w`` writable, ``u`` EL0 too, ``x`` executable at
    EL1, ``X`` at EL0, ``g`` global.
    """

    stage: str
    ctx: int
    at: int
    level: int
    to: int | None = None
    perms: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """``kind`` read, write, execute or vncr by L2 under ``ctx`` (at EL0: ``el0``), or peek at vEL2.

    ``at`` is the address of the word; ``value`` what a write writes.
    """

    kind: str
    ctx: int = 0
    at: int = 0
    value: int = 0
    el0: bool = False


@dataclass(frozen=True, slots=True)
class Tlbi:
    """``op`` with operand ``xt`` by L1 at vEL2 with ``ctx`` loaded, or by L2 itself; then DSB and ISB."""

    ctx: int
    op: str
    xt: int = 0
    by_l2: bool = False

    @property
    def operation(self) -> Operation:
        """Its row of the table."""
        return by_name(self.op)


@dataclass(frozen=True, slots=True)
class Spin:
    """CPU ``cpu`` reads ``at`` again and again: ``where`` l2, el0, vel2 or vncr. Once for each CPU."""

    cpu: int
    ctx: int
    at: int
    where: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What CPU ``cpu``'s spin reads from now on."""

    cpu: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The end of CPU ``cpu``'s spin."""

    cpu: int


@dataclass(frozen=True, slots=True)
class Cpu:
    """What follows is done by another CPU, after all that came before."""

    cpu: int


@dataclass(frozen=True, slots=True)
class Host:
    """L0's VMM does ``action`` (host_text.c) to the memory at EVENT_PA, ``offset`` in bytes."""

    action: str
    offset: int


Action = Map | Access | Tlbi | Spin | Sample | Stop | Cpu | Host
OBSERVING = (Access, Tlbi, Spin, Sample, Host)
"""Actions of which nvh-litmus prints an observation."""


@dataclass(frozen=True, slots=True)
class Program:
    """A world and what happens in it."""

    world: World
    actions: tuple[Action, ...]

    def with_actions(self, actions: Sequence[Action]) -> Program:
        """The same world with other actions."""
        return dataclasses.replace(self, actions=tuple(actions))


@dataclass(frozen=True, slots=True)
class Loose:
    """Where L1 owes an invalidation: in the whole program, or while it does some of its actions."""

    whole: bool = False
    actions: frozenset[int] = frozenset()


def render(
    program: Program,
    name: str,
    allowed: Sequence[frozenset[str] | None] | None = None,
    fresh: bool = False,
    loose: Loose | None = None,
) -> str:
    """The program as text.

    ``allowed``: for each action the observations that the architecture allows, or None where it has none.
    """
    loose = loose or Loose()
    lines = [_header(program.world, name, fresh) + (" loose" if loose.whole else "")]
    lines += [_context(program.world, i) for i in range(len(program.world.contexts))]
    lines += _memory(program)
    for i, action in enumerate(program.actions):
        rest = allowed[i] if allowed else None
        words = action_text(action) + (" loose" if i in loose.actions else "")
        lines.append(words + (f" => {'|'.join(sorted(rest))}" if rest is not None else ""))
    lines += [AFTERWARDS, *epilogue(program)]
    return "\n".join([*lines, "end"]) + "\n"


def prologue_lines(program: Program) -> int:
    """How many lines precede the first action: nvh-litmus numbers the lines after ``program`` from 1."""
    return len(program.world.contexts) + len(_memory(program))


def _header(world: World, name: str, fresh: bool) -> str:
    granule = NAMES[world.shift]
    return (
        f"program {name} cpus={world.cpus} spare={CONTEXT_VCPUS - world.cpus} world={granule}"
        + (f" hide={world.hide}" if world.hide else "")
        + (" fresh" if fresh else "")
    )


def _context(world: World, number: int) -> str:
    c = world.contexts[number]
    words = [f"context {number} granule={NAMES[world.shift]} vmid={c.vmid}"]
    words += [f"asid={c.asid}"] if c.asid else []
    words += ["s1"] if c.s1 else []
    words += ["s2"] if c.s2 else []
    words += [f"s2-of={c.s2_of}"] if c.s2_of is not None else []
    words += [f"s1-of={c.s1_of}"] if c.s1_of is not None else []
    words += [f"vncr={c.vncr:#x}"] if c.vncr is not None else []
    words += ["tge"] if c.tge else []
    words += ["el0"] if c.el0 else []
    return " ".join([*words, *sorted(c.traps)])


def reachable(program: Program) -> list[tuple[str, int]]:
    """The words of data memory that accesses may reach: kind of access and physical address."""
    shift = program.world.shift
    page = (1 << shift) - 1
    uses: dict[str, set[int]] = {}
    for action in program.actions:
        if isinstance(action, Access):
            at = action.at
            if action.kind == "vncr":
                at = program.world.contexts[action.ctx].vncr or 0
            uses.setdefault(action.kind, set()).add(at & ~page)
        elif isinstance(action, Spin):
            uses.setdefault("vncr" if action.where == "vncr" else "read", set()).add(action.at & ~page)
    found = set()
    for leaf in program.actions:
        if not isinstance(leaf, Map) or leaf.to is None or not DATA_PA <= leaf.to < DATA_PA + DATA_SIZE:
            continue
        for kind, pages in uses.items():
            if kind not in (("vncr", "peek", "read") if leaf.stage == "e2" else ("read", "write", "execute")):
                continue
            size = level_size(12 if leaf.stage == "e2" else shift, leaf.level)
            found |= {(kind, leaf.to + (at & (size - 1)) + WORDS[kind]) for at in pages}
    return sorted(found, key=lambda each: (each[1], each[0]))


def _memory(program: Program) -> list[str]:
    shift = program.world.shift
    words = reachable(program)
    frames = [f"{pa:#x}" for kind, pa in words if kind == "write"]
    lines = [f"frames {' '.join(frames)}"] if frames else []
    pokes = sorted({pa for kind, pa in words if kind in ("read", "peek", "vncr")})
    lines += [f"poke {pa:#x} {value_at(pa):#x}" for pa in pokes]
    lines += [f"code {pa:#x} {code_word(pa & ~0xFF, shift):#x}" for kind, pa in words if kind == "execute"]
    return lines


def action_text(action: Action) -> str:
    """One action as its line."""
    match action:
        case Map():
            ctx = "" if action.stage == "e2" else f"{action.ctx} "
            to = "none" if action.to is None else f"{action.to:#x} {action.perms or '-'}"
            return f"{action.stage} {ctx}{action.at:#x} {action.level} {to}"
        case Access(kind="peek"):
            return f"peek {action.at:#x}"
        case Access(kind="vncr"):
            return f"vncr {action.ctx}"
        case Access():
            value = f" {action.value:#x}" if action.kind == "write" else ""
            return f"{action.kind} {action.ctx} {action.at:#x}{value}{' el0' if action.el0 else ''}"
        case Tlbi():
            operand = f" {action.xt:#x}" if action.operation.has_operand else ""
            return f"{'l2-tlbi' if action.by_l2 else 'tlbi'} {action.ctx} {action.op}{operand}"
        case Spin():
            return f"spin {action.cpu} {action.ctx} {action.at:#x} {action.where}"
        case Sample():
            return f"sample {action.cpu}"
        case Stop():
            return f"stop {action.cpu}"
        case Cpu():
            return f"cpu {action.cpu}"
        case Host():
            return f"host {action.action} {action.offset:#x}"


def epilogue(program: Program) -> list[str]:
    """Take away and invalidate all that the program mapped, so that nothing of it is left for the next one.

    Each leaf with an operation for its own address and VMID that is not last-level, at every table that it
    may be in; then all of stage 1 of each VMID, and of vEL2's own regime. The operations are those with IS
    scope.
    """
    world = program.world
    lines, cpu = [], 0
    spinning = set()
    for action in program.actions:
        if isinstance(action, Cpu):
            cpu = action.cpu
        elif isinstance(action, Spin):
            spinning.add(action.cpu)
        elif isinstance(action, Stop):
            spinning.discard(action.cpu)
    lines += [f"stop {each}" for each in sorted(spinning)]
    lines += ["cpu 0"] if cpu else []
    maps = [action for action in program.actions if isinstance(action, Map) and action.to is not None]
    ipas2 = by_name("ipas2e1is")
    leaves = dict.fromkeys((world.s2_table(m.ctx), m.at, m.level) for m in maps if m.stage == "s2")
    for table, at, level in leaves:
        lines.append(f"s2 {table} {at:#x} {level} none")
        vmids = {c.vmid: i for i, c in enumerate(world.contexts) if c.s2 and world.s2_table(i) == table}
        for ctx in vmids.values():
            lines.append(f"tlbi {ctx} ipas2e1is {encode(ipas2, Fields(ipa=at)):#x}")
    for table, at, level in dict.fromkeys(
        (world.s1_table(m.ctx), m.at, m.level) for m in maps if m.stage == "s1"
    ):
        lines.append(f"s1 {table} {at:#x} {level} none")
    if any(m.stage in ("s1", "s2") for m in maps):
        lines += [f"tlbi {ctx} vmalle1is" for ctx in _one_per_vmid(world)]
    roots = sorted({e2_root(m.at) for m in maps if m.stage == "e2"})
    if roots:
        lines += [f"e2 {root:#x} 1 none" for root in roots]
        lines.append("tlbi 0 alle2is")
        lines += [f"tlbi {i} vmalle1is" for i, c in enumerate(world.contexts) if c.tge][:1]
    return lines


def _one_per_vmid(world: World) -> list[int]:
    found: dict[int, int] = {}
    for i, c in enumerate(world.contexts):
        if not c.tge:
            found.setdefault(c.vmid, i)
    return list(found.values())


def make_operand(
    operation: Operation,
    *,
    at: int = 0,
    asid: int = 0,
    shift: int = 12,
    ttl_level: int = 0,
    scale: int = 0,
    num: int = 0,
) -> int:
    """The operand of ``operation`` for address ``at``.

    ``ttl_level`` 0: no hint. Ranges begin at ``at`` and cover (num + 1) * 2^(5 * scale + 1) granules.
    """
    code = {12: 1, 14: 2, 16: 3}[shift]
    form = operation.operand
    if form is Operand.NONE:
        return 0
    if form is Operand.ASID:
        return encode(operation, Fields(asid=asid))
    given = asid if operation.matches_asid else None
    if form.is_range:
        base = at & ~((1 << shift) - 1)
        is_va = form is Operand.VA_RANGE
        return encode(
            operation,
            Fields(
                asid=given,
                va=base if is_va else None,
                ipa=None if is_va else base,
                tg=code,
                scale=scale,
                num=num,
                ttl=ttl_level,
            ),
        )
    ttl = code << 2 | ttl_level if ttl_level else 0
    page = at & ~0xFFF
    if form is Operand.VA:
        return encode(operation, Fields(asid=given, va=page, ttl=ttl))
    return encode(operation, Fields(ipa=page, ttl=ttl))


def parse(text: str, source: str = "program") -> Iterator[tuple[str, Program]]:
    """The programs of a text by name, less memory and epilogue, which ``render`` makes anew.

    Raises ``InputError`` with the line of the first thing that is not understood.
    """
    contexts: list[Context] = []
    actions: list[Action] = []
    name, cpus, hide, shift = "", 1, "", 12
    afterwards = False
    for number, line in enumerate(text.splitlines(), 1):
        afterwards |= line.strip() == AFTERWARDS
        words = line.partition("#")[0].partition("=>")[0].split()
        words = words[:-1] if words[-1:] == ["loose"] else words
        if not words:
            continue
        try:
            if words[0] == "program":
                name, cpus, hide = words[1], 1, ""
                contexts, actions = [], []
                for word in words[2:]:
                    key, _, value = word.partition("=")
                    cpus = int(value) if key == "cpus" else cpus
                    hide = value if key == "hide" else hide
            elif words[0] == "context":
                shift = GRANULES[next(w for w in words if w.startswith("granule=")).partition("=")[2]]
                contexts.append(_parse_context(words))
            elif words[0] == "end":
                world = World(shift, tuple(contexts), cpus, hide)
                yield name, Program(world, tuple(actions))
                afterwards = False
            elif not afterwards and words[0] not in ("frames", "poke", "code"):
                actions.append(_parse_action(words))
        except (UserError, ValueError, IndexError, KeyError, StopIteration) as error:
            near = closest(words[0], VERBS)
            raise InputError(
                [
                    Problem(
                        Location(source, number),
                        f"{line.strip()!r}: {error}",
                        "an action (docs/hunt.md)",
                        near,
                    )
                ]
            ) from None


VERBS = ("context", "s1", "s2", "e2", "read", "write", "execute", "vncr", "peek", "tlbi", "l2-tlbi", "spin",
         "sample", "stop", "cpu", "host")  # fmt: skip


def _parse_context(words: Sequence[str]) -> Context:
    flags = set(words)
    values = dict(word.split("=", 1) for word in words if "=" in word)

    def number(key: str) -> int | None:
        return int(values[key], 0) if key in values else None

    return Context(
        vmid=number("vmid") or 0,
        asid=number("asid") or 0,
        s1="s1" in flags,
        s2="s2" in flags,
        s2_of=number("s2-of"),
        s1_of=number("s1-of"),
        tge="tge" in flags,
        vncr=number("vncr"),
        traps=frozenset(flags & set(TRAPS)),
        el0="el0" in flags,
    )


def _parse_action(words: Sequence[str]) -> Action:
    verb = words[0]
    numbers = [int(word, 0) for word in words[1:] if word[0].isdigit()]
    match verb:
        case "s1" | "s2" | "e2":
            ctx, rest = (0, list(words[1:])) if verb == "e2" else (int(words[1]), list(words[2:]))
            to = None if rest[2] == "none" else int(rest[2], 0)
            perms = "" if to is None else rest[3].replace("-", "")
            return Map(verb, ctx, int(rest[0], 0), int(rest[1]), to, perms)
        case "peek":
            return Access("peek", at=numbers[0])
        case "vncr":
            return Access("vncr", numbers[0])
        case "read" | "execute":
            return Access(verb, numbers[0], numbers[1], el0=words[-1] == "el0")
        case "write":
            return Access(verb, numbers[0], numbers[1], numbers[2], words[-1] == "el0")
        case "tlbi" | "l2-tlbi":
            by_name(words[2])
            return Tlbi(int(words[1]), words[2], int(words[3], 0) if len(words) > 3 else 0, verb == "l2-tlbi")
        case "spin":
            return Spin(numbers[0], numbers[1], numbers[2], words[4])
        case "sample":
            return Sample(numbers[0])
        case "stop":
            return Stop(numbers[0])
        case "cpu":
            return Cpu(numbers[0])
        case "host":
            return Host(words[1], int(words[2], 0))
        case _:
            raise ValueError(f"{verb} is no action")
