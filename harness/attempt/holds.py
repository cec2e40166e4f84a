# SPDX-License-Identifier: GPL-2.0-only
"""The holds of a cell: vCPUs of L0 that stay at a place in its kernel until something else has happened.

docs/races.md. What a hold came to is a finding of its own: one that never held anybody proves nothing, and
one that was let go for another reason than its condition did not show what it was made for.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.check.finding import Finding
from harness.errors import InfraError
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.scenario.language import Arrival, Cell, Hold, Place
from harness.stack.images import StackImages
from harness.trace.executed.hold_file import (
    ANY,
    PA_BITS,
    SHADOWS_BEGIN,
    VM_ENDS,
    HoldEnd,
    HoldEvent,
    HoldFile,
    HoldFound,
    HoldOrder,
    HoldPoint,
    HoldState,
)
from harness.verdict import Verdict

LOG = "holds.txt"
KIND = "hold"
FROM = {HoldEnd.DEADLINE: "at its deadline", HoldEnd.END: "at the end of the cell"}


class Holder:
    """Arms the holds of ``cell`` on a stack in ``directory``, and says what came of them.

    ``UserError`` when the model's QEMU cannot hold, ``InfraError`` when L0's kernel tells no symbols.
    """

    def __init__(self, images: StackImages, cell: Cell, directory: Path) -> None:
        if images.plugins is None:
            raise InfraError("the work order names no plugins for the model; make it again with `./nvh run`")
        self._steps = [step for step in cell.steps if isinstance(step, Hold)]
        self._armed: set[str] = set()
        kernel = images.kernels[Level.L0].path
        self.file = HoldFile(directory, kernel, [each for step in self._steps for each in self._places(step)])
        self.file.arm([])
        parallel = not images.model.deterministic(cell.stack.timing)
        self.plugin: Plugin = self.file.plugin(images.plugins, parallel=parallel)
        self._log = directory / LOG

    def arm(self, step: Hold) -> None:
        """Hold from now on what ``step`` says; ``NoSuchPlace`` when the kernel has no such place."""
        order = self._order(step)
        if step.shadow_bits is not None:
            self.file.poke(PA_BITS, step.shadow_bits, SHADOWS_BEGIN, VM_ENDS)
        self.file.add(self._steps.index(step), order)
        self.file.enable(True)
        self._armed.add(step.name)

    def ended(self, name: str) -> None:
        """A run, or a step with a mark, of that name has ended."""
        for number, step in enumerate(self._steps):
            if step.ended == name and step.name in self._armed:
                self.file.let_go(number)

    def stop(self) -> None:
        """Let go whoever is held, and hold nobody any more."""
        self.file.enable(False)

    def write(self) -> None:
        """Leave what happened at the places as text, a line each, in the place of the file."""
        records, lost = self.file.log()
        with self._log.open("w", encoding="utf-8") as stream:
            for record in records:
                name = self._steps[record.hold].name if record.hold < len(self._steps) else ""
                where = "" if record.what is HoldEvent.RELEASED else self.file.name(record.place)
                why = record.why.name.lower() if record.what is HoldEvent.RELEASED else ""
                words = (str(record.executed), f"cpu{record.cpu}", record.what.name.lower(), name, where, why)
                stream.write(" ".join(word for word in words if word) + "\n")
            if lost:
                stream.write(f"{lost} more were lost\n")
        self.file.path.unlink()

    def findings(self) -> Iterator[Finding]:
        """One for each hold: ``pass`` when it held its vCPU and its condition came."""
        for step, found in zip(self._steps, self.file.found(len(self._steps)), strict=True):
            verdict, message = self._judge(step, found)
            yield Finding(step.name, KIND, verdict, message, str(step.where))

    def _judge(self, step: Hold, found: HoldFound) -> tuple[Verdict, str]:
        what = f"CPU {'any' if step.at.cpu is None else step.at.cpu} at {step.at.place}"
        for place in self._places(step):
            if place in self.file.absent:
                return Verdict.UNDECIDED, f"{place}: {self.file.absent[place]}"
        if step.name not in self._armed:
            return Verdict.UNDECIDED, "the cell was cut short before it was armed"
        if not found.held:
            came = (
                f"it came by {found.seen} times"
                if found.state is not HoldState.WAITS
                else "`after` never came"
            )
            return Verdict.VACUOUS, f"{what} was never held: {came}"
        held = f"{what} was held {found.held} times"
        if HoldEnd.BLOCKED in found.reasons:
            return Verdict.UNDECIDED, f"{held}, and let go because it blocked others: {self._who(found)}"
        for why, words in FROM.items():
            if why in found.reasons:
                waits = f"; {self._who(found)}" if found.waiters else ""
                return Verdict.UNDECIDED, f"{held}, and {found.reasons[why]} times let go {words}{waits}"
        if found.state is HoldState.HOLDING:
            return (
                Verdict.UNDECIDED,
                f"{held}, and nothing let it go: the machine no longer executes anything",
            )
        return Verdict.PASS, f"{held}, each time until its condition came"

    def _who(self, found: HoldFound) -> str:
        waits = [
            f"cpu{each.cpu} waits in {self.file.name(each.place)}, called by {self._symbol(each.caller)}"
            for each in found.waiters
        ]
        return f"{', '.join(waits) or 'no CPU is known to wait'} (held is cpu{found.cpu})"

    def _symbol(self, address: int) -> str:
        at = bisect.bisect_right(self.file.symbols.addresses, address) - 1
        name = self.file.symbols.name_at(address)
        return f"{name}+{address - self.file.symbols.addresses[at]:#x}" if name else f"{address:#x}"

    def _places(self, step: Hold) -> Sequence[Place]:
        of_shadows = (SHADOWS_BEGIN, VM_ENDS) if step.shadow_bits else ()
        return [each.place for each in (step.at, step.after, step.arrival) if each] + list(of_shadows)

    def _order(self, step: Hold) -> HoldOrder:
        for place in self._places(step):
            self.file.index(place)
        return HoldOrder(
            at=self._point(step.at),
            nth=step.at.nth,
            times=step.times or 0,
            after=self._point(step.after) if step.after else None,
            until=self._point(step.arrival) if step.arrival else None,
            until_nth=step.arrival.nth if step.arrival else 1,
            held=next((i for i, each in enumerate(self._steps) if each.name == step.held), ANY),
            events=step.events or 0,
            deadline_ns=step.deadline_us * 1000,
        )

    def _point(self, arrival: Arrival) -> HoldPoint:
        return HoldPoint(self.file.index(arrival.place), ANY if arrival.cpu is None else arrival.cpu)


def holder(images: StackImages, cell: Cell, directory: Path) -> Holder | None:
    """Return what holds vCPUs in a cell that asks for it."""
    return Holder(images, cell, directory) if any(isinstance(step, Hold) for step in cell.steps) else None
