# SPDX-License-Identifier: GPL-2.0-only
"""Which cells a machine can run of which nvh has nothing but a console, and of the others why not.

Such a machine runs a bundle (docs/anywhere.md): cases of nvh-litmus at L0, chosen when it is switched on. No
command goes there while it runs, no plugin watches it, no trace comes back, and no snapshot is made of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.errors import Location
from harness.level import Level
from harness.litmus.observed import EXIT_KEPT, LEFT_OUT, NO_SELF_TEST, together
from harness.litmus.population import LITMUS
from harness.scenario.language import (
    Boot,
    Cell,
    ConsoleCheck,
    Expectation,
    Hold,
    HostAct,
    Mark,
    Mutate,
    ResultCheck,
    Run,
    Snapshot,
    Step,
)

COVERING = "/usr/share/nvh/covering/"
"""Where L0's root file system has the groups of the covering selection, which a bundle has as lists."""
CHOOSE = {"--case", "--skip", "--cases", "--op", "--granule", "--cpus", "--every"}
"""Options with a value that choose cases, as ``litmus-list`` takes them."""
CHOOSE_FLAGS = {"--quick"}
NO_MATTER = {"--leave", "--quiet"}
"""What changes neither cases nor verdicts: a bundle ends as it likes and prints every case."""
NO_MATTER_VALUES = {"--failures"}
"""It only ends a red run sooner."""
SELF_TESTS = {"--self-test": LEFT_OUT, "--keep-exit": EXIT_KEPT}
"""Options of a self-test, and what a bundle calls it with the last of them."""
_SHELL = re.compile(r"[|;&<>()`$\n]")


@dataclass(frozen=True, slots=True)
class ConsoleStep:
    """A run of nvh-litmus as a bundle can have it.

    ``name``: of the run, for ``result``. ``choose``: options of ``litmus-list`` that print its cases.
    ``seconds``: begin no case later; 0: all do. ``self_test``: ``1`` without the operation under test,
    ``exit`` but with its exit to L0, ``0`` neither. ``pressure``: other pages that are read first.
    """

    name: str
    where: Location
    choose: tuple[str, ...]
    seconds: int = 0
    self_test: str = NO_SELF_TEST
    pressure: int = 0

    @property
    def group(self) -> str:
        """The group of the covering selection that it is, which every bundle has as a list; else empty."""
        one = len(self.choose) == 2 and self.choose[0] == "--cases"
        return self.choose[1].removeprefix(COVERING) if one else ""


class NotByConsole(Exception):
    """A cell that needs more than a console; the text says what."""


def steps_of(cell: Cell) -> tuple[ConsoleStep, ...]:
    """Return what a bundle has to run for the cell; ``NotByConsole`` says why it cannot be one."""
    if cell.l1_mutant:
        raise NotByConsole("it is about L1's kernel, and a bundle has none")
    below = cell.stack.levels[Level.L0]
    if below.add or below.cmdline:
        raise NotByConsole("L0 has files or a kernel command line of the scenario's own")
    found = [step for each in cell.steps if (step := _step(each)) is not None]
    for expectation in cell.expectations:
        _check(expectation)
    if not found:
        raise NotByConsole("it runs no cases of nvh-litmus")
    return tuple(found)


def _step(step: Step) -> ConsoleStep | None:
    """The step as one of a bundle; None for one that needs nothing there."""
    match step:
        case Boot(level=Level.L0) | Mark() | Mutate(level=Level.L0):
            return None
        case Boot(level=level):
            raise NotByConsole(f"it boots {level}, and a bundle has no Linux above L0")
        case Hold():
            raise NotByConsole("it holds a CPU of L0, for which the model needs a plugin")
        case Snapshot():
            raise NotByConsole("it begins from a snapshot")
        case HostAct():
            raise NotByConsole("it needs L1's VMM at L0")
        case Run(level=Level.L0, background=False, fed=False):
            return _litmus(step)
        case Run():
            raise NotByConsole("it runs commands while others run, or above L0")
        case _:
            raise NotByConsole("it talks to the machine while it runs")


def _litmus(step: Run) -> ConsoleStep:
    command = step.command.strip()
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if _SHELL.search(_unquoted(command)) or not words:
        raise NotByConsole("it runs a script at L0")
    if words[0] != LITMUS:
        raise NotByConsole(f"it runs {words[0].rpartition('/')[2]:.40}, and a bundle runs nvh-litmus")
    choose: list[str] = []
    seconds, self_test, pressure = 0, NO_SELF_TEST, 0
    for option, value in _options(words[1:]):
        if option in CHOOSE:
            if option == "--cases" and not value.startswith(COVERING):
                raise NotByConsole("it takes its cases from a file at L0")
            choose += [option, value]
        elif option in CHOOSE_FLAGS:
            choose.append(option)
        elif option == "--seconds" and value.isdecimal():
            seconds = int(value)
        elif option == "--pressure" and value.isdecimal():
            pressure = int(value)
        elif option in SELF_TESTS:
            self_test = together((self_test, SELF_TESTS[option]))
        elif option == "--program":
            raise NotByConsole("it runs programs, and a bundle runs cases")
        elif option not in NO_MATTER | NO_MATTER_VALUES:
            raise NotByConsole(f"it runs nvh-litmus with {option:.40}, which a bundle does not")
    return ConsoleStep(step.name, step.where, tuple(choose), seconds, self_test, pressure)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option with its value, empty for one without."""
    rest = list(words)
    while rest:
        option = rest.pop(0)
        takes = option in CHOOSE | NO_MATTER_VALUES | {
            "--seconds",
            "--pressure",
            "--vmm",
            "--predict",
            "--program",
        }
        yield option, rest.pop(0) if takes and rest else ""


def _unquoted(command: str) -> str:
    """The command without what stands in quotes: globs there are no shell's."""
    return re.sub(r"'[^']*'", "''", command)


def _check(expectation: Expectation) -> None:
    match expectation:
        case ResultCheck(stderr=None):
            return
        case ResultCheck():
            raise NotByConsole("it looks at standard error, which a bundle does not keep apart")
        case ConsoleCheck():
            raise NotByConsole("it looks for words on a level's console, which a bundle keeps quiet")
        case _:
            raise NotByConsole("it looks at traces, and none comes from there")
