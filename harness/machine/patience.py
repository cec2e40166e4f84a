# SPDX-License-Identifier: GPL-2.0-only
"""How long a bare machine may take: in instructions where it counts them, in seconds where it does not.

QEMU: docs/devel/tcg-icount. Under ``-icount shift=0`` an instruction is a nanosecond of the machine's time:
a slow or busy host changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.errors import InfraError, NvhError
from harness.machine.process import CpuTime
from harness.machine.qemu import Machine

HUNGRY = 0.5
"""Part of the CPU time that QEMU wanted, below which the host is at fault when it is late."""
STILL_S = 3.0
"""A machine without work for so long waits for nothing that could come: its clock stands still with it."""
STUCK_S = 3.0
FEW = 20_000_000
"""A machine that had so much CPU time and executed no more instructions takes exception after exception: for
some causes the one that raises it counts. Where none does its own time stands still, so that no timer of its
own ends that. A right model executes 10⁹ meanwhile.
"""
IDLE = 0.05
"""Part of the time that a machine without work may use for questions like ours."""
POLL_S = 0.02


class MachinePatience:
    """Whether a machine is late: ``instructions`` are counted from now on, ``seconds`` are the host's.

    ``seconds`` count only where the machine tells no instructions. ``clock`` is for tests.
    """

    def __init__(
        self,
        machine: Machine,
        instructions: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._machine, self._most, self._seconds, self._clock = machine, instructions, seconds, clock
        self._begun = self._moved = clock()
        self._work = self._work_moved = self._work_marked = machine.work
        self._first = self._last = self._marked = executed(machine)

    @property
    def instructions(self) -> int:
        """How many were executed when it was last asked; 0 where none are counted."""
        return 0 if self._first is None or self._last is None else self._last - self._first

    def late(self) -> str:
        """Why the machine is late, empty while it is not.

        ``InfraError`` when it is by the host's clock alone and the host gave QEMU too little of its CPUs.
        """
        if self._first is not None:
            return self._by_instructions(self._first)
        took = self._clock() - self._begun
        if took <= self._seconds:
            return ""
        spent = self._machine.work - self._work
        if spent.got < HUNGRY * spent.wanted:
            told = f"{spent.got:.1f} s of CPU time of the {spent.wanted:.1f} that it wanted"
            raise InfraError(f"no end within {self._seconds:.0f} s, and the host gave QEMU {told}")
        return f"no end within {self._seconds:.0f} s"

    def until(self, enough: Callable[[str], bool]) -> str:
        """Wait until the machine has said ``enough`` on its console; return why it is late, if it does not.

        Raises what the machine died of when it ends before, and as ``late`` does.
        """
        while not enough(printed(self._machine)):
            if not self._machine.running:
                raise self._machine.death()
            if late := self.late():
                return late
            time.sleep(POLL_S)
        return ""

    def _by_instructions(self, first: int) -> str:
        count = executed(self._machine)
        if count is None:
            return ""
        if count - first > self._most:
            return f"no end within {self._most} instructions"
        now, work = self._clock(), self._machine.work
        if self._marked is None or count - self._marked > FEW:
            self._marked, self._work_marked = count, work
        elif (work - self._work_marked).got > STUCK_S:
            between = "without an instruction" if count == self._marked else "with hardly an instruction"
            return f"it takes exceptions {between} between them, after {count - first} instructions"
        if count != self._last:
            self._last, self._moved, self._work_moved = count, now, work
            return ""
        still = now - self._moved
        if still > STILL_S and _idle(work - self._work_moved, still):
            return f"it executes nothing any more, after {count - first} instructions"
        return ""


def printed(machine: Machine) -> str:
    """Return what a machine has printed, its lines without carriage returns."""
    return machine.console.text.replace("\r", "")


def _idle(spent: CpuTime, seconds: float) -> bool:
    return spent.wanted < IDLE * seconds


def executed(machine: Machine) -> int | None:
    """Return how many instructions a machine has executed; None where it counts none, or has ended."""
    if "-icount" not in machine.spec.flags:
        return None
    try:
        return int(machine.qmp("query-replay")["icount"])
    except (NvhError, KeyError, TypeError, ValueError):
        return None
