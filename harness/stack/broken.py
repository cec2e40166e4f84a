# SPDX-License-Identifier: GPL-2.0-only
"""What is said of a level that is under test and broke; docs/verdicts.md has the names."""

from __future__ import annotations

import signal

from harness.errors import Broken, InfraError
from harness.level import Level

BOOT = "boot"
LEVEL = "level"
CONSOLE_END = 4000
"""Characters of a console's end that a finding quotes."""
VMM_END = 1500
"""Characters that it quotes of what the level's VMM said."""
EXTERNAL = frozenset(256 + n for n in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
"""Statuses of a command that somebody ended from outside; no kernel under test does that to a VMM."""
NOT_FOUND = frozenset({126, 127})
"""Statuses of a shell that could not start the command at all."""


class LevelBroken(Broken):
    """A level did not come up (``booting``), or died or hangs after it was up.

    ``cause`` is one line; ``output`` the end of the level's console and of what ran it.
    """

    def __init__(self, level: Level, cause: str, output: str = "", *, booting: bool = False) -> None:
        kind = BOOT if booting else LEVEL
        what = "did not come up: " if booting else ""
        super().__init__(f"{level}: {what}{cause}", output, kind=kind, name=f"{kind}-{level}")
        self.level = level


class LevelFailed(InfraError):
    """nvh or its host failed at a level: its VMM was killed, or it could not be prepared."""

    def __init__(self, level: Level, message: str, output: str = "") -> None:
        super().__init__(f"{level}: {message}", output)
        self.level = level


def blames_the_kernel(status: int) -> bool:
    """Whether a VMM that ended with ``status`` says something of the kernel below it, or of its guest.

    A VMM ends with 0 when its guest resets or powers off, with 1 when KVM refuses, by a signal when it
    crashes. One that was killed from outside or never found is nvh's or the host's affair.
    """
    return status not in EXTERNAL and status not in NOT_FOUND
