# SPDX-License-Identifier: GPL-2.0-only
"""From a file to programs that can be run: every mistake at once, and what may be observed of every line.

Nothing here needs a machine. What the architecture allows is the reference model's word
(``harness.program.allowed``); the author's own ``=>`` are compared with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.check.said import LINES_OF
from harness.errors import InputError, Location, Problem
from harness.program.allowed import ReferenceModel, allowed_of
from harness.program.program import Action, Context, Cpu, Map, Program, World, loads
from harness.program.render import AFTERWARDS, action_text, epilogue, prologue_lines
from harness.program.script import script
from harness.reproduce.programs import contexts, statements
from harness.reproduce.programs.draft import ProgramDraft
from harness.reproduce.programs.grammar import LINES_MAX, STATEMENTS, STEPS_MAX, WATCHES_MAX
from harness.reproduce.programs.words import ProgramLine, cut, nearest

SEE = "docs/programs.md"
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """A program without mistakes. For each action its line in the file, and the observations: what the author
    wrote (None: nothing) and what the architecture allows (None: there is nothing to observe).
    """

    path: str
    name: str
    program: Program
    lines: tuple[int, ...]
    written: tuple[frozenset[str] | None, ...]
    allowed: tuple[frozenset[str] | None, ...]
    notes: tuple[Problem, ...]
    first: int

    def script(self, fresh: bool = True) -> str:
        """As nvh-litmus gets it, in a VM of its own: nothing but what the program says is in its memory.

        A comment says which line of the file each of its observing lines is, for messages.
        """
        first = prologue_lines(self.program) + 1
        pairs = [
            f"{first + i}={line}"
            for i, (line, may) in enumerate(zip(self.lines, self.allowed, strict=True))
            if may is not None
        ]
        return f"{LINES_OF} {self.name}: {' '.join(pairs)}\n{script(self.program, self.name, fresh)}"


def check_file(path: Path) -> list[Checked]:
    """The programs of a file; ``InputError`` with everything that is wrong in it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError([Problem(Location(str(path)), reason, "a file with programs")]) from None
    if len(data) > MAX_BYTES:
        raise InputError([Problem(Location(str(path)), f"{len(data)} bytes", f"at most {MAX_BYTES}")])
    try:
        return check(data.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError([Problem(Location(str(path), line), "a byte that is not UTF-8", "text")]) from None


def check(text: str, path: str = "program") -> list[Checked]:
    """The same for a text."""
    drafts, problems = _drafts(text, path)
    found = []
    for draft in drafts:
        problems += draft.problems
        if draft.problems:
            continue
        made = _finish(draft, path)
        problems += draft.problems
        if made is not None:
            found.append(made)
    names: dict[str, int] = {}
    for draft in drafts:
        if draft.name in names:
            first = f"a name of its own (first in line {names[draft.name]})"
            problems.append(draft.begun.words[1].problem(f"a second program {draft.name!r}", first))
        names.setdefault(draft.name, draft.begun.number)
    if problems:
        raise InputError(list(dict.fromkeys(problems)), SEE)
    if not found:
        raise InputError([Problem(Location(path), "no program", "`program NAME`, its lines, `end`")])
    return found


def _drafts(text: str, path: str) -> tuple[list[ProgramDraft], list[Problem]]:
    """The programs of a text, read line by line."""
    drafts: list[ProgramDraft] = []
    problems: list[Problem] = []
    draft: ProgramDraft | None = None
    tidies = False
    raw = text.splitlines()
    for line in cut(text, path):
        tidies |= raw[line.number - 1].strip() == AFTERWARDS
        if not line.words:
            if line.allowed is not None:
                problems.append(Problem(line.end, "=> without a statement", "one before it"))
            continue
        verb = line.words[0]
        if verb.text == "program":
            if draft is not None:
                draft.bad(verb, f"the program {draft.name!r} has no `end`", "`end` before the next `program`")
            draft, tidies = ProgramDraft(line), False
            drafts.append(draft)
            contexts.begin(draft)
        elif draft is None:
            near = nearest(verb.text, ["program"])
            problems.append(verb.problem(f"{verb.text!r} before the first program", "`program NAME`", near))
        elif verb.text == "end":
            if len(line.words) > 1:
                draft.bad(line.words[1], f"{line.words[1].text!r} behind `end`", "the end of the line")
            draft = None
        elif not tidies:
            statements.statement(draft, line)
    if draft is not None:
        last = Location(path, max(len(raw), 1), len(raw[-1]) + 1 if raw else 1)
        draft.problems.append(Problem(last, f"the program {draft.name!r} has no `end`", "a last line `end`"))
    return drafts, problems


def _finish(draft: ProgramDraft, path: str) -> Checked | None:
    """What the whole of a program that can be read says; None when there is a mistake after all."""
    begun = draft.begun.words[0]
    if not draft.contexts:
        draft.bad(begun, "a program without a context", "`context 0 granule=4k vmid=1 s2`")
    if not draft.actions:
        draft.bad(begun, "a program that does nothing", "an action such as `read 0 VA`")
    lines = [line for _, line in draft.actions]
    actions = tuple(action for action, _ in draft.actions)
    world = draft.world
    if not draft.problems:
        world = dataclasses.replace(world, contexts=_private(draft, world, actions, lines))
    program = Program(world, actions, draft.memory)
    if draft.problems or _illegal(draft, program, lines) or _too_long(draft, program):
        return None
    written = tuple(draft.written[line.number] for line in lines)
    allowed = tuple(allowed_of(program))
    for line, wrote, may in zip(lines, written, allowed, strict=True):
        _compare(draft, line, wrote, may)
    writes = [line for line in lines if line.words[0].text == "write"]
    if writes and not draft.frames:
        word = writes[0].words[0]
        draft.notes.append(
            word.problem("a write is looked for in no word", "`frames PA` for where it may land")
        )
    return Checked(
        path,
        draft.name,
        program,
        tuple(line.number for line in lines),
        written,
        allowed,
        tuple(draft.notes),
        draft.begun.number,
    )


def _private(
    draft: ProgramDraft, world: World, actions: Sequence[Action], lines: Sequence[ProgramLine]
) -> tuple[Context, ...]:
    """The contexts, each with its one CPU where several have one VMID (and ASID) and tables of their own.

    A PE holds nothing of a context that it never loads, unless TTBR0_EL1.CnP and VTTBR_EL2.CnP share it.
    """
    users: dict[int, dict[int, int]] = {}
    cpu = 0
    for number, action in enumerate(actions):
        if isinstance(action, Cpu):
            cpu = action.cpu
        for context, who in loads(action, cpu, len(world.contexts)):
            users.setdefault(context, {}).setdefault(who, number)
    found = []
    for number, declared in enumerate(world.contexts):
        by = users.get(number, {})
        strangers = [at for who, at in sorted(by.items()) if declared.pe is not None and who != declared.pe]
        if strangers:
            word = lines[strangers[0]].words[0]
            other = next(who for who, at in by.items() if at == strangers[0])
            draft.bad(
                word,
                f"CPU {other} under context {number}",
                f"CPU {declared.pe}: the context has pe={declared.pe}",
            )
        rival = any(other != number and _rivals(world, number, other) for other in range(len(world.contexts)))
        alone = declared.pe is None and len(by) == 1 and rival
        found.append(dataclasses.replace(declared, pe=next(iter(by))) if alone else declared)
    return tuple(found)


def _rivals(world: World, one: int, other: int) -> bool:
    a, b = world.contexts[one], world.contexts[other]
    if a.tag_vmid != b.tag_vmid:
        return False
    first = a.s1 and b.s1 and a.tag_asid == b.tag_asid and world.s1_table(one) != world.s1_table(other)
    return first or (a.s2 and b.s2 and world.s2_table(one) != world.s2_table(other))


def _illegal(draft: ProgramDraft, program: Program, lines: Sequence[ProgramLine]) -> bool:
    """Whether a descriptor is written that must not be: break-before-make, or nothing to take away."""
    model = ReferenceModel.of(program)
    for action, line in zip(program.actions, lines, strict=True):
        if isinstance(action, Map) and (why := model.why_illegal(action)):
            word = line.words[1 if action.stage == "e2" else 2]
            if action.to is None:
                table = model.tables.leaf_of(action).table
                there = sorted(
                    {
                        f"{leaf.start:#x} at level {leaf.level}"
                        for leaf in model.tables.current(action.stage, table)
                    }
                )
                draft.bad(word, why, f"one of {', '.join(there)}" if there else "a mapping before")
            else:
                rule = "an invalid descriptor and a TLBI for it before: break-before-make (Arm ARM D8.17.9)"
                draft.bad(word, why, rule)
            return True
        model.step(action)
    return False


def _too_long(draft: ProgramDraft, program: Program) -> bool:
    after = epilogue(program)
    watches = sum(STATEMENTS[action_text(a).split()[0]].observes != () for a in program.actions)
    steps = len(program.actions) + sum(isinstance(a, Cpu) for a in program.actions) + len(after)
    steps += len(program.world.contexts) + len(program.memory.code if program.memory else ())
    lines = steps + len(program.memory.words if program.memory else ())
    watches += sum(line.startswith("tlbi") for line in after)
    for count, most, what in ((steps, STEPS_MAX, "steps"), (watches, WATCHES_MAX, "observations"),
                              (lines, LINES_MAX, "lines")):  # fmt: skip
        if count > most:
            found = f"the program {draft.name!r} has {count} {what}, with those that tidy up behind it"
            draft.bad(draft.begun.words[0], found, f"at most {most}: make it two programs")
            return True
    return False


def _compare(
    draft: ProgramDraft, line: ProgramLine, wrote: frozenset[str] | None, may: frozenset[str] | None
) -> None:
    """The author's own ``=>`` against the reference model's."""
    if wrote is None or may is None or line.allowed is None:
        return
    place = line.allowed[0]
    said, right = "|".join(sorted(wrote)), "|".join(sorted(may))
    if wrote - may:
        strange = "|".join(sorted(wrote - may))
        draft.problems.append(place.problem(f"written {strange}, allowed {right}"))
    elif may - wrote:
        draft.notes.append(place.problem(f"written {said}, allowed also {'|'.join(sorted(may - wrote))}"))
