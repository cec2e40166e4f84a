# SPDX-License-Identifier: GPL-2.0-only
"""Runs the bare-metal questions on a model: tens of thousands of answers, compared with the architecture.

The program itself tells of what does not come back from below EL2 (images/payloads/model/watch.c). Where
EL2 is lost, too, nvh looks at the machine from outside. Both count the machine's own time if it has one.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from harness.artefacts import saved_registers
from harness.artefacts.bare_program import to_end
from harness.artefacts.model import Model
from harness.artefacts.symbols import ProgramSymbols
from harness.check.answers import Answers, LateAnswer, parse
from harness.machine.qemu import CpuState, Machine

LONGEST_NS = 25_000
WHOLE = 2_200_000_000
"""What the shipped models need at most, with ``-cpu max``: below EL2 at a time, in nanoseconds of their own
time, and in all, in instructions. A test compares both with a run."""
TIMES = 40
"""A stay below EL2 may take so many times what the longest of a right model does."""
MORE = 2
"""All questions may take so many times what they do on a right model."""
SECONDS = 45.0
"""All questions on a model that counts no instructions, of an idle CPU; a right one needs five."""
STAY_S = 2.0
"""A stay below EL2 there: the machine's time is then the host's, which may have other work."""
LIMIT_AT = 0x41F00000
MAGIC = 0x77617463
"""Where the program looks for the limit, in microseconds, and what has to stand above it (model/watch.c)."""
ASKING = "asking"
"""The program's symbol for the group and the number of the question (images/payloads/model/report.c)."""
_WORD = re.compile(r"0x([0-9a-f]{16})")


def limit_ns(model: Model, timing: str) -> int:
    """Return how long a stay below EL2 may take, in nanoseconds of the machine's time."""
    if model.deterministic(timing):
        return TIMES * LONGEST_NS
    return int(STAY_S * model.spec.slowdown * 1e9)


def ask(model: Model, program: Path, timing: str, directory: Path) -> Answers:
    """Run ``program`` on ``model`` in ``directory``; ``stopped`` tells a crash or a hang, and where.

    ``InfraError`` when somebody else ended QEMU, or the host gave it too little time.
    """
    limit = limit_ns(model, timing)
    device = f"loader,addr={LIMIT_AT:#x},data={MAGIC << 32 | limit // 1000:#x},data-len=8"
    spec = saved_registers.spec_of(model, program, timing)
    spec = dataclasses.replace(spec, extra=("-device", device, "-S"))
    ended = to_end(
        spec,
        directory,
        MORE * WHOLE,
        SECONDS * model.spec.slowdown,
        lambda machine: f": {_where(machine, ProgramSymbols(program))}",
    )
    answers, stopped = parse(ended.said), ended.stopped
    if answers.late:
        stopped = told(answers.late, ProgramSymbols(program), limit)
    return dataclasses.replace(answers, stopped=stopped or answers.stopped, instructions=ended.instructions)


def _where(machine: Machine, symbols: ProgramSymbols) -> str:
    """Which question it is at, and where each PE is."""
    machine.qmp("stop")
    places = [f"PE {pe} {_place(state, symbols)}" for pe, state in enumerate(machine.cpus())]
    return "; ".join([_question(machine, symbols), *places])


def _place(state: CpuState, symbols: ProgramSymbols) -> str:
    name = symbols.name(state.pc)
    at = "" if state.el is None else f" at EL{state.el}"
    return f"is{at} at {state.pc:#x}" + (f" ({name})" if name else "")


def _question(machine: Machine, symbols: ProgramSymbols) -> str:
    """The group and the number of the question, from the program's memory."""
    address = symbols.address(ASKING)
    if address is None:
        return "it is not known at which question"
    command = f"xp /3gx {address:#x}"
    said = machine.qmp("human-monitor-command", **{"command-line": command})
    words = [int(word, 16) for word in _WORD.findall(str(said))[:3]]
    if len(words) < 3:
        return "it is not known at which question"
    name = b"".join(word.to_bytes(8, "little") for word in words[:2]).rstrip(b"\0").decode("ascii", "replace")
    return f"at question {words[2] + 1} of the group {name or 'before the first'}"


def told(late: LateAnswer, symbols: ProgramSymbols, limit: int) -> str:
    """Say what a PE was asked that did not come back within ``limit`` nanoseconds, and where it is."""
    name = symbols.name(late.pc)
    where = f"EL{late.el} at {late.pc:#x}" + (f" ({name})" if name else "")
    if late.instruction:
        where += f", instruction {late.instruction:#010x}"
    if not late.pc:
        where = "EL2"
    return (
        f"{late.group}: {late.case}: PE {late.pe} does not come back from {where} within "
        f"{limit / 1e6:g} ms of its own time"
    )
