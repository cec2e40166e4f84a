# SPDX-License-Identifier: GPL-2.0-only
"""The statements ``tlbi`` and ``l2-tlbi``: an operation, and its operand by bits or by fields."""

from __future__ import annotations

from collections.abc import Sequence

from harness.arch.operand import Fields, decode, encode
from harness.arch.table import Operand, Operation, Regime, load
from harness.errors import UserError
from harness.program.program import Context, Map, Tlbi
from harness.reproduce.programs import grammar
from harness.reproduce.programs.draft import ProgramDraft
from harness.reproduce.programs.words import ProgramLine, Word


def tlbi(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``tlbi`` by vEL2 and ``l2-tlbi`` by L2 itself."""
    ctx = draft.context(words[0])
    known = {op.name: op for op in load()}
    name = draft.choice(words[1], known, "operation")
    if name is None:
        return
    op = known[name]
    ds = ctx is not None and _ds(draft.contexts[ctx], op)
    xt = _operand(draft, op, line, words[2:], ds)
    if ctx is not None and xt is not None:
        draft.actions.append((Tlbi(ctx, name, xt, line.words[0].text == "l2-tlbi"), line))


def _ds(context: Context, op: Operation) -> bool:
    """Whether the base of a range counts 64 KB: by DS of the stage that the operation is for (Arm ARM
    D8.17.5, I_TYBWT). vEL2's own has DS 0."""
    if op.operand is Operand.IPA_RANGE:
        return context.s2_ds
    return context.s1_ds and op.regime is Regime.EL10 and not context.tge


def operand_of(op: Operation) -> str:
    """The fields of the operand of ``op``, as they are written by name."""
    asid = ["asid=N"] if op.matches_asid else []
    if op.operand is Operand.ASID:
        return "asid=N"
    address = "va=VA" if op.operand in (Operand.VA, Operand.VA_RANGE) else "ipa=IPA"
    more = ["tg=1|2|3", "scale=N", "num=N"] if op.operand.is_range else []
    last = ["[ttl=N]"] if address.startswith("va") else ["[ttl=N]", "[ns=1]"]
    return " ".join([address, *asid, *more, *last])


def _operand(
    draft: ProgramDraft, op: Operation, line: ProgramLine, words: Sequence[Word], ds: bool
) -> int | None:
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
        draft.no_more(words, 1)
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
        return encode(op, Fields(**fields), ds=ds)
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
