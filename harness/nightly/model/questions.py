# SPDX-License-Identifier: GPL-2.0-only
"""Runs the bare-metal questions on a model: some 28,000 answers, compared with the architecture."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.artefacts.model import Model
from harness.check.answers import Answers, parse
from harness.errors import InfraError
from harness.host import command
from harness.machine.qemu import CRASHES

MEMORY_MIB = 256
DEADLINE_S = 45.0
"""A right model needs two to three seconds of an idle CPU."""


def ask(model: Model, program: Path, timing: str, directory: Path) -> Answers:
    """Run ``program`` on ``model`` in ``directory``; ``stopped`` tells a crash or a hang.

    ``InfraError`` when somebody else ended QEMU.
    """
    words = [*model.launcher, *model.flags(timing), "-smp", "2", "-m", f"{MEMORY_MIB}M", "-display", "none"]
    words += ["-nodefaults", "-no-user-config", "-monitor", "none", "-no-reboot", "-serial", "stdio"]
    words += ["-kernel", str(program)]
    deadline = DEADLINE_S * model.spec.slowdown
    try:
        done = command.run(words, timeout_s=deadline, env=model.environment, cwd=directory, check=False)
    except InfraError as error:
        late = f"no end within {deadline:.0f} s"
        return dataclasses.replace(parse(error.output), stopped=late)
    answers = parse(done.stdout)
    if done.returncode == 0:
        return answers
    if done.returncode < 0 and -done.returncode not in CRASHES:
        raise InfraError(f"QEMU ended with signal {-done.returncode}, by which no model ends itself")
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
    said = next((line for line in reversed(done.stdout.splitlines()) if "|" not in line), "")
    return dataclasses.replace(answers, stopped=f"QEMU ended with {how}: {said}")
