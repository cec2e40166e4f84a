# SPDX-License-Identifier: GPL-2.0-only
"""Whether a model brings back what it saved: every register that its gdbstub shows, before and after.

A bare-metal program gives each register a value of its own. The machine is stopped, read, moved into another
QEMU of the same model as a snapshot is (harness/machine/migration.py), and read again there. Then it goes on:
the program itself tells of registers that the gdbstub does not show, such as those of the GIC.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.model import Model
from harness.errors import Broken, InfraError
from harness.machine.gdbstub import GdbStub
from harness.machine.migration import move
from harness.machine.patience import MachinePatience, printed
from harness.machine.qemu import Machine, MachineSpec

MEMORY_MIB = 256
PES = 2
READY = 400_000_000
"""The program fills the registers, or looks at all of them twice, within so many instructions, by far."""
READY_S = 20.0
"""The same on a model that counts none."""
GDB = ("-gdb", "unix:gdb.sock,server=on,wait=off")
Registers = dict[tuple[int, str], int]
WATCHER = 1
"""The PE that reads its registers again and again (images/payloads/model/state)."""
SAME = "01\n"
"""What it prints when nothing has changed; it may have been in the middle when the machine was saved."""
_TIMER = re.compile(r"CNT\w*_CTL(_EL[0-3]{1,2})?")
ISTATUS = 1 << 2
"""Of a timer's control register: the condition is met."""
_LOST = re.compile(r"^lost\|(\w+)\|0x([0-9a-f]+)\|0x([0-9a-f]+)\r?\n", re.M)


@dataclass(frozen=True, slots=True)
class Lost:
    """A register that has another value after the move, or is gone (None): ``pe`` counts from 0."""

    pe: int
    register: str
    before: int
    after: int | None

    def __str__(self) -> str:
        now = "gone" if self.after is None else f"{self.after:#x}"
        change = f"was {self.before:#x} and is {now} after save and restore"
        return f"{self.register} of PE {self.pe} {change}"


@dataclass(frozen=True, slots=True)
class RegisterComparison:
    """``compared`` registers of all PEs, those ``lost``; ``failed``: why the machine could not be moved."""

    compared: int
    lost: tuple[Lost, ...] = ()
    failed: str = ""


def spec_of(model: Model, program: Path, timing: str) -> MachineSpec:
    """The bare machine that runs ``program``."""
    return MachineSpec(
        launcher=model.launcher,
        environment=model.environment,
        flags=model.flags(timing),
        cpus=PES,
        memory_mib=MEMORY_MIB,
        kernel=program,
        cmdline="",
        sandbox=model.spec.sandbox,
        extra=GDB,
    )


def compare(model: Model, program: Path, timing: str, directory: Path) -> RegisterComparison:
    """Save and restore the machine that runs ``program``.

    ``Broken`` when the model crashes or hangs before it is saved, ``InfraError`` when the host is at fault.
    """
    places = [directory / "before", directory / "after"]
    for place in places:
        place.mkdir()
    spec = spec_of(model, program, timing)
    with Machine(spec, places[0]) as source:
        _await_patterns(source, MachinePatience(source, READY, READY_S * model.spec.slowdown))
        source.qmp("stop")
        before = stable(source)
        with Machine(dataclasses.replace(spec, incoming=True), places[1]) as target:
            try:
                move(source, target)
                after = read(target)
            except (Broken, InfraError) as error:
                require_not_killed(source, target)
                return RegisterComparison(len(before), failed=str(error))
            lost = differences(before, after)
            if not lost:
                told, failed = _go_on(target, READY_S * model.spec.slowdown)
                return RegisterComparison(len(before), told, failed)
    return RegisterComparison(len(before), lost)


def _go_on(machine: Machine, seconds: float) -> tuple[tuple[Lost, ...], str]:
    """Let the restored machine run on: what its program finds lost, and why it does not go on, if so."""
    machine.listen()  # what is lost is told once, and soon
    machine.qmp("cont")
    late = MachinePatience(machine, READY, seconds).until(_is_through)
    if late:
        return (), f"the restored machine does not go on: {late}{where(machine)}"
    return told(printed(machine)), ""


def _is_through(text: str) -> bool:
    return bool(told(text)) or text.count(SAME) > 1


def where(machine: Machine) -> str:
    """Where the PEs of a machine that does not go on are, as the end of a sentence; it is stopped."""
    machine.qmp("stop")
    states = enumerate(machine.cpus())
    return "".join(f"; PE {pe} is at {state.pc:#x}" for pe, state in states)


def told(said: str) -> tuple[Lost, ...]:
    """What the program that watches its own registers has found lost, in the order of its lines."""
    return tuple(Lost(WATCHER, name, int(was, 16), int(now, 16)) for name, was, now in _LOST.findall(said))


def differences(before: Registers, after: Registers) -> tuple[Lost, ...]:
    """Registers of ``before`` that have another value in ``after``, or none, by PE and name.

    Where only ISTATUS of a timer differs there is no difference: it is what the counter makes of the timer's
    other registers whenever it is read (Arm ARM D24, CNTHV_CTL_EL2), and QEMU works it out when it looks.
    """
    return tuple(
        Lost(pe, name, value, after.get((pe, name)))
        for (pe, name), value in sorted(before.items())
        if not _same(name, value, after.get((pe, name)))
    )


def _same(register: str, before: int, after: int | None) -> bool:
    if before == after:
        return True
    return after is not None and bool(_TIMER.fullmatch(register)) and (before ^ after) == ISTATUS


def _await_patterns(machine: Machine, patience: MachinePatience) -> None:
    if late := patience.until(lambda text: all(f"{pe}" in text for pe in range(PES))):
        told = f"the program that fills the registers did not come to its end: {late}{where(machine)}"
        raise Broken(told, machine.console.text[-1000:], kind="level", name="level-l0")


def require_not_killed(*machines: Machine) -> None:
    """Raise ``InfraError`` when one of them was ended from outside, so that nothing follows for the model."""
    for machine in machines:
        if machine.killed:
            raise machine.death()


def read(machine: Machine) -> Registers:
    """Every register of every PE that the gdbstub of the stopped ``machine`` shows, by PE and name."""
    with machine.connect("gdb.sock") as connection:
        stub = GdbStub(connection)
        stub.ask("?")
        numbers = stub.registers()
        found: Registers = {}
        for pe in range(machine.spec.cpus):
            stub.ask(f"Hg{pe + 1:x}")
            for name, number in numbers.items():
                found[pe, name] = stub.read(number)
        return found


def of_stopped(machine: Machine) -> Registers:
    """``stable`` of any stopped machine: its gdbstub is opened first. ``InfraError`` when QEMU refuses."""
    said = machine.qmp("human-monitor-command", **{"command-line": f"gdbserver {GDB[1]}"})
    try:
        return stable(machine)
    except OSError as error:
        raise InfraError(f"QEMU did not open its gdbstub: {str(said).strip() or error}") from error


def stable(machine: Machine) -> Registers:
    """Those registers that a stopped machine shows twice alike: counters of the host's time are none."""
    first, second = read(machine), read(machine)
    return {key: value for key, value in first.items() if second[key] == value}
