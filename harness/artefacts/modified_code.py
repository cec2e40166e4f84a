# SPDX-License-Identifier: GPL-2.0-only
"""Whether a PE executes what another PE has written, on a machine with a thread for each PE.

The program (images/payloads/model/modified) modifies an instruction while the other PE executes it, as Linux
does with a static key. A machine whose PEs take turns cannot fail.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.bare_program import to_end
from harness.artefacts.model import Model
from harness.artefacts.saved_registers import spec_of, where

INSTRUCTIONS = 400_000_000
"""The program ends within so many, where the model counts them."""
SECONDS = 60.0
"""The same on a model that counts none: each of the four cases ends itself after ten seconds."""
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
    spec = dataclasses.replace(spec_of(model, program, timing), extra=("-S",))
    ended = to_end(spec, directory, INSTRUCTIONS, SECONDS * model.spec.slowdown, where)
    return read(ended.said, ended.stopped)


def read(said: str, failed: str = "") -> ModifiedCode:
    """Return what a run told; ``failed`` when it did not come to its end, or to no modification at all."""
    found = _ROUNDS.search(said)
    rounds = int(found[1]) if found else 0
    if not failed and END not in said.split():
        failed = f"the program did not come to its end: {said.strip()[-200:] or 'it said nothing'}"
    if not failed and not rounds:
        failed = "a PE did not come to the modified instruction within ten seconds of the machine's time"
    return ModifiedCode(said, rounds, failed)
