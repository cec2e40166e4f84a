# SPDX-License-Identifier: GPL-2.0-only
"""One rule for each statement: from the words of a line to what it means, or to what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from harness.arch.operand import Fields, decode, encode
from harness.arch.table import Operand, Operation, load
from harness.errors import UserError
from harness.program.addresses import OUTPUT_BITS, PHYSICAL_BITS, code_word, depends, input_bits, level_size
from harness.program.program import (
    CONTIGUOUS,
    GROUP,
    TRANSLATIONS,
    TRAPS,
    Access,
    At,
    Context,
    Cpu,
    DescriptorLook,
    Host,
    Map,
    Sample,
    Spin,
    Stop,
    Tlbi,
)
from harness.reproduce.programs import grammar
from harness.reproduce.programs.draft import ProgramDraft, listing
from harness.reproduce.programs.grammar import DATA, EVENTS, OWN, STATEMENTS, VEL2
from harness.reproduce.programs.observed import written
from harness.reproduce.programs.words import ProgramLine, Word, nearest

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
IMMEDIATE = 0xFFFF
FIRST = ("context", "frames", "poke", "code")
"""Statements that stand before the first action."""
Rule = Callable[[ProgramDraft, ProgramLine, Sequence[Word]], None]


def statement(draft: ProgramDraft, line: ProgramLine) -> None:
    """Read one line of a program, ``program`` and ``end`` excepted."""
    verb = line.words[0]
    if draft.choice(verb, STATEMENTS, "statement") is None:
        return
    form = STATEMENTS[verb.text]
    words = line.words[1:]
    if words and words[-1].text == "loose":
        words = words[:-1]
    needed = 1 if verb.text in ("context", "frames") else len(form.operands)
    if len(words) < needed:
        missing = form.operands[len(words)]
        draft.bad(Word("", line.end), f"`{verb.text}` ends without its {missing}", f"`{form.usage}`")
        return
    if verb.text in FIRST and draft.actions:
        draft.bad(verb, f"`{verb.text}` behind an action", "it before the first action: it comes before all")
    if line.allowed is not None and not form.observes:
        draft.bad(line.words[0], f"`{verb.text}` observes nothing", "no => here")
    draft.written[line.number] = written(draft, form, line)
    RULES[verb.text](draft, line, words)


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
        elif key == "hide":
            draft.hide = draft.choice(word.value(), grammar.HIDES, "feature to hide") or ""
        elif key == "needs":
            # nvh writes it for nvh-litmus, from the operations; a person need not.
            value = word.value()
            for part in value.text.split(","):
                draft.choice(Word(part, value.where), grammar.NEEDS, "feature that is needed")
        elif word.text == "e2h0":
            draft.e2h0 = True


def _context(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
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
    draft.contexts[number] = context = Context(
        vmid=values.get("vmid", 1),
        asid=values.get("asid", 0),
        s1="s1" in flags,
        s2="s2" in flags,
        s2_of=values.get("s2-of"),
        s1_of=values.get("s1-of"),
        tge="tge" in flags,
        vncr=values.get("vncr"),
        traps=frozenset(flags & set(TRAPS)),
        el0="el0" in flags,
        s2_bits=values.get("s2-bits"),
        s1_bits=values.get("s1-bits"),
        sl0=values.get("sl0"),
        pe=values.get("pe"),
        ps=values.get("ps"),
        ips=values.get("ips"),
        cnp="cnp" in flags,
        vmid8="vmid8" in flags,
        asid8="asid8" in flags,
        s2_ha="s2-ha" in flags,
        s1_ha="s1-ha" in flags,
    )
    _agrees(draft, words[0], number, context)


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
    low, high = limits[key]
    return draft.number(word, f"{key}=", low, high)


def _first(c: Context) -> tuple[object, ...]:
    return c.s1_bits, c.ips, c.s1_ha


def _second(c: Context) -> tuple[object, ...]:
    return c.s2_bits, c.sl0, c.ps, c.s2_ha


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
                f"context {number} has another s2-bits=, sl0=, ps= or s2-ha than context {other}",
                "the same: they share a VMID or tables",
            )
        if context.s1_of == other and _first(context) != _first(each):
            found = f"context {number} has another s1-bits=, ips= or s1-ha than context {other}"
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


def _frames(draft: ProgramDraft, _: ProgramLine, words: Sequence[Word]) -> None:
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


def _poke(draft: ProgramDraft, _: ProgramLine, words: Sequence[Word]) -> None:
    pa, value = _data(draft, words[0]), draft.number(words[1], "a value of 64 bits")
    _no_more(draft, words, 2)
    if pa is not None and value is not None:
        draft.words[pa] = value


def _code(draft: ProgramDraft, _: ProgramLine, words: Sequence[Word]) -> None:
    pa, value = _data(draft, words[0]), draft.number(words[1], "what the code returns")
    _no_more(draft, words, 2)
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


def _map(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    stage = line.words[0].text
    own = stage == "e2"
    ctx = 0 if own else draft.context(words[0])
    rest = list(words) if own else list(words[1:])
    at = draft.number(rest[0], {"s2": "an IPA", "s1": "a VA of L2", "e2": "a VA of vEL2"}[stage])
    level = _level(draft, rest[1], stage, ctx)
    perms = _perms(draft, rest, stage, line)
    to = None if rest[2].text == "none" else draft.number(rest[2], "`none` or an address")
    _no_more(draft, words, (0 if own else 1) + 4)
    if ctx is None or at is None or level is None or perms is None or (to is None and rest[2].text != "none"):
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
    known = ", ".join(f"{letter} {grammar.LETTERS[letter]}" for letter in letters)
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
    return rest[3].text.replace("-", "")


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


def _access(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    kind = line.words[0].text
    fixed = 3 if kind == "write" else 2
    ctx = draft.context(words[0])
    at = draft.number(words[1], "a VA of L2")
    value = draft.number(words[2], "a value of 64 bits") if kind == "write" else 0
    el0 = len(words) > fixed and words[fixed].text == "el0"
    _no_more(draft, words, fixed + el0, "el0")
    if ctx is None or at is None or value is None:
        return
    if not _looks(draft, words[0], words[1], ctx, at, 4 if kind == "execute" else 8):
        return
    if el0 and not draft.contexts[ctx].s1:
        draft.bad(words[fixed], "an access at EL0 without stage 1", f"s1 in context {ctx}")
        return
    draft.actions.append((Access(kind, ctx, at, value, el0), line))


def _looks(draft: ProgramDraft, who: Word, word: Word, ctx: int, at: int, unit: int) -> bool:
    """Whether L2 can run under the context, and look there."""
    c = draft.contexts[ctx]
    if c.tge:
        draft.bad(
            who, f"L2 under context {ctx}, which has tge", "a context without: it is for operations only"
        )
        return False
    if not draft.aligned(word, at, unit, f"an access of {unit} bytes"):
        return False
    if not c.s1 and at >> PHYSICAL_BITS:
        draft.bad(
            word, f"{at:#x} has more than {PHYSICAL_BITS} bits", "less: stage 1 is off, so the VA is the IPA"
        )
        return False
    if not c.s1 and not c.s2:
        return draft.within(word, at, [DATA])
    return True


def _vncr(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    ctx = draft.context(words[0])
    _no_more(draft, words, 1)
    if ctx is None:
        return
    if draft.contexts[ctx].vncr is None:
        draft.bad(words[0], f"context {ctx} has no VNCR page", "vncr=VA in its line")
        return
    draft.actions.append((Access("vncr", ctx), line))


def _entry(draft: ProgramDraft, _: ProgramLine, words: Sequence[Word]) -> None:
    stage = draft.choice(words[0], grammar.STAGES, "stage of L2")
    ctx = draft.context(words[1])
    at = draft.number(words[2], "an address of the stage")
    level = None if stage is None else _level(draft, words[3], stage, ctx)
    _no_more(draft, words, 4)
    if ctx is None or stage is None or at is None or level is None:
        return
    size = draft.leaf(level)
    what = f"what a descriptor of level {level} is for"
    if draft.aligned(words[2], at, size, what) and _input(draft, words[2], stage, ctx, at, size):
        draft.actions.append((DescriptorLook(stage, ctx, at, level), _))


def _peek(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    at = draft.number(words[0], "a VA of vEL2")
    _no_more(draft, words, 1)
    if at is not None and draft.within(words[0], at, [VEL2]) and draft.aligned(words[0], at, 8, "a word"):
        draft.actions.append((Access("peek", at=at), line))


def _tlbi(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    ctx = draft.context(words[0])
    known = {op.name: op for op in load()}
    name = draft.choice(words[1], known, "operation")
    if name is None:
        return
    op = known[name]
    xt = _operand(draft, op, line, words[2:])
    if ctx is not None and xt is not None:
        draft.actions.append((Tlbi(ctx, name, xt, line.words[0].text == "l2-tlbi"), line))


def operand_of(op: Operation) -> str:
    """The fields of the operand of ``op``, as they are written by name."""
    asid = ["asid=N"] if op.matches_asid else []
    if op.operand is Operand.ASID:
        return "asid=N"
    address = "va=VA" if op.operand in (Operand.VA, Operand.VA_RANGE) else "ipa=IPA"
    more = ["tg=1|2|3", "scale=N", "num=N"] if op.operand.is_range else []
    last = ["[ttl=N]"] if address.startswith("va") else ["[ttl=N]", "[ns=1]"]
    return " ".join([address, *asid, *more, *last])


def _operand(draft: ProgramDraft, op: Operation, line: ProgramLine, words: Sequence[Word]) -> int | None:
    if not op.has_operand:
        if words:
            draft.bad(words[0], f"{op.name} takes no operand", "the end of the line")
            return None
        return 0
    if not words:
        expected = f"its bits as a number, or {operand_of(op)}"
        draft.bad(Word("", line.end), f"`{op.name}` without its operand", expected)
        return None
    if "=" not in words[0].text:
        _no_more(draft, words, 1)
        xt = draft.number(words[0], f"the operand of {op.name}", expected=f"64 bits, or {operand_of(op)}")
        if xt is not None:
            _hint(draft, op, words[0], xt)
        return xt
    fields: dict[str, int] = {}
    for word in words:
        key = word.text.partition("=")[0]
        if draft.choice(Word(key, word.where), grammar.OPERAND_FIELDS, "field of an operand") is None:
            return None
        if f"{key}=" not in operand_of(op):
            draft.bad(word, f"{op.name} has no field {key!r}", operand_of(op), _instead(key, operand_of(op)))
            return None
        got = draft.number(word.value(), f"{key}=")
        if got is None:
            return None
        fields[key] = got
    try:
        return encode(op, Fields(**fields))
    except UserError as error:
        draft.bad(words[0], f"{op.name}: {str(error).removeprefix('xt.')}", operand_of(op))
        return None


def _instead(key: str, fields: str) -> str:
    return next(
        (f"{other}=" for other in ("va", "ipa") if key in ("va", "ipa") and f"{other}=" in fields), ""
    )


def _hint(draft: ProgramDraft, op: Operation, word: Word, xt: int) -> None:
    """An address as it is, where its bits [63:12] are meant, is the mistake that everybody makes."""
    if op.operand is not Operand.IPA:
        return
    named = decode(op, xt).ipa or 0
    mapped = {action.at for action, _ in draft.actions if isinstance(action, Map) and action.stage == "s2"}
    if named and xt in mapped and named not in mapped:
        note = f"{op.name} {word.text} names IPA {named:#x}, which nothing maps"
        draft.notes.append(word.problem(note, "the IPA's bits [51:12]", f"{xt >> 12:#x}"))


def _at(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    ctx = draft.context(words[0])
    op = draft.choice(words[1], TRANSLATIONS, "operation of AT")
    va = draft.number(words[2], "a VA of L2")
    _no_more(draft, words, 3)
    if ctx is None or op is None or va is None or not _looks(draft, words[0], words[2], ctx, va, 8):
        return
    c = draft.contexts[ctx]
    if c.s1_ha or c.s2_ha:  # whether it sets the flag, or reports it, is the machine's choice
        draft.bad(words[0], f"AT under context {ctx}, whose access flags hardware sets", "another context")
        return
    if draft.unfit(c):
        draft.bad(words[0], f"AT under context {ctx}, whose SL0 does not fit", "another context")
        return
    draft.actions.append((At(ctx, op, va), line))


def _spin(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    cpu = draft.which_cpu(words[0], 1)
    ctx = draft.context(words[1])
    at = draft.number(words[2], "a VA")
    where = draft.choice(words[3], grammar.PLACES, "place to spin")
    _no_more(draft, words, 4)
    if cpu is None or ctx is None or at is None or where is None:
        return
    c = draft.contexts[ctx]
    if cpu in draft.spun or cpu == draft.cpu:
        why = "has spun before" if cpu in draft.spun else "carries out these lines"
        draft.bad(words[0], f"CPU {cpu} {why}", "another CPU: each spins once in a program")
        return
    if where == "el0" and not c.el0:
        draft.bad(words[3], f"context {ctx} has no page for EL0", "el0 in its line")
        return
    if where == "vncr" and c.vncr is None:
        draft.bad(words[3], f"context {ctx} has no VNCR page", "vncr=VA in its line")
        return
    if where == "vel2" and not draft.within(words[2], at, [VEL2]):
        return
    if where in ("l2", "el0") and not _looks(draft, words[1], words[2], ctx, at, 8):
        return
    if draft.unfit(c):
        draft.bad(words[1], f"L2 under context {ctx}, whose SL0 does not fit", "another context to spin in")
        return
    draft.spun.add(cpu)
    draft.spinning.add(cpu)
    draft.actions.append((Spin(cpu, ctx, at, where), line))


def _sample(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    cpu = draft.which_cpu(words[0], 1)
    _no_more(draft, words, 1)
    if cpu is None:
        return
    if cpu not in draft.spinning:
        draft.bad(words[0], f"CPU {cpu} does not spin here", f"`spin {cpu} CTX VA WHERE` before")
        return
    stops = line.words[0].text == "stop"
    draft.spinning -= {cpu} if stops else set()
    draft.actions.append((Stop(cpu) if stops else Sample(cpu), line))


def _cpu(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    cpu = draft.which_cpu(words[0])
    _no_more(draft, words, 1)
    if cpu is None:
        return
    if cpu in draft.spinning:
        draft.bad(words[0], f"CPU {cpu} spins", f"`stop {cpu}` before")
        return
    draft.cpu = cpu
    draft.actions.append((Cpu(cpu), line))


def _host(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    action = draft.choice(words[0], grammar.HOST_ACTIONS, "action of the host")
    offset = draft.number(words[1], "an offset into the event memory", 0, EVENTS.size - 8)
    _no_more(draft, words, 2)
    if draft.cpu:
        draft.bad(
            line.words[0], f"`host` on CPU {draft.cpu}", "`cpu 0` before: the first CPU talks to the VMM"
        )
        return
    if action is not None and offset is not None and draft.aligned(words[1], offset, 8, "a word"):
        draft.actions.append((Host(action, offset), line))


def _no_more(draft: ProgramDraft, words: Sequence[Word], count: int, also: str = "") -> None:
    if len(words) > count:
        near = nearest(words[count].text, [also]) if also else ""
        draft.bad(words[count], f"{words[count].text!r} is one word too many", "the end of the line", near)


RULES: Mapping[str, Rule] = {
    "context": _context,
    "frames": _frames,
    "poke": _poke,
    "code": _code,
    "s2": _map,
    "s1": _map,
    "e2": _map,
    "read": _access,
    "write": _access,
    "execute": _access,
    "vncr": _vncr,
    "peek": _peek,
    "entry": _entry,
    "tlbi": _tlbi,
    "l2-tlbi": _tlbi,
    "at": _at,
    "spin": _spin,
    "sample": _sample,
    "stop": _sample,
    "cpu": _cpu,
    "host": _host,
}
assert set(RULES) == set(STATEMENTS)
