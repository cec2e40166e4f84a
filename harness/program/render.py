# SPDX-License-Identifier: GPL-2.0-only
"""A program as the text that ``nvh-litmus --program`` reads (docs/hunt.md)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.arch.operand import Fields, encode
from harness.arch.table import by_name
from harness.program.addresses import (
    DATA_PA,
    DATA_SIZE,
    NAMES,
    WORDS,
    code_word,
    e2_root,
    level_size,
    value_at,
)
from harness.program.context_words import words_of
from harness.program.needs import needs
from harness.program.program import (
    CONTIGUOUS,
    HALTS,
    VNCR_WRITES,
    Access,
    Action,
    At,
    Cpu,
    DescriptorLook,
    Host,
    Loose,
    Map,
    Program,
    Sample,
    Spin,
    Stop,
    Tlbi,
    World,
)

CONTEXT_VCPUS = 3
"""KVM keeps two shadow contexts for each vCPU, used or not. Programs of one granule have four at most."""
AFTERWARDS = "# afterwards"
"""The line behind a program's actions: what follows tidies up."""


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
    needed = f" needs={','.join(sorted(found))}" if (found := needs(program)) else ""
    late = any(isinstance(each, Host) and each.action == "online" for each in program.actions)
    halts = any(isinstance(each, Spin) and each.where in HALTS for each in program.actions)
    lines = [_header(program.world, name, fresh, late, halts) + needed + (" loose" if loose.whole else "")]
    lines += [_context(program.world, i) for i in range(len(program.world.contexts))]
    lines += _memory(program)
    for i, action in enumerate(program.actions):
        rest = allowed[i] if allowed else None
        words = action_text(action) + (" loose" if i in loose.actions else "")
        lines.append(words + (f" => {'|'.join(sorted(rest))}" if rest is not None else ""))
    lines += [AFTERWARDS, *epilogue(program)]
    return "\n".join([*lines, "end"]) + "\n"


def plain(program: Program, name: str, allowed: Sequence[frozenset[str] | None]) -> str:
    """The program as a person reads it: nothing about VMs, and nothing of what tidies up behind it."""
    text = render(program, name, allowed)
    world = program.world
    head = f"program {name} cpus={world.cpus}" + (f" hide={world.hide}" if world.hide else "")
    head += " e2h0" if world.e2h0 else ""
    head += f" pressure={world.pressure}" if world.pressure else ""
    lines = text[: text.index(AFTERWARDS)].splitlines()[1:]
    return "\n".join([head, *lines, "end"]) + "\n"


def prologue_lines(program: Program) -> int:
    """How many lines precede the first action: nvh-litmus numbers the lines after ``program`` from 1."""
    return len(program.world.contexts) + len(_memory(program))


def _header(world: World, name: str, fresh: bool, late: bool, halts: bool) -> str:
    granule = NAMES[world.shift]
    return (
        f"program {name} cpus={world.cpus} spare={max(0, CONTEXT_VCPUS - world.cpus)} world={granule}"
        + (f" hide={world.hide}" if world.hide else "")
        + (" e2h0" if world.e2h0 else "")
        + (" late" if late else "")
        + (" halts" if halts else "")
        + (f" pressure={world.pressure}" if world.pressure else "")
        + (" fresh" if fresh else "")
    )


def _context(world: World, number: int) -> str:
    return " ".join([f"context {number} granule={NAMES[world.shift]}", *words_of(world.contexts[number])])


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
            kind = "vncr" if action.seen in ("vncr", VNCR_WRITES) else "read"
            uses.setdefault(kind, set()).add(action.at & ~page)
    found = set()
    leaves = [part for a in program.actions if isinstance(a, Map) for part in a.parts(shift)]
    for leaf in leaves:
        if leaf.to is None or not DATA_PA <= leaf.to < DATA_PA + DATA_SIZE:
            continue
        for kind, pages in uses.items():
            if kind not in (("vncr", "peek", "read") if leaf.stage == "e2" else ("read", "write", "execute")):
                continue
            size = level_size(12 if leaf.stage == "e2" else shift, leaf.level)
            found |= {(kind, leaf.to + (at & (size - 1)) + WORDS[kind]) for at in pages}
    return sorted(found, key=lambda each: (each[1], each[0]))


def _memory(program: Program) -> list[str]:
    shift = program.world.shift
    if (own := program.memory) is not None:
        lines = [f"frames {' '.join(f'{pa:#x}' for pa in own.frames)}"] if own.frames else []
        lines += [f"poke {pa:#x} {value:#x}" for pa, value in own.words]
        return lines + [f"code {pa:#x} {value:#x}" for pa, value in own.code]
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
            to = (
                f"none {action.perms}".rstrip()
                if action.to is None
                else f"{action.to:#x} {action.perms or '-'}"
            )
            return f"{action.stage} {ctx}{action.at:#x} {action.level} {to}"
        case DescriptorLook():
            return f"entry {action.stage} {action.ctx} {action.at:#x} {action.level}"
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
        case At():
            return f"at {action.ctx} {action.op} {action.at:#x}{' attr' if action.attributes else ''}"
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
    leaves = {(world.s2_table(m.ctx), m.at, m.level): m for m in maps if m.stage == "s2"}
    for (table, at, level), leaf in leaves.items():
        lines.append(f"s2 {table} {at:#x} {level} none" + (" c" if CONTIGUOUS in leaf.perms else ""))
        vmids = {c.vmid: i for i, c in enumerate(world.contexts) if c.s2 and world.s2_table(i) == table}
        for ctx in vmids.values():
            for part in leaf.parts(world.shift):
                lines.append(f"tlbi {ctx} ipas2e1is {encode(ipas2, Fields(ipa=part.at)):#x}")
    first = {(world.s1_table(m.ctx), m.at, m.level): m for m in maps if m.stage == "s1"}
    for (table, at, level), leaf in first.items():
        lines.append(f"s1 {table} {at:#x} {level} none" + (" c" if CONTIGUOUS in leaf.perms else ""))
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
