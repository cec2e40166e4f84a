# SPDX-License-Identifier: GPL-2.0-only
"""gdb on a stopped machine: the gdbstub started over QMP, a command file with symbols, gdb itself.

The stub shows the machine's CPUs: whichever level a CPU executes is what gdb sees there.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import InfraError, UserError
from harness.host.paths import IMPORTS
from harness.level import Level
from harness.machine.ram.kernel import missing_vmlinux
from harness.machine.ram.level_report import LevelReport
from harness.reproduce.debug.which import BADDR

SOCKET = "gdb.sock"
SCRIPT = "nvh.gdb"
PROGRAMS = ("gdb-multiarch", "aarch64-linux-gnu-gdb", "gdb")
PROBE_TIMEOUT_S = 30.0

Qmp = Callable[..., Any]
"""``Machine.qmp``: executes a command of QEMU and returns its result."""


@dataclass(frozen=True, slots=True)
class GdbContext:
    """A stage-2 context of L0: the level that runs with it, and its name."""

    level: Level
    name: str


def contexts(report: LevelReport) -> dict[int, GdbContext]:
    """Return the contexts of L0 by the table address that VTTBR_EL2 holds while they are in use.

    With a VM's own stage 2 runs L1, with a nested one L2. A context with L1's stage 2 off may share the table
    of the VM's own.
    """
    found: dict[int, GdbContext] = {}
    for machine in report.vms:
        for mmu in machine.mmus:
            if mmu.pgd_phys and (mmu.index is None or (mmu.valid and mmu.stage2_enabled)):
                level = Level.L1 if mmu.index is None else Level.L2
                found.setdefault(mmu.pgd_phys & BADDR, GdbContext(level, f"VM {machine.index}, {mmu.name}"))
    return found


def gdb_script(
    level: Level,
    kernels: Mapping[Level, Path],
    offsets: Mapping[Level, int],
    *,
    remote: str = SOCKET,
    symbols: Sequence[Path] = (),
    known: Mapping[int, GdbContext] | None = None,
) -> str:
    """Return gdb's commands: the symbols of ``level``, our helpers, the connection to ``remote``.

    ``kernels`` are the vmlinux files of the levels that have one, ``offsets`` their KASLR offsets (absent:
    0), ``symbols`` more ELF files, such as a bare-metal payload, at their own addresses. ``known`` are the
    contexts by table address. ``UserError`` when ``level`` has neither a vmlinux nor ``symbols``.
    """
    if level not in kernels and not symbols:
        raise UserError(f"there are no symbols of {level}: give an ELF file with --symbols")
    files = {int(each): (str(path), offsets.get(each, 0)) for each, path in kernels.items()}
    names = {address: (int(each.level), each.name) for address, each in (known or {}).items()}
    lines = [
        f"# gdb commands of nvh: the machine of this directory, with the symbols of {level}",
        "set pagination off",
        "set confirm off",
        "set architecture aarch64",
        f"python import sys; sys.path.insert(0, {str(IMPORTS)!r})",
        f"python from harness.reproduce.debug import in_gdb; in_gdb.install({files!r}, {names!r})",
    ]
    if level in kernels:
        lines.append(f"nvh-symbols {level}")
    lines += [f"add-symbol-file {quoted(path)}" for path in symbols]
    return "\n".join([*lines, f"target remote {remote}", "nvh-where", ""])


def quoted(path: Path) -> str:
    """Return a file name as gdb's command line reads it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def serve(qmp: Qmp, directory: Path) -> Path:
    """Start the gdbstub of a running or stopped QEMU on the socket ``gdb.sock`` of its directory.

    ``InfraError`` when QEMU refuses. The machine stops when gdb connects. One that serves already goes on.
    """
    path = directory / SOCKET
    if path.exists():
        return path
    command = f"gdbserver unix:{SOCKET},server=on,wait=off"
    said = str(qmp("human-monitor-command", **{"command-line": command})).strip()
    if not path.exists():
        raise InfraError(f"QEMU did not open its gdbstub on {path}: {said or 'it said nothing'}", said)
    return path


def find_gdb() -> str:
    """Return a gdb that knows aarch64 and Python; ``UserError`` names the package when there is none."""
    unfit = []
    for name in PROGRAMS:
        program = shutil.which(name)
        if program is None:
            continue
        words = [
            program,
            "-nx",
            "-batch",
            "-ex",
            "set architecture aarch64",
            "-ex",
            "python print('py' + 'thon')",
        ]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            unfit.append(f"{program} does not run: {error}")
            continue
        if "Undefined item" not in done.stderr and "python" in done.stdout.split():
            return program
        unfit.append(f"{program} has no {'Python' if 'Undefined item' not in done.stderr else 'aarch64'}")
    package = "gdb" if platform.machine() == "aarch64" else "gdb-multiarch"
    why = f" ({'; '.join(unfit)})" if unfit else ""
    raise UserError(f"no gdb for arm64 is installed{why}; as root: apt-get install {package}")


def command(program: str, script: Path) -> list[str]:
    """Return how to start gdb with ``script``; its working directory must be the machine's."""
    return [program, "-nx", "-q", "-x", str(script)]


def available(kernels: Mapping[Level, Path], level: Level, symbols: Sequence[Path]) -> dict[Level, Path]:
    """Return the kernels whose vmlinux exists; ``UserError`` says what to do when ``level`` has none."""
    if level in kernels and not kernels[level].is_file() and not symbols:
        raise UserError(missing_vmlinux(level, kernels[level]))
    for path in symbols:
        if not path.is_file():
            raise UserError(f"{path}: no such file of symbols")
    return {each: path for each, path in kernels.items() if path.is_file()}
