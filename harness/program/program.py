# SPDX-License-Identifier: GPL-2.0-only
"""Programs: contexts and actions. As text: ``render`` and ``reader``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from harness.arch.operand import Fields, encode
from harness.arch.table import Operand, Operation, by_name
from harness.program.addresses import level_size

TRAPS = ("ttlb", "ttlbis", "ttlbos")
OLD = "o"
CONTIGUOUS = "c"
DBM = "d"
GROUP = 16
"""Descriptors that the contiguous bit groups with 4K granules, at levels 2 and 3 (Arm ARM D8.7.1)."""
WRITES, VNCR_WRITES = "l2w", "vncrw"
TURNS = {
    "l2-turns": "l2",
    "vncr-turns": "vncr",
    "tlbi-turns": "l2",
    "drop-turns": "l2",
    "l2-own": "l2",
    "vncr-own": "vncr",
}
"""How a CPU spins that enters L2 anew for each access, and where it is looked at: ``Spin.where``."""
HALTS = {f"{where}-halts": where for where in ("l2", WRITES, "vncr", VNCR_WRITES)}
"""The same of one that halts in L2 after each access, until a signal wakes it."""
OTHER_VM_BEGINS, OTHER_VM_ENDS = "other-vm-begins", "other-vm-ends"
BESIDE = ("kick", "online", "other-vm", OTHER_VM_BEGINS, OTHER_VM_ENDS, "preempt", "hop", "share")
"""Actions of the host that leave L1's memory alone: a signal, a vCPU that comes online, another VM's life,
the vCPUs' threads losing their CPU for a moment, going from CPU to CPU, or taking turns on one."""
TRANSLATIONS = ("s1e1r", "s1e1w", "s1e0r", "s1e0w", "s12e1r", "s12e1w", "s12e0r", "s12e0w")
"""Operations of AT for EL1&0 (Arm ARM C5.4)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What L1 loads before it enters L2 or executes an operation.

    ``s1``, ``s2``: the stage is on. ``s2_of``, ``s1_of``: the number of the context whose tables it uses, or
    None for its own. ``tge``: HCR_EL2.TGE, for operations only. ``vncr``: L2 is a hypervisor, its VNCR page
    at this VA of vEL2. ``traps``: some of ``TRAPS``. ``el0``: L2's own page is mapped for its EL0, which
    spins there.

    ``s2_bits``, ``s1_bits``: the input size of the stage in bits, 64 - T0SZ; None for what every program has
    (``layout.input_bits``). ``sl0``: VTCR_EL2.SL0, None for the one that fits. ``pe``: the one CPU that ever
    loads the context; None: any may. ``cnp``: TTBR0_EL1.CnP and VTTBR_EL2.CnP. ``vmid8``, ``asid8``:
    VTCR_EL2.VS and TCR_EL1.AS are 0, so that the upper 8 bits of the VMID and the ASID are no part of them.
    ``s2_ha``, ``s1_ha``: VTCR_EL2.HA and TCR_EL1.HA; ``s2_hd``, ``s1_hd``: HD beside it. ``s2_ds``,
    ``s1_ds``: VTCR_EL2.DS and TCR_EL1.DS. ``fwb``: HCR_EL2.FWB. ``mair``: MAIR_EL1, None for the usual one.
    ``ps``, ``ips``: VTCR_EL2.PS and TCR_EL1.IPS as bits of an output address; None: the PA size.
    """

    vmid: int = 1
    asid: int = 0
    s1: bool = False
    s2: bool = True
    s2_of: int | None = None
    s1_of: int | None = None
    el0: bool = False
    tge: bool = False
    vncr: int | None = None
    traps: frozenset[str] = frozenset()
    s2_bits: int | None = None
    s1_bits: int | None = None
    sl0: int | None = None
    pe: int | None = None
    cnp: bool = False
    vmid8: bool = False
    asid8: bool = False
    ps: int | None = None
    ips: int | None = None
    s2_ha: bool = False
    s1_ha: bool = False
    s2_hd: bool = False
    s1_hd: bool = False
    s2_ds: bool = False
    s1_ds: bool = False
    fwb: bool = False
    mair: int | None = None

    @property
    def tag_vmid(self) -> int:
        """The VMID of entries: with VTCR_EL2.VS = 0 hardware ignores its upper half (D24.2 VTCR_EL2)."""
        return self.vmid & 0xFF if self.vmid8 else self.vmid

    @property
    def tag_asid(self) -> int:
        """The same of the ASID and TCR_EL1.AS."""
        return self.asid & 0xFF if self.asid8 else self.asid

    def loaded_by(self, cpu: int) -> bool:
        """Whether ``cpu`` may ever hold a translation of it: CnP lets others hold what one of them walked."""
        return self.pe is None or self.cnp or self.pe == cpu


@dataclass(frozen=True, slots=True)
class World:
    """What programs that share a VM agree on: granule of L2's stages, contexts, CPUs, what L1 lacks.

    ``e2h0``: L1 is a hypervisor without HCR_EL2.E2H; its own regime is EL2, without ASIDs.
    ``pressure``: pages that each CPU reads at vEL2 before the program; their entries share its TLB.
    """

    shift: int
    contexts: tuple[Context, ...]
    cpus: int = 1
    hide: str = ""
    e2h0: bool = False
    pressure: int = 0

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
    EL1, ``X`` at EL0, ``g`` global; for all ``o``, old: the access flag is 0, and ``c``: this and the next 15
    descriptors, with the contiguous bit. For s1 and s2 ``d``, DBM, and what memory_types says.
    """

    stage: str
    ctx: int
    at: int
    level: int
    to: int | None = None
    perms: str = ""

    def parts(self, shift: int) -> tuple[Map, ...]:
        """The descriptors that it writes, with granules of ``1 << shift`` in its tables."""
        if CONTIGUOUS not in self.perms:
            return (self,)
        size = level_size(shift, self.level)
        return tuple(
            dataclasses.replace(
                self, at=self.at + i * size, to=None if self.to is None else self.to + i * size
            )
            for i in range(GROUP)
        )


@dataclass(frozen=True, slots=True)
class Access:
    """``kind`` read, write, execute or vncr by L2 under ``ctx`` (at EL0: ``el0``), or peek at vEL2.

    ``at`` is the address of the word; ``value`` what a write writes. ``attributes``: AT, of which PAR_EL1's
    type of memory is looked at, too.
    """

    kind: str
    ctx: int = 0
    at: int = 0
    value: int = 0
    el0: bool = False
    attributes: bool = False


@dataclass(frozen=True, slots=True)
class DescriptorLook:
    """L1 reads the descriptor of ``at`` at ``level`` of ``stage`` s1 or s2: access flag and dirty state."""

    stage: str
    ctx: int
    at: int
    level: int


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
class At:
    """``AT op`` of ``at`` by L1 at vEL2 with ``ctx`` loaded: what it leaves in PAR_EL1.

    ``attributes``: ATTR and SH of it are looked at, too.
    """

    ctx: int
    op: str
    at: int
    attributes: bool = False


@dataclass(frozen=True, slots=True)
class Spin:
    """CPU ``cpu`` reads ``at`` again and again: ``where`` l2, el0, vel2 or vncr. Once for each CPU.

    With l2w it writes there in L2, with vncrw to its VNCR page, another value each time, which nobody reads:
    its looks find 0. With -halts behind it L2 halts after each access. With l2-turns and vncr-
    turns it enters L2 for each access, under each context from ``ctx`` on in turn. With tlbi-turns it
    executes an operation between two entries, each time another one, under the last context: TLBIs for
    address 0, and AT; with drop-turns its VMM's thread drops memory that another VM has; with l2-own and
    vncr-own a TLBI for what it has just read: what these take from TLBs, a look may find all the same.
    """

    cpu: int
    ctx: int
    at: int
    where: str

    @property
    def seen(self) -> str:
        """The place among l2, l2w, el0, vel2, vncr and vncrw at which it is looked at."""
        return HALTS.get(self.where) or TURNS.get(self.where, self.where)


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
    """L0's VMM does ``action`` (litmus/host/text.c) to the memory at EVENT_PA, ``offset`` in bytes."""

    action: str
    offset: int


Action = Map | DescriptorLook | Access | Tlbi | At | Spin | Sample | Stop | Cpu | Host


def other_vm_at(actions: Sequence[Action]) -> int:
    """The first action that begins another VM where there is one, or ends one where there is none; or -1."""
    lives = False
    for number, each in enumerate(actions):
        if isinstance(each, Host) and each.action in (OTHER_VM_BEGINS, OTHER_VM_ENDS):
            if lives == (each.action == OTHER_VM_BEGINS):
                return number
            lives = not lives
    return -1


def loads(action: Action, cpu: int, contexts: int) -> tuple[tuple[int, int], ...]:
    """The contexts, of so many, that ``action`` loads when ``cpu`` does it, and the CPU that loads each."""
    match action:
        case Access(kind="peek"):
            return ()
        case Access() | Tlbi() | At():
            return ((action.ctx, cpu),)
        case Spin():
            last = contexts if action.where in TURNS else action.ctx + 1
            return tuple((ctx, action.cpu) for ctx in range(action.ctx, last))
        case _:
            return ()


@dataclass(frozen=True, slots=True)
class InitialMemory:
    """What data memory holds before a program begins, where its author says so; every other word is 0.

    ``words``: physical address and value of each ``poke``; ``code`` the same of each ``code``; ``frames``:
    words that a write is looked for in.
    """

    words: tuple[tuple[int, int], ...] = ()
    code: tuple[tuple[int, int], ...] = ()
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A world and what happens in it. ``memory`` None: each word that it may reach has a value of its own."""

    world: World
    actions: tuple[Action, ...]
    memory: InitialMemory | None = None

    def with_actions(self, actions: Sequence[Action]) -> Program:
        """The same world with other actions."""
        return dataclasses.replace(self, actions=tuple(actions))


@dataclass(frozen=True, slots=True)
class Loose:
    """Where L1 owes an invalidation: in the whole program, or while it does some of its actions."""

    whole: bool = False
    actions: frozenset[int] = frozenset()


def make_operand(
    operation: Operation,
    *,
    at: int = 0,
    asid: int = 0,
    shift: int = 12,
    ttl_level: int = 0,
    scale: int = 0,
    num: int = 0,
    ds: bool = False,
) -> int:
    """The operand of ``operation`` for address ``at``.

    ``ttl_level`` 0: no hint. Ranges begin at ``at`` and cover (num + 1) * 2^(5 * scale + 1) granules; with
    ``ds`` they begin at the multiple of 64 KB before it.
    """
    code = {12: 1, 14: 2, 16: 3}[shift]
    form = operation.operand
    if form is Operand.NONE:
        return 0
    if form is Operand.ASID:
        return encode(operation, Fields(asid=asid))
    given = asid if operation.matches_asid else None
    if form.is_range:
        base = at & ~((1 << (16 if ds else shift)) - 1)
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
            ds=ds,
        )
    ttl = code << 2 | ttl_level if ttl_level else 0
    page = at & ~0xFFF
    if form is Operand.VA:
        return encode(operation, Fields(asid=given, va=page, ttl=ttl))
    return encode(operation, Fields(ipa=page, ttl=ttl))
