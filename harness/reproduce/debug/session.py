# SPDX-License-Identifier: GPL-2.0-only
"""One debugging session: the stub, the command file and gdb, for a machine whose QMP is at hand."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.level import Level
from harness.machine.ram.inspection import Inspection
from harness.machine.ram.memory import RamFile
from harness.reproduce.debug import gdb


@dataclass(frozen=True, slots=True)
class Debuggee:
    """What gdb needs to know: where the machine is, its RAM if it is a file, and the levels' kernels."""

    directory: Path
    kernels: Mapping[Level, Path]
    ram: Path | None = None
    symbols: Sequence[Path] = ()
    offsets: Mapping[Level, int] = field(default_factory=dict)


def prepare(debuggee: Debuggee, level: Level) -> Path:
    """Write the command file ``nvh.gdb`` into the machine's directory and return its path.

    With the RAM at hand, the KASLR offsets of the levels up to ``level`` and the stage-2 contexts of L0 are
    read from it. ``UserError`` when there are no symbols of ``level``.
    """
    kernels = gdb.available(debuggee.kernels, level, debuggee.symbols)
    offsets, known = _read(debuggee.ram, kernels, level)
    text = gdb.gdb_script(
        level,
        kernels,
        {**offsets, **debuggee.offsets},
        symbols=debuggee.symbols,
        known=known,
    )
    script = debuggee.directory / gdb.SCRIPT
    script.write_text(text, encoding="utf-8")
    return script


def _read(
    ram: Path | None, kernels: Mapping[Level, Path], level: Level
) -> tuple[dict[Level, int], dict[int, gdb.GdbContext]]:
    """Return KASLR offsets and contexts from the machine's RAM; what it does not tell is left out.

    gdb is of use without them: every level boots with nokaslr, and the helpers then decide by HCR_EL2.
    """
    offsets: dict[Level, int] = {}
    if ram is None or Level.L0 not in kernels:
        return offsets, {}
    with RamFile(ram) as memory:
        inspection = Inspection(memory, kernels)
        try:
            known = gdb.contexts(inspection.report(Level.L0))
            for each in Level:
                if each <= level:
                    offsets[each] = inspection.kernel(each)[0].info.kaslr_offset
        except UserError:
            return offsets, known if offsets else {}
    return offsets, known


def run(program: str, script: Path, batch: Sequence[str] = ()) -> int:
    """Run gdb in the machine's directory until it ends, which is at once after the commands ``batch``."""
    words = gdb.command(program, Path(script.name))
    for each in batch:
        words += ["-ex", each]
    if batch:
        words.append("-batch")
    # Ctrl-C is gdb's: it stops the machine. A handler, unlike an ignored signal, is not inherited.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.call(words, cwd=script.parent)
    finally:
        signal.signal(signal.SIGINT, before)
