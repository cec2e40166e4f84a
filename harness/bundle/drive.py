# SPDX-License-Identifier: GPL-2.0-only
"""Runs a bundle on a console model and keeps what its console printed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.bundle.commands import append
from harness.bundle.console_model import QEMU, ConsoleModel, fill
from harness.bundle.line import ConsoleLine, open_process, open_socket
from harness.bundle.programs import NONE, Programs
from harness.host import command

POWER_S = 60.0
CONNECT_S = 30.0
SILENCE_S = 300.0
"""Nothing on the line for so long, times the slowdown: it hangs. nvh-litmus gives a case up after 240 s."""
MOST_S = 4 * 3600.0
AFTER_END_S = 5.0
READ_S = 0.2
CPUS = 2
"""Of L0 where nobody says how many: every victim on another PE has one."""
TAIL = 1 << 16
"""Characters of the end in which patterns are looked for."""
END = re.compile(r"# nvh (?:bare-)?end .* crc=[0-9a-f]{8}\r*|Bail out! .*")
BEGIN = re.compile(r"# nvh (?:begin|bare) .* crc=[0-9a-f]{8}\r*")
TIMING = "icount"
"""Of a shipped QEMU where nobody says: no control of another PE is lost on a busy host."""


@dataclass(frozen=True, slots=True)
class Driven:
    """How it went: what ended it, in words, and the file with the console."""

    why: str
    log: Path
    seconds: float


def drive(
    model: ConsoleModel,
    bundle: Path,
    log: Path,
    options: Sequence[str] = (),
    *,
    programs: Programs = NONE,
    mutant: str = "",
    cpus: int = CPUS,
    timing: str = TIMING,
    silence_s: float = SILENCE_S,
    most_s: float = MOST_S,
) -> Driven:
    """Switch the machine on, take its console until the log ends or the machine says nothing more, and off.

    ``options``: words ``KEY=VALUE`` of a bundle; ``cpus``, ``timing``: CPUs of L0 and the model's timing,
    where the machine can be given any. The console goes to ``log``, byte for byte. No process is left,
    whatever happens. ``InfraError`` when the line cannot be opened, or the power does not obey.
    """
    values = {
        "bundle": str(bundle.absolute()),
        "append": append(model.kernel_console, options, mutant),
        "options": " ".join(f"--{word}" for word in options),
        "cpus": str(cpus),
        "uefi": programs.uefi,
    }
    whole = {QEMU: programs.launcher, "{timing}": programs.timings.get(timing, ())}
    begun = time.monotonic()

    def power(words: Sequence[str]) -> None:
        if words:
            command.run(model.words(words, values, whole), timeout_s=POWER_S * max(1.0, model.slowdown))

    try:
        power(model.power_on)
        line = _open(model, model.words(model.command, values, whole), programs.environment)
        try:
            with log.open("wb", buffering=0) as file:  # whoever is killed loses nothing of it
                taker = _Taker(model, values, file.write, line)
                why = taker.take(silence_s * model.slowdown, most_s * model.slowdown)
        finally:
            line.close()
    finally:
        power(model.power_off)
    return Driven(why, log, time.monotonic() - begun)


def _open(model: ConsoleModel, words: Sequence[str], environment: Mapping[str, str]) -> ConsoleLine:
    env = {**environment, **model.environment}
    if model.line in ("pipe", "pty"):
        return open_process(words, env, pty=model.line == "pty")
    return open_socket(model.line, words, env, CONNECT_S * max(1.0, model.slowdown))


class _Taker:
    def __init__(
        self, model: ConsoleModel, values: dict[str, str], keep: Callable[[bytes], object], line: ConsoleLine
    ) -> None:
        self.values = values
        self.keep = keep
        self.line = line
        self.turns = list(model.dialogue)
        self.tail = self.partial = ""
        self.begun = 0

    def take(self, silence_s: float, most_s: float) -> str:
        """Take what comes; returns what ended it."""
        start = heard = time.monotonic()
        while True:
            data = self.line.read(READ_S)
            now = time.monotonic()
            if data is None:
                return "the console's end"
            if data:
                heard = now
                self.keep(data)
                if why := self._look(data.decode("utf-8", "replace")):
                    self._rest()
                    return why
            if now - heard > silence_s:
                return f"nothing for {silence_s:.0f} s"
            if now - start > most_s:
                return f"no end after {most_s:.0f} s"

    def _look(self, new: str) -> str:
        self.tail = (self.tail + new)[-TAIL:]
        while self.turns and (match := self.turns[0].ready.search(self.tail)):
            self.tail = self.tail[match.end() :]
            self.line.write(fill(self.turns.pop(0).send, self.values))
        *lines, self.partial = (self.partial + new).split("\n")
        self.begun += sum(bool(BEGIN.fullmatch(line)) for line in lines)
        if any(END.fullmatch(line) for line in lines):
            return "the log's end"
        return "the machine began again" if self.begun > 1 else ""

    def _rest(self) -> None:
        """What a machine says while it goes off: a panic would be there."""
        until = time.monotonic() + AFTER_END_S
        while time.monotonic() < until:
            data = self.line.read(READ_S)
            if data is None:
                return
            self.keep(data)
