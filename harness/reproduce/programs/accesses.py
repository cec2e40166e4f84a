# SPDX-License-Identifier: GPL-2.0-only
"""The statements that look: accesses of L2 and vEL2, AT, and a CPU that reads all the time."""

from __future__ import annotations

from collections.abc import Sequence

from harness.program.addresses import PHYSICAL_BITS
from harness.program.program import TRANSLATIONS, Access, At, Sample, Spin, Stop
from harness.reproduce.programs import grammar
from harness.reproduce.programs.draft import ProgramDraft
from harness.reproduce.programs.grammar import DATA, VEL2
from harness.reproduce.programs.words import ProgramLine, Word

OF_VNCR = ("vncr", "vncrw", "vncr-halts", "vncrw-halts", "vncr-turns", "vncr-own")
"""Where a CPU spins that uses its VNCR page."""


def access(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``read``, ``write`` and ``execute`` by L2."""
    kind = line.words[0].text
    fixed = 3 if kind == "write" else 2
    ctx = draft.context(words[0])
    at = draft.number(words[1], "a VA of L2")
    value = draft.number(words[2], "a value of 64 bits") if kind == "write" else 0
    el0 = len(words) > fixed and words[fixed].text == "el0"
    draft.no_more(words, fixed + el0, "el0")
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


def vncr(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``vncr CTX``: an access of L2 to its VNCR page."""
    ctx = draft.context(words[0])
    draft.no_more(words, 1)
    if ctx is None:
        return
    if draft.contexts[ctx].vncr is None:
        draft.bad(words[0], f"context {ctx} has no VNCR page", "vncr=VA in its line")
        return
    draft.actions.append((Access("vncr", ctx), line))


def peek(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``peek VA``: vEL2 reads through its own tables."""
    at = draft.number(words[0], "a VA of vEL2")
    draft.no_more(words, 1)
    if at is not None and draft.within(words[0], at, [VEL2]) and draft.aligned(words[0], at, 8, "a word"):
        draft.actions.append((Access("peek", at=at), line))


def translate(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``at CTX OP VA [attr]``: vEL2 translates for L2, and looks at PAR_EL1."""
    ctx = draft.context(words[0])
    op = draft.choice(words[1], TRANSLATIONS, "operation of AT")
    va = draft.number(words[2], "a VA of L2")
    attributes = len(words) > 3 and words[3].text == "attr"
    draft.no_more(words, 3 + attributes, "attr")
    if ctx is None or op is None or va is None or not _looks(draft, words[0], words[2], ctx, va, 8):
        return
    c = draft.contexts[ctx]
    if c.s1_ha or c.s2_ha:  # whether it sets the flag, or reports it, is the machine's choice
        draft.bad(words[0], f"AT under context {ctx}, whose access flags hardware sets", "another context")
        return
    if draft.unfit(c):
        draft.bad(words[0], f"AT under context {ctx}, whose SL0 does not fit", "another context")
        return
    draft.actions.append((At(ctx, op, va, attributes), line))


def spin(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``spin CPU CTX VA WHERE``: another CPU reads all the time from here on."""
    cpu = draft.which_cpu(words[0], 1)
    ctx = draft.context(words[1])
    at = draft.number(words[2], "a VA")
    where = draft.choice(words[3], grammar.PLACES, "place to spin")
    draft.no_more(words, 4)
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
    of_vncr = where in OF_VNCR
    if of_vncr and c.vncr is None:
        draft.bad(words[3], f"context {ctx} has no VNCR page", "vncr=VA in its line")
        return
    if where == "vel2" and not draft.within(words[2], at, [VEL2]):
        return
    if where != "vel2" and not of_vncr and not _looks(draft, words[1], words[2], ctx, at, 8):
        return
    if draft.unfit(c):
        draft.bad(words[1], f"L2 under context {ctx}, whose SL0 does not fit", "another context to spin in")
        return
    # When it has written is not known, line by line.
    if where in ("l2w", "l2w-halts") and (c.s1_hd or c.s2_hd):
        draft.bad(
            words[3],
            f"{where} under context {ctx}, whose dirty state hardware sets",
            "another context, or l2",
        )
        return
    draft.spun.add(cpu)
    draft.spinning.add(cpu)
    draft.actions.append((Spin(cpu, ctx, at, where), line))


def sample(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    """``sample CPU`` and ``stop CPU``: what that CPU reads now; it ends."""
    cpu = draft.which_cpu(words[0], 1)
    draft.no_more(words, 1)
    if cpu is None:
        return
    if cpu not in draft.spinning:
        draft.bad(words[0], f"CPU {cpu} does not spin here", f"`spin {cpu} CTX VA WHERE` before")
        return
    stops = line.words[0].text == "stop"
    draft.spinning -= {cpu} if stops else set()
    draft.actions.append((Stop(cpu) if stops else Sample(cpu), line))
