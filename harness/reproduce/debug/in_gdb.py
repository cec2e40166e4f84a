# SPDX-License-Identifier: GPL-2.0-only
"""Runs inside gdb: which level each CPU executes, and breakpoints that hold at one level only."""

from __future__ import annotations

from typing import Any

import gdb

from harness.reproduce.debug.which import UNKNOWN, decide, label, vmid

kernels: dict[int, tuple[str, int]] = {}  # level: vmlinux and KASLR offset
ALL = (1 << 64) - 1
ENTRY = 8  # bytes of NOPs at a function's symbol, for ftrace; its debugging information starts after them
contexts: dict[int, tuple[int, str]] = {}  # table address in VTTBR_EL2: level and name
shown = UNKNOWN  # the level whose symbols are loaded


def register(name: str) -> int:
    """Return a register of the selected CPU, unsigned."""
    try:
        return int(gdb.parse_and_eval(f"${name}")) & ALL
    except gdb.error as error:
        raise gdb.GdbError(f"the machine's gdbstub does not offer {name}: {error}") from error


def here() -> tuple[int, str]:
    """Return the level of the selected CPU, and why."""
    return decide(register("cpsr"), register("HCR_EL2"), register("VTTBR_EL2"), contexts)


def number(text: str) -> int:
    """Return the number of a level; gdb prints the error."""
    if text not in ("l0", "l1", "l2"):
        raise gdb.GdbError(f"there is no level {text!r}; say l0, l1 or l2")
    return int(text[1])


class LevelFunction(gdb.Function):  # type: ignore[misc]
    """$nvh_level(): 0, 1 or 2, the level that the selected CPU executes; -1 when it cannot be told."""

    def invoke(self) -> int:
        """Return the value."""
        return here()[0]


class Vmid(gdb.Function):  # type: ignore[misc]
    """$nvh_vmid(): VTTBR_EL2.VMID of the selected CPU."""

    def invoke(self) -> int:
        """Return the value."""
        return vmid(register("VTTBR_EL2"))


class Where(gdb.Command):  # type: ignore[misc]
    """nvh-where: the level, exception level, VMID and program counter of every CPU."""

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Print a line for each CPU."""
        del argument, from_tty
        selected = gdb.selected_thread()
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda each: int(each.num)):
            thread.switch()
            level, why = here()
            pc = register("pc")
            print(f"cpu {thread.num - 1}: {label(level)} pc {pc:#x} {_symbol(level, pc)}({why})")
        if selected is not None:
            selected.switch()


class SymbolsCommand(gdb.Command):  # type: ignore[misc]
    """nvh-symbols LEVEL: replace the kernel's symbols by those of l0, l1 or l2."""

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Load them."""
        del from_tty
        load_symbols(number(argument.strip()))


class Break(gdb.Command):  # type: ignore[misc]
    """nvh-break LEVEL LOCATION: stop there at that level only.

    All levels may run the same kernel at the same virtual addresses, and a gdbstub breakpoint is by virtual
    address: it is hit at every level, and gdb lets the others go on.
    """

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Set it."""
        del from_tty
        level, _, location = argument.strip().partition(" ")
        if not location.strip():
            raise gdb.GdbError("usage: nvh-break l0|l1|l2 LOCATION")
        wanted = number(level)
        try:
            places = {int(place.pc) for place in gdb.decode_line(location.strip())[1] or ()}
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from error
        # gdb finds a function twice: by symbol, where no argument can be read yet, and by DWARF.
        for place in sorted(each for each in places if each + ENTRY not in places):
            gdb.execute(f"break *{place:#x} if $nvh_level() == {wanted}")


def load_symbols(level: int) -> None:
    """Replace the kernel's symbols by those of ``level``."""
    global shown
    if level not in kernels:
        raise gdb.GdbError(f"there are no symbols of {label(level)}; load some with `symbol-file`")
    path, offset = kernels[level]
    moved = f" -o {offset:#x}" if offset else ""
    gdb.execute(f'symbol-file "{path}"{moved}', to_string=True)
    shown = level


def _symbol(level: int, pc: int) -> str:
    """Return what lies at ``pc``, if the symbols are those of ``level``: another level's would mislead."""
    if not _fits(level):
        return ""
    said = str(gdb.execute(f"info symbol {pc:#x}", to_string=True)).strip()
    return "" if said.startswith("No symbol") else f"<{said.partition(' in section')[0]}> "


def _fits(level: int) -> bool:
    return level == shown or (level in kernels and kernels[level] == kernels.get(shown))


def _stopped(event: Any) -> None:
    """Say where the machine stopped, and when the symbols at hand are another level's."""
    del event
    level, why = here()
    note = "" if _fits(level) else f"; the symbols shown are of {label(shown)}, see nvh-symbols"
    print(f"[{label(level)}: {why}]{note}")


def install(files: dict[int, tuple[str, int]], known: dict[int, tuple[int, str]]) -> None:
    """Define the functions and commands. ``files`` and ``known`` are ``kernels`` and ``contexts`` above."""
    kernels.update(files)
    contexts.update(known)
    LevelFunction("nvh_level")
    Vmid("nvh_vmid")
    Where("nvh-where", gdb.COMMAND_STATUS)
    SymbolsCommand("nvh-symbols", gdb.COMMAND_FILES)
    Break("nvh-break", gdb.COMMAND_BREAKPOINTS)
    gdb.events.stop.connect(_stopped)
