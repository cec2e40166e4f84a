# SPDX-License-Identifier: GPL-2.0-only
"""The language of programs as data: statements, their words, what each may observe, and the memory map.

What nvh-litmus reads (images/payloads/litmus/host/text*.c) and what docs/programs.md and the editor grammar
say is compared with these tables by tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.program import context_words
from harness.program.addresses import DATA_PA, DATA_SIZE, E2_TEST_VA, EVENT_PA, EVENT_SIZE, input_bits
from harness.program.memory_types import INDEXES, MEMATTR
from harness.program.needs import CONTEXTS
from harness.program.program import BESIDE, HALTS, TURNS
from harness.program.tables import CLEAN, DESCRIPTOR_OLD, DESCRIPTOR_YOUNG, DIRTY

CPUS_MAX = 4
CONTEXTS_MAX = 16
FRAMES_MAX = 32
STEPS_MAX = 252
"""Of one CPU: litmus/host/text_words.c keeps four of STEPS_MAX for itself."""
WATCHES_MAX = 192
LINES_MAX = 480
"""Of a program with what tidies up behind it (512 in litmus/host/text_run.c), less its header."""
LEAST_BITS = 31
IMAGE_PA = 0x4000_0000
SHARED_PA = 0x4020_0000
POOL_PA = 0x4100_0000
POOL_USED = {12: 0x10_0000, 14: 0x10_0000, 16: 0x40_0000}
"""What L2's walks of its own stage 1 read, by the granule's shift (litmus/guest/step.c)."""
L2_DATA_VA = 0x5000_0000
L2_PAGE_SIZE = 0x1_0000

HOST_ACTIONS = ("set-up", "dontneed", "move", "delete", "read-only", "dirty-on", "dirty-read", *BESIDE)
PLACES = ("l2", "l2w", "el0", "vel2", "vncr", "vncrw", *HALTS, *TURNS)
HIDES = ("os", "range", "xs")
NEEDS = (*HIDES, *CONTEXTS)
STAGES = ("s1", "s2")
S2_LETTERS = "rwxocd" + "".join(MEMATTR)
S1_LETTERS = "wuxXgocd" + INDEXES
E2_LETTERS = "wgoc"
LETTERS = {
    "r": "readable",
    "w": "writable",
    "x": "executable (in stage 1 at EL1)",
    "X": "executable at EL0",
    "u": "EL0 too",
    "g": "global",
    "o": "access flag 0",
    "c": "16 contiguous descriptors",
    "d": "DBM",
    "D": "Device-nGnRnE",
    "E": "Device-nGnRE",
    "N": "Non-cacheable",
    "T": "write-through",
    "S": "as stage 1 says (fwb)",
}

PROGRAM_WORDS = (
    "cpus",
    "spare",
    "world",
    "hide",
    "needs",
    "pressure",
    "e2h0",
    "late",
    "halts",
    "fresh",
    "loose",
)
PRESSURE_MAX = 4096
"""Pages; images/payloads/litmus/shared/shared.h, PRESSURE_PAGES."""
CONTEXT_VALUES = ("granule", *context_words.NUMBERS)
CONTEXT_FLAGS = context_words.FLAGS
OPERAND_FIELDS = ("va", "ipa", "asid", "ttl", "tg", "scale", "num", "ns")


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """Addresses from ``start`` for ``size`` bytes, and what they are."""

    name: str
    start: int
    size: int
    what: str

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.size

    def __str__(self) -> str:
        return f"{self.start:#x} to {self.end - 1:#x}"


DATA = MemoryRegion(
    "data", DATA_PA, DATA_SIZE, "L1's data memory: what stage 2 maps; `frames`, `poke`, `code`"
)
EVENTS = MemoryRegion("events", EVENT_PA, EVENT_SIZE, "memory that `host` drops, moves and logs")
OWN = MemoryRegion(
    "image", IMAGE_PA, SHARED_PA - IMAGE_PA, "vEL2's image and L2's own page, mapped identically"
)
VEL2 = MemoryRegion("vel2", E2_TEST_VA, (1 << input_bits(12)) - E2_TEST_VA, "VAs of vEL2 that `e2` may map")

AGES = (DESCRIPTOR_OLD, DESCRIPTOR_YOUNG)
_S1 = ("s1-translation", "s1-permission", "s1-access-flag", "s1-address-size")
_S2 = (
    "s2-translation@IPA",
    "s2-permission",
    "s2-access-flag@IPA",
    "s2-address-size@IPA",
    "s2-translation!code",
)
_VNCR = ("vncr-translation", "vncr-access-flag", "vncr-external")
_AT = tuple(
    f"par-s{stage}-{kind}"
    for stage in (1, 2)
    for kind in ("translation", "permission", "access-flag", "address-size")
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A verb, its operands in order, words that may follow, and the families of what may be observed.

    Operand names say what kind of thing each is: ``check`` has one rule for each.
    """

    verb: str
    operands: tuple[str, ...]
    what: str
    optional: tuple[str, ...] = ()
    observes: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        """How it is written."""
        return " ".join([self.verb, *self.operands, *(f"[{word}]" for word in self.optional)])


STATEMENTS: Mapping[str, Statement] = {
    each.verb: each
    for each in (
        Statement("context", ("N",), "what L1 loads before it enters L2", ("KEY=VALUE...", "FLAG...")),
        Statement("frames", ("PA...",), "words that a write is looked for in"),
        Statement("poke", ("PA", "VALUE"), "the VMM writes a word of data before the program begins"),
        Statement("code", ("PA", "VALUE"), "the same with code: movz x0, #VALUE; ret"),
        Statement("s2", ("CTX", "IPA", "LEVEL", "none|PA"), "L1 writes a stage-2 descriptor", ("LETTERS",)),
        Statement("s1", ("CTX", "VA", "LEVEL", "none|IPA"), "L1 writes one of L2's stage 1", ("LETTERS",)),
        Statement("e2", ("VA", "LEVEL", "none|PA"), "L1 writes one of vEL2's own", ("LETTERS",)),
        Statement("read", ("CTX", "VA"), "L2 reads a word", ("el0",), ("v=X", *_S1, *_S2)),
        Statement("write", ("CTX", "VA", "VALUE"), "L2 writes a word", ("el0",), ("at=PA", *_S1, *_S2)),
        Statement(
            "execute", ("CTX", "VA"), "L2 calls code", ("el0",), ("v=X", "undefined", *_S1, *_S2)
        ),
        Statement(
            "vncr", ("CTX",), "L2 reads TPIDR_EL2", (), ("v=X", *_VNCR)
        ),
        Statement(
            "entry", ("STAGE", "CTX", "IPA|VA", "LEVEL"), "L1 reads the descriptor", (),
            ("invalid", "table", *AGES, *(f"{age}-{state}" for age in AGES for state in (CLEAN, DIRTY))),
        ),
        Statement("peek", ("VA",), "vEL2 reads a word", (), ("v=X", "el2-translation", "el2-access-flag")),
        Statement(
            "tlbi", ("CTX", "OP"), "L1 executes DSB ISHST; the operation; DSB ISH; ISB", ("OPERAND",),
            ("done", "undefined"),
        ),
        Statement(
            "l2-tlbi", ("CTX", "OP"), "L2 executes it at EL1", ("OPERAND",),
            ("done", "undefined", "trap=ESR", *_S2),
        ),
        Statement(
            "at", ("CTX", "AT-OP", "VA"), "L1 executes AT and reads PAR_EL1", ("attr",),
            ("pa=PA", "pa=PA+attr=N+sh=N", *_AT),
        ),
        Statement(
            "spin", ("CPU", "CTX", "VA", "WHERE"), "another CPU reads the word again and again", (), ("done",)
        ),
        Statement(
            "sample", ("CPU",), "what it reads now", (),
            ("v=X", *_S1, *_S2, *_VNCR, "vncr-permission"),
        ),
        Statement("stop", ("CPU",), "the end of its reading"),
        Statement("cpu", ("N",), "what follows is done by another CPU"),
        Statement("host", ("ACTION", "OFFSET"), "L0's VMM does something to the event memory", (), ("v=X",)),
    )
}  # fmt: skip
