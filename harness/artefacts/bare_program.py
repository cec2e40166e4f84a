# SPDX-License-Identifier: GPL-2.0-only
"""Runs a program on the bare model until it powers the machine off, and says why it does not, if so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InfraError
from harness.machine.patience import MachinePatience
from harness.machine.qemu import Machine, MachineSpec, ModelCrashed

POLL_S = 0.05
LOG = "l0.console.log"


@dataclass(frozen=True, slots=True)
class BareEnd:
    """What the program printed, why it did not come to its end (empty when it did), and its instructions.

    ``instructions`` are those that were seen, 0 where the model counts none.
    """

    said: str
    stopped: str
    instructions: int


def to_end(
    spec: MachineSpec, directory: Path, instructions: int, seconds: float, where: Callable[[Machine], str]
) -> BareEnd:
    """Run the machine ``spec``, which waits for ``cont`` (-S), in ``directory``.

    It may take so many ``instructions``, or ``seconds`` where the model counts none. ``where`` says where a
    machine is that is late, as the end of a sentence. ``InfraError`` when somebody else ended QEMU, or the
    host gave it too little time.
    """
    stopped, executed = "", 0
    with Machine(spec, directory) as machine:
        try:
            machine.listen()  # before anything is said
            machine.qmp("cont")
            patience = MachinePatience(machine, instructions, seconds)
            stopped = _until_end(machine, patience, where)
            executed = patience.instructions
        except (ModelCrashed, InfraError) as error:
            if machine.running:
                raise
            if machine.killed:
                raise InfraError(f"{error}, by which no model ends itself") from error
            stopped = str(error)
    log = directory / LOG
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return BareEnd(said, stopped, executed)


def _until_end(machine: Machine, patience: MachinePatience, where: Callable[[Machine], str]) -> str:
    while machine.running:
        if late := patience.late():
            return f"{late}{where(machine)}"
        time.sleep(POLL_S)
    return "" if machine.ended_well else str(machine.death())
