# SPDX-License-Identifier: GPL-2.0-only
"""What the command line asks of an acceptance, and the file by which one that was interrupted goes on.

The file has the words of the command line, where they were said, and a digest of base and series: an
acceptance goes on as what it began as, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.accept import base as bases
from harness.accept import cost_limit, which_steps
from harness.bundle.console_model import is_console
from harness.errors import InfraError, UserError
from harness.host.cache import write_atomic
from harness.host.paths import PROGRAM
from harness.level import Level
from harness.scenario.scenario import NO_OVERRIDES, Overrides

FILE = "request.json"
BUDGET_S = 600.0
CONFIRM = 5
REPEAT_RACY = 5
DETERMINISTIC = "icount"


def runs(timing: str, repeat: int = 0) -> int:
    """Return how often a cell of that timing runs on each side; ``repeat`` as in ``Request``."""
    return repeat or (1 if timing == DETERMINISTIC else REPEAT_RACY)


def going_on(directory: Path) -> str:
    """Return the command by which the acceptance in ``directory`` goes on."""
    return shlex.join([PROGRAM, "accept", "--resume", str(directory)])


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for.

    ``select``: paths and patterns; both empty for what the series touches, within ``budget_s`` seconds of
    running, builds apart. ``repeat``: runs of each cell and side, 0 for one of those under a deterministic
    timing and several of the others; ``confirm``: further runs where the sides differ. ``cost_limit``:
    relative rise of an operation's instructions that rejects, None for none. ``command`` is for the report;
    ``argv`` the words behind the program's name, with which an interrupted one goes on (``resume``).
    ``level`` is the one that runs the series: at L1 it is KVM as a guest hypervisor that is judged, and
    neither coverage nor cost is recorded, because the model's trace is of L0's code. On a console model, too,
    neither is, and without ``select`` the cells of the default run are those that it can run. ``base_anew``:
    the base's cells run even where an earlier acceptance has run them.
    """

    source: str
    base: str = bases.CONFIGURATION
    select: tuple[Sequence[Path], Sequence[str]] = ((), ())
    overrides: Overrides = NO_OVERRIDES
    patches: str = which_steps.ALL
    version: int | None = None
    repeat: int = 0
    confirm: int = CONFIRM
    coverage: bool = True
    suggest: bool = False
    jobs: int | None = None
    out: Path | None = None
    command: str = ""
    budget_s: float = BUDGET_S
    cost_limit: float | None = cost_limit.LIMIT
    level: Level = Level.L0
    resume: bool = False
    argv: tuple[str, ...] = ()
    base_anew: bool = False

    @property
    def chooses(self) -> bool:
        """Whether nvh chooses the cells: by what L0 executes, so for a series that L0 runs."""
        return not any(self.select) and self.level is Level.L0 and not self.by_console

    @property
    def watches(self) -> bool:
        """Whether coverage and cost are recorded, both of which are L0's."""
        return self.coverage and self.level is Level.L0 and not self.by_console

    @property
    def by_console(self) -> bool:
        """Whether cells run on a console model, whose L0 nothing watches."""
        return is_console(self.overrides.model or "")


@dataclass(frozen=True, slots=True)
class BegunAs:
    """What an acceptance began as: ``argv`` behind the program's name, said in ``cwd``, on ``series``."""

    argv: tuple[str, ...]
    cwd: str
    series: str


def digest(patches: Iterable[bytes]) -> str:
    """Return what tells two series apart."""
    whole = hashlib.sha256()
    for patch in patches:
        whole.update(hashlib.sha256(patch).digest())
    return whole.hexdigest()


def note(directory: Path, begun: BegunAs) -> None:
    """Write ``directory/request.json``."""
    data = {"argv": list(begun.argv), "cwd": begun.cwd, "series": begun.series}
    write_atomic(directory / FILE, json.dumps(data, indent=1) + "\n")


def begun(directory: Path) -> BegunAs:
    """Return what the acceptance in ``directory`` began as; ``UserError`` where none did."""
    try:
        data = json.loads((directory / FILE).read_text(encoding="utf-8"))
        return BegunAs(tuple(map(str, data["argv"])), str(data["cwd"]), str(data["series"]))
    except OSError as error:
        raise UserError(
            f"{directory} holds no acceptance that began ({FILE}: {error.strerror}); name the directory that "
            "`nvh accept` printed"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InfraError(f"{directory / FILE} is damaged: {error}; begin anew") from error


def check_series(directory: Path, patches: Iterable[bytes]) -> None:
    """Raise ``UserError`` when the series is another than the one that the acceptance began with."""
    if digest(patches) != begun(directory).series:
        raise UserError(
            f"the series is not the one that the acceptance in {directory} began with: what ran there is of "
            "other kernels; begin anew"
        )
