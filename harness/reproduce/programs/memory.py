# SPDX-License-Identifier: GPL-2.0-only
"""The statements that set up memory and tables: data, code, descriptors, and looks at a descriptor."""

from __future__ import annotations

from collections.abc import Sequence

from harness.program.addresses import PHYSICAL_BITS, code_word, input_bits, level_size
from harness.program.memory_types import WITH_FWB, WITHOUT_FWB
from harness.program.memory_types import letters as letters_of
from harness.program.program import CONTIGUOUS, GROUP, Context, DescriptorLook, Map
from harness.reproduce.programs import grammar
from harness.reproduce.programs.draft import ProgramDraft, listing
from harness.reproduce.programs.grammar import DATA, EVENTS, OWN, VEL2
from harness.reproduce.programs.words import ProgramLine, Word

IMMEDIATE = 0xFFFF
NARROW_BITS, WIDE_BITS = 48, 52
"""Of the output address of a descriptor without and with DS (Arm ARM D8.3.2)."""


def frames(draft: ProgramDraft, _: ProgramLine, words: Sequence[Word]) -> None:
    """``frames PA...``: where L1 looks for what L2 has written."""
    for word in words:
        pa = _data(draft, word)
        if pa is not None and pa not in draft.frames:
            draft.frames.append(pa)
    if len(draft.frames) > grammar.FRAMES_MAX:
        draft.bad(words[-1], f"{len(draft.frames)} frames", f"at most {grammar.FRAMES_MAX}")


def _data(draft: ProgramDraft, word: Word) -> int | None:
    pa = draft.number(word, "a physical address of data memory")
    if (
        pa is None
        or not draft.within(word, pa, [DATA])
        or not draft.aligned(word, pa, 8, "a word of 8 bytes")
    ):
        return None
    return pa


def poke(draft: ProgramDraft, _: ProgramLine, words: Sequence[Word]) -> None:
    """``poke PA VALUE``: a word of data before the first action."""
    pa, value = _data(draft, words[0]), draft.number(words[1], "a value of 64 bits")
    draft.no_more(words, 2)
    if pa is not None and value is not None:
        draft.words[pa] = value


def code(draft: ProgramDraft, _: ProgramLine, words: Sequence[Word]) -> None:
    """``code PA N``: code that returns N."""
    pa, value = _data(draft, words[0]), draft.number(words[1], "what the code returns")
    draft.no_more(words, 2)
    if pa is None or value is None:
        return
    plain = code_word(0, 12) & ~(IMMEDIATE << 5)
    if value <= IMMEDIATE:
        value = plain | value << 5
    elif value & ~(IMMEDIATE << 5) != plain:
        draft.bad(
            words[1], f"{value:#x} is not `movz x0, #N; ret`", "N itself, 0 to 0xffff, for what it returns"
        )
        return
    draft.code[pa] = value


def write_descriptor(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``s1``, ``s2`` and ``e2``: a leaf, 16 contiguous ones, or none."""
    stage = line.words[0].text
    own = stage == "e2"
    ctx = 0 if own else draft.context(words[0])
    rest = list(words) if own else list(words[1:])
    at = draft.number(rest[0], {"s2": "an IPA", "s1": "a VA of L2", "e2": "a VA of vEL2"}[stage])
    level = _level(draft, rest[1], stage, ctx)
    perms = _perms(draft, rest, stage, line)
    to = None if rest[2].text == "none" else draft.number(rest[2], "`none` or an address")
    draft.no_more(words, (0 if own else 1) + 4)
    if ctx is None or at is None or level is None or perms is None or (to is None and rest[2].text != "none"):
        return
    if not own and not _types(draft, rest[-1], stage, draft.contexts[ctx], perms):
        return
    shift = 12 if own else draft.shift or 12
    size = level_size(shift, level)
    unit, count = size, 1
    if CONTIGUOUS in perms:
        if shift != 12 or level < 2:
            draft.bad(rest[-1], "the contiguous bit here", "a program with granule=4k, at level 2 or 3")
            return
        unit, count = size * GROUP, GROUP
    what = f"a leaf of level {level}" + (f", {GROUP} of them" if count > 1 else "")
    if not draft.aligned(rest[0], at, unit, what) or not _input(draft, rest[0], stage, ctx, at, unit):
        return
    if to is not None and not _output(draft, rest[2], stage, ctx, to, unit):
        return
    draft.actions.append((Map(stage, ctx, at, level, to, perms), line))


def _level(draft: ProgramDraft, word: Word, stage: str, ctx: int | None) -> int | None:
    shift = 12 if stage == "e2" else draft.shift or 12
    low = 1 if shift == 12 else 2
    if stage == "s2" and ctx is not None:
        low = max(low, draft.start(draft.contexts[ctx]))
    return draft.number(
        word, "a level", low, 3, f"the level of a leaf, {low} to 3 with {1 << shift - 10}k granules"
    )


def _perms(draft: ProgramDraft, rest: Sequence[Word], stage: str, line: ProgramLine) -> str | None:
    letters = {"s2": grammar.S2_LETTERS, "s1": grammar.S1_LETTERS, "e2": grammar.E2_LETTERS}[stage]
    known = ", ".join(
        f"{letter} {grammar.LETTERS[letter]}" for letter in letters if letter in grammar.LETTERS
    )
    known += ", 1 to 7 AttrIndx" if stage == "s1" else ""
    if rest[2].text == "none":
        if len(rest) > 3 and rest[3].text != CONTIGUOUS:
            draft.bad(
                rest[3], f"{rest[3].text!r} behind `none`", "nothing, or c for 16 contiguous descriptors"
            )
            return None
        return CONTIGUOUS if len(rest) > 3 else ""
    if len(rest) < 4:
        draft.bad(
            Word("", line.end), "a mapping ends without its permissions", f"- for none, or letters: {known}"
        )
        return None
    strange = [letter for letter in rest[3].text if letter not in letters + "-"]
    if strange:
        draft.bad(
            rest[3],
            f"{listing([repr(s) for s in strange])} in {rest[3].text!r}",
            f"- for none, or letters: {known}",
        )
        return None
    types = letters_of(rest[3].text)
    if len(types) > 1:
        draft.bad(
            rest[3], f"{listing([repr(each) for each in types])} in {rest[3].text!r}", "one type of memory"
        )
        return None
    return rest[3].text.replace("-", "")


def _types(draft: ProgramDraft, word: Word, stage: str, c: Context, perms: str) -> bool:
    """What letters need of their context; reported if it lacks that."""
    wrong = WITHOUT_FWB if c.fwb else WITH_FWB
    if stage == "s2" and wrong in perms:
        expected = "another type: with fwb there is no such one" if c.fwb else "fwb in its context's line"
        draft.bad(word, f"{wrong!r} in {word.text!r}", expected)
        return False
    if stage == "s1" and c.s1_hd and {*"dux"} <= {*perms} and "w" not in perms:
        # D8.5 does not say whether what EL0 may write once hardware says so is executable before.
        draft.bad(
            word, f"d, u and x in {word.text!r}", "one of them less: what EL0 may write EL1 may not execute"
        )
        return False
    return True


def _input(draft: ProgramDraft, word: Word, stage: str, ctx: int, at: int, size: int) -> bool:
    """Whether a leaf there can be in the tables: below the input size, clear of what vEL2 and L2 live on."""
    if stage == "e2":
        return draft.within(word, at, [VEL2], size)
    c, shift = draft.contexts[ctx], draft.shift or 12
    bits = (c.s2_bits if stage == "s2" else c.s1_bits) or input_bits(shift)
    if at >> bits:
        draft.bad(
            word,
            f"{at:#x} has no place in the tables",
            f"an address below {1 << bits:#x}, the input size of {bits} bits",
        )
        return False
    pool = grammar.MemoryRegion("tables", grammar.POOL_PA, grammar.POOL_USED[shift], "L2's own tables")
    second = grammar.MemoryRegion(
        "l2-data", grammar.L2_DATA_VA, grammar.L2_PAGE_SIZE, "L2's page as its EL0 has it"
    )
    kept = [OWN, pool] if stage == "s2" else [OWN, second]
    for region in kept:
        if at < region.end and region.start < at + size:
            draft.bad(word, f"{at:#x} would replace {region.what}", f"an address outside {region}")
            return False
    return True


def _output(draft: ProgramDraft, word: Word, stage: str, ctx: int, to: int, size: int) -> bool:
    if not draft.aligned(word, to, size, "the size of the leaf"):
        return False
    if stage == "e2":
        return draft.within(word, to, [DATA, EVENTS], size)
    c = draft.contexts[ctx]
    out = (c.ps if stage == "s2" else c.ips) or PHYSICAL_BITS
    wide = c.s2_ds if stage == "s2" else c.s1_ds
    if wide and to >> WIDE_BITS:
        draft.bad(word, f"{to:#x} has more than {WIDE_BITS} bits", f"an address below {1 << WIDE_BITS:#x}")
        return False
    if wide and out <= PHYSICAL_BITS and to >> out:
        return True  # the same, by up to 12 bits more than without DS
    if not wide and to >> NARROW_BITS and not to >> WIDE_BITS:
        ds = f"{stage}-ds in its context's line: without DS a descriptor has {NARROW_BITS} bits"
        draft.bad(word, f"{to:#x} has more than {NARROW_BITS} bits", ds)
        return False
    if out < PHYSICAL_BITS and to >> out and not to >> PHYSICAL_BITS:
        return True  # an address size fault, wherever it leads
    if stage == "s1" and draft.contexts[ctx].s2:
        if to >> PHYSICAL_BITS:
            draft.bad(
                word, f"{to:#x} has more than {PHYSICAL_BITS} bits", f"an IPA below {1 << PHYSICAL_BITS:#x}"
            )
            return False
        return True
    return draft.within(word, to, [DATA, EVENTS], size)


def look_at_descriptor(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``entry STAGE CTX ADDRESS LEVEL``: what L1 finds in its own table."""
    stage = draft.choice(words[0], grammar.STAGES, "stage of L2")
    ctx = draft.context(words[1])
    at = draft.number(words[2], "an address of the stage")
    level = None if stage is None else _level(draft, words[3], stage, ctx)
    draft.no_more(words, 4)
    if ctx is None or stage is None or at is None or level is None:
        return
    size = draft.leaf(level)
    what = f"what a descriptor of level {level} is for"
    if draft.aligned(words[2], at, size, what) and _input(draft, words[2], stage, ctx, at, size):
        draft.actions.append((DescriptorLook(stage, ctx, at, level), line))
