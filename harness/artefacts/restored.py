# SPDX-License-Identifier: GPL-2.0-only
"""Whether a machine that was saved while everything was under way goes on as if it had not been.

The program (images/payloads/model/live) arms breakpoints, timers and the like, has interrupts that are not
taken yet, waits, and looks whether all of it comes about; again and again. Its machine is moved into another
QEMU while it waits (harness/machine/migration.py), and goes on there.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.model import Model
from harness.artefacts.saved_registers import SAME, require_not_killed, spec_of, where
from harness.errors import Broken, InfraError
from harness.machine.migration import move
from harness.machine.patience import MachinePatience, printed
from harness.machine.qemu import Machine

PES = 4
READY = 1_200_000_000
"""The program ends a round within so many instructions, even if every wait in it takes as long as it may."""
READY_S = 20.0
"""The same on a model that counts none, of an idle CPU."""
WRONG = "bad\n"
"""What the program prints behind the failures of a round; ``SAME`` when there was none."""
UNDER_WAY = "wait\n"
"""What it prints when everything is armed, a tenth of a second of its time before it is due."""
ROUNDS = 2
"""How many the restored machine has to come to the end of: it was in the middle of the first one."""


@dataclass(frozen=True, slots=True)
class RestoredMachine:
    """What the program told (``said``), once it was wrong or through; ``saved``: after save and restore.

    ``failed``: why the machine could not be moved, or does not go on.
    """

    said: str = ""
    saved: bool = True
    failed: str = ""


def go_on(model: Model, program: Path, timing: str, directory: Path) -> RestoredMachine:
    """Save the machine that runs ``program`` while it waits, and let it go on.

    ``Broken`` when the model crashes or hangs before it is saved, ``InfraError`` when the host is at fault.
    """
    places = [directory / "before", directory / "after"]
    for place in places:
        place.mkdir()
    spec = dataclasses.replace(spec_of(model, program, timing), cpus=PES)
    seconds = READY_S * model.spec.slowdown
    with Machine(spec, places[0]) as source:
        source.listen()
        if late := MachinePatience(source, READY, seconds).until(is_under_way):
            raise Broken(
                f"the program did not come to its end: {late}{where(source)}",
                printed(source)[-1000:],
                kind="level",
                name="level-l0",
            )
        if WRONG in printed(source):
            return RestoredMachine(printed(source), saved=False)
        source.qmp("stop")
        with Machine(dataclasses.replace(spec, incoming=True), places[1]) as target:
            try:
                move(source, target)
            except (Broken, InfraError) as error:
                require_not_killed(source, target)
                return RestoredMachine(failed=str(error))
            target.listen()
            target.qmp("cont")
            if late := MachinePatience(target, READY, seconds).until(is_through):
                failed = f"the restored machine does not go on: {late}{where(target)}"
                return RestoredMachine(printed(target), failed=failed)
            return RestoredMachine(printed(target))


def is_under_way(said: str) -> bool:
    """Whether the program waits, behind a round of which all was right; or was wrong, and need not wait."""
    _, right, rest = said.rpartition(SAME)
    return WRONG in said or bool(right and UNDER_WAY in rest)


def is_through(said: str) -> bool:
    """Whether so many rounds were right, or one was wrong."""
    return WRONG in said or said.count(SAME) >= ROUNDS
