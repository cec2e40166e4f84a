# SPDX-License-Identifier: GPL-2.0-only
"""One rule for each statement: from the words of a line to what it means, or to what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.program.program import OTHER_VM_BEGINS, OTHER_VM_ENDS, Cpu, Host, other_vm_at
from harness.reproduce.programs import accesses, contexts, grammar, invalidations, memory
from harness.reproduce.programs.draft import ProgramDraft
from harness.reproduce.programs.grammar import EVENTS, STATEMENTS
from harness.reproduce.programs.observed import written
from harness.reproduce.programs.words import ProgramLine, Word

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


def _cpu(draft: ProgramDraft, line: ProgramLine, words: Sequence[Word]) -> None:
    cpu = draft.which_cpu(words[0])
    draft.no_more(words, 1)
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
    draft.no_more(words, 2)
    if draft.cpu:
        draft.bad(
            line.words[0], f"`host` on CPU {draft.cpu}", "`cpu 0` before: the first CPU talks to the VMM"
        )
        return
    if action is not None and offset is not None and draft.aligned(words[1], offset, 8, "a word"):
        draft.actions.append((Host(action, offset), line))
        if other_vm_at([each for each, _ in draft.actions]) == len(draft.actions) - 1:
            draft.actions.pop()  # those behind it are looked at as if it were not there
            begins = action == OTHER_VM_BEGINS
            found = "a second other VM" if begins else "the end of another VM, and there is none"
            draft.bad(words[0], found, f"`host {OTHER_VM_ENDS if begins else OTHER_VM_BEGINS} 0` before")


RULES: Mapping[str, Rule] = {
    "context": contexts.context,
    "frames": memory.frames,
    "poke": memory.poke,
    "code": memory.code,
    "s2": memory.write_descriptor,
    "s1": memory.write_descriptor,
    "e2": memory.write_descriptor,
    "read": accesses.access,
    "write": accesses.access,
    "execute": accesses.access,
    "vncr": accesses.vncr,
    "peek": accesses.peek,
    "entry": memory.look_at_descriptor,
    "tlbi": invalidations.tlbi,
    "l2-tlbi": invalidations.tlbi,
    "at": accesses.translate,
    "spin": accesses.spin,
    "sample": accesses.sample,
    "stop": accesses.sample,
    "cpu": _cpu,
    "host": _host,
}
assert set(RULES) == set(STATEMENTS)
