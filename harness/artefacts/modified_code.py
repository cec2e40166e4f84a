# SPDX-License-Identifier: GPL-2.0-only
"""Whether a PE executes what another PE has written, on a machine with a thread for each PE.

The program (images/payloads/model/modified) modifies an instruction while the other PE executes it, as Linux
does with a static key. A machine whose PEs take turns cannot fail.
"""

from __future__ import annotations

import dataclasses
import re
import time
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.model import Model
from harness.artefacts.saved_registers import spec_of, where
from harness.errors import InfraError
from harness.machine.patience import MachinePatience
from harness.machine.qemu import Machine, ModelCrashed

INSTRUCTIONS = 400_000_000
"""The program ends within so many, where the model counts them."""
SECONDS = 60.0
"""The same on a model that counts none: each of the four cases ends itself after ten seconds."""
POLL_S = 0.02
END = "done"
_ROUNDS = re.compile(r"^rounds\|([0-9]+)\r?$", re.M)


@dataclass(frozen=True, slots=True)
class ModifiedCode:
    """What the program told (``said``), and the modifications of the case that had the fewest.

    ``failed``: why the program did not come to its end, if so.
    """

    said: str = ""
    rounds: int = 0
    failed: str = ""


def execute(model: Model, program: Path, timing: str, directory: Path) -> ModifiedCode:
    """Run ``program`` on ``model`` in ``directory``.

    ``InfraError`` when somebody else ended QEMU, or the host gave it too little time.
    """
    log, failed = directory / "l0.console.log", ""
    spec = dataclasses.replace(spec_of(model, program, timing), extra=("-S",))
    with Machine(spec, directory) as machine:
        try:
            machine.listen()  # before anything is said
            machine.qmp("cont")
            failed = _until_end(machine, SECONDS * model.spec.slowdown)
        except (ModelCrashed, InfraError) as error:
            if machine.running:
                raise
            if machine.killed:
                raise InfraError(f"{error}, by which no model ends itself") from error
            failed = str(error)
    return read(log.read_text(encoding="utf-8", errors="replace") if log.exists() else "", failed)


def _until_end(machine: Machine, seconds: float) -> str:
    patience = MachinePatience(machine, INSTRUCTIONS, seconds)
    while machine.running:
        if late := patience.late():
            return f"{late}{where(machine)}"
        time.sleep(POLL_S)
    return "" if machine.ended_well else str(machine.death())


def read(said: str, failed: str = "") -> ModifiedCode:
    """Return what a run told; ``failed`` when it did not come to its end, or to no modification at all."""
    found = _ROUNDS.search(said)
    rounds = int(found[1]) if found else 0
    if not failed and END not in said.split():
        failed = f"the program did not come to its end: {said.strip()[-200:] or 'it said nothing'}"
    if not failed and not rounds:
        failed = "a PE did not come to the modified instruction within ten seconds of the machine's time"
    return ModifiedCode(said, rounds, failed)
