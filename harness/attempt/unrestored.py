# SPDX-License-Identifier: GPL-2.0-only
"""A snapshot whose files are whole and that the model does not bring back: a finding against the model.

The cell boots cold then, and is judged as always; the finding comes on top of that. A snapshot with damaged
files says nothing of the model.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from harness.artefacts import saved_registers
from harness.artefacts.bare_suites import STATE, build_model_suite
from harness.artefacts.model import Model
from harness.check.finding import Finding
from harness.errors import InfraError, NvhError
from harness.host.cache import Store, write_atomic
from harness.report.results import RESTORE
from harness.verdict import Verdict

FILE = "restore.json"
"""In a cell's directory: why the model cannot bring a snapshot back, as ``note`` wrote it."""
SHOWN = 6


def note(directory: Path, why: str) -> None:
    """Leave ``why`` for the cell of ``directory``."""
    write_atomic(directory / FILE, json.dumps({"why": why}))


def told(directory: Path) -> str:
    """Return what was left for the cell, "" for nothing; ``InfraError`` when that is no note."""
    path = directory / FILE
    if not path.exists():
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["why"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InfraError(f"{path}: {error}") from error


def finding(why: str) -> Finding:
    """Return the finding of a cell whose model cannot restore; ``why`` as ``explain`` gives it."""
    return Finding(RESTORE, "model", Verdict.FAIL, f"the model cannot restore what it saved: {why}")


def explain(model: Model, timing: str, error: str, store: Store) -> str:
    """Return ``error`` with the registers in front that the bare model loses, so that they lead.

    A small program fills every register of EL1 and EL2; its machine is saved, restored and compared. What
    prevents that is reported instead.
    """
    try:
        program = build_model_suite(store).path / STATE
        with tempfile.TemporaryDirectory() as place:
            seen = saved_registers.compare(model, program, timing, Path(place))
    except NvhError as other:
        return f"{error}; its registers could not be compared: {str(other).splitlines()[0]}"
    if seen.failed:
        return f"{seen.failed}, on the bare machine too; {error}"
    if not seen.lost:
        return f"{error}; on the bare machine all {seen.compared} registers come back"
    lost = "; ".join(map(str, seen.lost[:SHOWN]))
    more = f"; and {len(seen.lost) - SHOWN} more" if len(seen.lost) > SHOWN else ""
    return f"{lost}{more}; {error}"
