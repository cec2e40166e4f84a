# SPDX-License-Identifier: GPL-2.0-only
"""The statements ahead of a program's first action: its first line, and the contexts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.arch.pa_sizes import OUTPUT_BITS
from harness.program.addresses import PHYSICAL_BITS, depends, input_bits
from harness.program.context_words import context_of
from harness.program.memory_types import ATTRIBUTES, WRITE_BACK
from harness.program.program import Context
from harness.reproduce.programs import grammar
from harness.reproduce.programs.draft import ProgramDraft, listing
from harness.reproduce.programs.grammar import VEL2
from harness.reproduce.programs.words import ProgramLine, Word, nearest

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def begin(draft: ProgramDraft) -> None:
    """The line ``program NAME ...``."""
    words = draft.begun.words[1:]
    if not words:
        draft.bad(Word("", draft.begun.end), "`program` ends without its NAME", "`program NAME [cpus=N] ...`")
        return
    draft.name = words[0].text
    if not NAME.fullmatch(draft.name) or len(draft.name) > 60:
        draft.bad(words[0], f"the name {draft.name!r}", "small letters, digits and -, at most 60")
    for word in words[1:]:
        key = word.text.partition("=")[0]
        if key not in grammar.PROGRAM_WORDS:
            draft.bad(
                word,
                f"there is no word {key!r} of `program`",
                listing(grammar.PROGRAM_WORDS),
                nearest(key, grammar.PROGRAM_WORDS),
            )
        elif key in ("cpus", "spare"):
            number = draft.number(word.value(), f"{key}=", 1 if key == "cpus" else 0, grammar.CPUS_MAX)
            draft.cpus = number or 1 if key == "cpus" else draft.cpus
        elif key == "pressure":
            draft.pressure = draft.number(word.value(), "pressure=", 0, grammar.PRESSURE_MAX) or 0
        elif key == "hide":
            draft.hide = draft.choice(word.value(), grammar.HIDES, "feature to hide") or ""
        elif key == "needs":
            # nvh writes it for nvh-litmus, from the operations; a person need not.
            value = word.value()
            for part in value.text.split(","):
                draft.choice(Word(part, value.where), grammar.NEEDS, "feature that is needed")
        elif word.text == "e2h0":
            draft.e2h0 = True


def context(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``context N granule=... vmid=...``: what L1 has in its registers while L2 runs under it."""
    number = draft.number(words[0], "a context", 0, grammar.CONTEXTS_MAX - 1)
    values: dict[str, int] = {}
    flags: set[str] = set()
    granule = False
    for word in words[1:]:
        key, equals, _ = word.text.partition("=")
        if key == "granule":
            granule = True
            draft.granule(word)
        elif equals and key in grammar.CONTEXT_VALUES:
            got = _context_value(draft, word.value(), key, number)
            values |= {} if got is None else {key: got}
        elif not equals and key in grammar.CONTEXT_FLAGS:
            flags.add(key)
        else:
            known = [*(f"{each}=" for each in grammar.CONTEXT_VALUES), *grammar.CONTEXT_FLAGS]
            near = nearest(key + equals, known)
            draft.bad(word, f"there is no word {word.text!r} of `context`", listing(known), near)
    if number is None:
        return
    if number in draft.contexts:
        draft.bad(
            words[0], f"a second context {number}", f"one (first in line {draft.declared[number].where.line})"
        )
        return
    if number != len(draft.contexts) and number not in draft.missed:
        draft.missed |= set(range(number))
        draft.bad(words[0], f"context {number}", f"context {len(draft.contexts)}: they are numbered from 0")
    if not granule:
        draft.bad(Word("", line.end), f"context {number} has no granule", "granule=4k, 16k or 64k")
    if "vmid" not in values and not any(w.text.startswith("vmid=") for w in words):
        draft.bad(Word("", line.end), f"context {number} has no VMID", "vmid=N, 0 to 65535")
    draft.declared[number] = words[0]
    draft.contexts[number] = context = context_of(values, flags)
    _means(draft, {word.text: word for word in words[1:]}, context)
    _agrees(draft, words[0], number, context)


def _means(draft: ProgramDraft, words: Mapping[str, Word], context: Context) -> None:
    """Words that say nothing as they stand: HD without HA, DS with 64K granules."""
    for stage in ("s1", "s2"):
        if f"{stage}-hd" in words and f"{stage}-ha" not in words:
            draft.bad(words[f"{stage}-hd"], f"{stage}-hd without {stage}-ha", "both: HD counts with HA alone")
        if f"{stage}-ds" in words and draft.shift == 16:
            draft.bad(words[f"{stage}-ds"], f"{stage}-ds with 64K granules", "granule=4k or 16k: DS is RES0")
        if f"{stage}-ds" in words and context.tge:
            draft.bad(words[f"{stage}-ds"], f"{stage}-ds with tge", "one of the two: DS of vEL2's own is 0")


def _context_value(draft: ProgramDraft, word: Word, key: str, number: int | None) -> int | None:
    shift = draft.shift or 12
    most = input_bits(shift) + (3 if shift == 16 else 0)
    limits = {
        "vmid": (0, 0xFFFF),
        "asid": (0, 0xFFFF),
        "s2-bits": (grammar.LEAST_BITS, PHYSICAL_BITS),
        "s1-bits": (grammar.LEAST_BITS, most),
        "sl0": (0, 3),
    }
    if key in ("s2-of", "s1-of"):
        owner = draft.context(word)
        if owner is not None and owner == number:
            draft.bad(word, f"context {number} has its own tables", "the number of a context before")
        return owner
    if key == "pe":
        return draft.which_cpu(word)
    if key == "vncr":
        got = draft.number(word, "a VA of vEL2")
        if got is not None and draft.within(word, got, [VEL2]) and draft.aligned(word, got, 0x1000, "a page"):
            return got
        return None
    if key in ("ps", "ips"):
        size = draft.choice(word, [str(bits) for bits in OUTPUT_BITS], "output size")
        return None if size is None else int(size)
    if key == "mair":
        return _mair(draft, word)
    low, high = limits[key]
    return draft.number(word, f"{key}=", low, high)


def _mair(draft: ProgramDraft, word: Word) -> int | None:
    """MAIR_EL1: what each byte means must be certain, and Attr0 is that of L2's own page."""
    got = draft.number(word, "MAIR_EL1, eight attributes of a byte")
    if got is None:
        return None
    known = listing([f"{each:#04x}" for each in ATTRIBUTES])
    for index in range(8):
        attribute = got >> 8 * index & 0xFF
        if attribute not in ATTRIBUTES:
            draft.bad(word, f"Attr{index} of {word.text} is {attribute:#04x}", known)
            return None
    if got & 0xFF != WRITE_BACK:
        draft.bad(word, f"Attr0 of {word.text} is {got & 0xFF:#04x}", "0xff: it is that of L2's own page")
        return None
    return got


FIRST = "s1-bits=, ips=, s1-ha, s1-hd, s1-ds or mair="
SECOND = "s2-bits=, sl0=, ps=, s2-ha, s2-hd, s2-ds or fwb"


def _first(c: Context) -> tuple[object, ...]:
    return c.s1_bits, c.ips, c.s1_ha, c.s1_hd, c.s1_ds, c.mair


def _second(c: Context) -> tuple[object, ...]:
    return c.s2_bits, c.sl0, c.ps, c.s2_ha, c.s2_hd, c.s2_ds, c.fwb


def _agrees(draft: ProgramDraft, word: Word, number: int, context: Context) -> None:
    """Contexts that share tables or a VMID have one input size: the tables are built for it."""
    for other, each in draft.contexts.items():
        if other == number:
            continue
        if context.vmid8 != each.vmid8:
            draft.bad(
                word, f"vmid8 in one of the contexts {other} and {number}", "it in all of them, or none"
            )
        tables = context.s2_of == other or (context.tag_vmid == each.tag_vmid and context.s2 and each.s2)
        if tables and _second(context) != _second(each):
            draft.bad(
                word,
                f"context {number} has another {SECOND} than context {other}",
                "the same: they share a VMID or tables",
            )
        if context.s1_of == other and _first(context) != _first(each):
            found = f"context {number} has another {FIRST} than context {other}"
            draft.bad(word, found, "the same: shared tables")
    if draft.e2h0 and context.vncr is not None:
        draft.bad(word, f"context {number} has a VNCR page in a program with e2h0", "one of the two")
    bits = context.s2_bits or input_bits(draft.shift or 12)
    if context.sl0 is not None and depends(draft.shift or 12, bits, context.sl0):
        draft.bad(
            word,
            f"context {number} with s2-bits={bits} sl0={context.sl0}",
            "another sl0=: whether this start level fits depends on the PA size of the machine",
        )
    if draft.unfit(context) and any(
        e.tag_vmid == context.tag_vmid for n, e in draft.contexts.items() if n != number
    ):
        draft.bad(word, f"context {number}, whose SL0 does not fit, shares its VMID", "a VMID of its own")
