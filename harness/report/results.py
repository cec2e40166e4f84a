# SPDX-License-Identifier: GPL-2.0-only
"""What a cell and a run concluded, as plain immutable data; docs/results.md describes the JSON form.

Every text is bounded (``text.TEXT_LIMIT``, ``LINE_LIMIT``, ``CONTEXT_LIMIT``) when an object is made, those
of findings when their cell's result is, so no renderer needs to defend itself against size. The JSON form and
its files are in ``store``.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.check.finding import EventLine, Finding
from harness.report import safe_text as text
from harness.verdict import Verdict, worst

ROLES = ("console", "trace", "timeline", "command", "manifest", "output", "log")

Scalar = str | int | bool


def _bounded(value: object) -> object:
    if isinstance(value, str):
        return text.clip(value)
    if isinstance(value, list | tuple):
        return tuple([_bounded(v) for v in value])
    if isinstance(value, Finding):
        return _bounded_finding(value)
    if isinstance(value, dict | Mapping):  # dict first: to ask the abstract class takes ten times as long
        return {text.clip(str(k), text.LINE_LIMIT): _bounded(v) for k, v in value.items()}
    return value


class _Bounded:
    """Cuts every text of a frozen dataclass to its documented bound."""

    __slots__: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__slots__:  # with slots=True, the names of the class's fields
            value = getattr(self, name)
            if (bounded := _bounded(value)) is not value:
                object.__setattr__(self, name, bounded)


@dataclass(frozen=True, slots=True)
class ArtefactVersion(_Bounded):
    """Version text and SHA-256 (64 hex digits, or empty where there is no single file) of an artefact."""

    version: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class StageTime(_Bounded):
    """A part of a cell's time: ``start_s`` after the cell's start, ``seconds`` long, both wall clock."""

    name: str
    start_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class MachineTime(_Bounded):
    """When the cell's machine ran: ``start_s`` after the cell's start, ``seconds`` long, wall clock.

    ``waited_s`` of them it stood still until the harness had ended its turn. ``cpus``: host CPUs that it kept
    busy or would have, had they been free. ``memory_mib``: host memory of its own, in MiB.
    """

    start_s: float
    seconds: float
    waited_s: float
    cpus: float
    memory_mib: int


@dataclass(frozen=True, slots=True)
class FileRef(_Bounded):
    """A file in the cell's directory: relative ``path``, ``role`` from ``ROLES``, ``level`` or empty."""

    path: str
    role: str
    level: str = ""


def _bounded_finding(finding: Finding) -> Finding:
    """The finding within the bounds of the JSON form; of its context, the events around the trigger."""

    def line(event: EventLine) -> EventLine:
        return dataclasses.replace(event, text=text.clip(event.text, text.LINE_LIMIT))

    last = len(finding.context) - text.CONTEXT_LIMIT
    start = max(0, min(finding.middle - text.CONTEXT_LIMIT // 2, last))
    return Finding(
        text.clip(finding.name),
        text.clip(finding.kind),
        finding.verdict,
        text.clip(finding.message),
        text.clip(finding.where),
        {text.clip(k, text.LINE_LIMIT): text.clip(v) for k, v in finding.bindings.items()},
        None if finding.trigger is None else line(finding.trigger),
        tuple(map(line, finding.context[start : start + text.CONTEXT_LIMIT])),
        text.clip(finding.expected),
    )


SPLAT = "no-splat-"
"""How the names of the findings about splats begin; the level follows."""
MODEL_CRASH = "model-crash"
RESTORE = "restore"
"""Name of the finding that the model cannot bring a snapshot back."""
MODEL = "model"
"""Name of the sanitizer's finding against the model itself (docs/sanitizer.md)."""
MODEL_CHECK = "model-check"
"""Name of the findings of a model's own check in a night (docs/model-check.md)."""
WRONG_MODEL = "wrong-model"
"""The fact that a cell's model failed its own check that night, and how."""
BOOT, LEVEL = "boot", "level"
"""Kinds of findings: a level did not come up; it died or hung later."""
QUARANTINE = "quarantine"
"""Name and kind of the finding that a known defect did not show."""


def _from_the_cause(finding: Finding) -> int:
    if finding.name.startswith(SPLAT):
        return 0
    if finding.name in (MODEL_CRASH, RESTORE, MODEL, MODEL_CHECK):
        return 1
    return 2 if finding.kind in (BOOT, LEVEL) else 3


@dataclass(frozen=True, slots=True)
class CellResult(_Bounded):
    """Outcome of one cell.

    ``slug`` names its directory under ``cells/``; ``kernels`` and the ``level`` of files use ``l0``, ``l1``,
    ``l2``; ``started`` is ISO 8601 in UTC; ``seconds`` is wall clock, ``guest_seconds`` the model's clock;
    ``quarantine`` says why its verdict does not count (a known defect showed as expected, and nothing else
    was wrong; see docs/verdicts.md), empty when it counts;
    ``command`` alone reproduces the cell; ``facts`` are choices made while running (which probes, say).

    Raises ``ValueError`` when the verdict is better than that of a finding that counts. A vacuous finding is
    the exception: the scenario may allow it.
    """

    id: str
    slug: str
    scenario: str
    summary: str
    model: str
    timing: str
    kernels: Mapping[str, str]
    verdict: Verdict
    started: str
    seconds: float
    command: str
    params: Mapping[str, Scalar] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    quarantine: str = ""
    stages: tuple[StageTime, ...] = ()
    guest_seconds: float | None = None
    machine: MachineTime | None = None
    seed: int | None = None
    files: tuple[FileRef, ...] = ()
    versions: Mapping[str, ArtefactVersion] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super(CellResult, self).__post_init__()
        found = worst(f.verdict for f in self.findings if f.verdict is not Verdict.VACUOUS and not f.expected)
        if found.rank > self.verdict.rank:
            raise ValueError(f"cell {self.id}: verdict {self.verdict.value} hides a finding {found.value}")

    @property
    def is_fine(self) -> bool:
        """Whether it passed, or showed known defects as expected and nothing else was wrong."""
        return self.verdict is Verdict.PASS or bool(self.quarantine)

    @property
    def word(self) -> str:
        """The verdict for people: ``known fail`` where it does not count."""
        return f"known {self.verdict.value}" if self.quarantine else self.verdict.value

    @property
    def leading(self) -> Finding | None:
        """The finding that gives the cell its verdict, the nearest to the cause first; None for a pass.

        A kernel that says what broke comes before a crash of the model, that before a level that does not
        boot or dies, and that before an assertion that could not hold then. None also where the verdict
        is not a finding's (``infra``).
        """
        if self.verdict is Verdict.PASS:
            return None
        found = [f for f in self.findings if f.verdict is self.verdict]
        counted = [f for f in found if not f.expected]
        return min(counted or found, key=_from_the_cause, default=None)

    @property
    def headline(self) -> str:
        """The first thing to know of a cell that did not pass, its cause; empty for a pass."""
        if self.verdict is Verdict.PASS:
            return ""
        if found := self.leading:
            return f"{found.name}: {found.message.partition(chr(10))[0]}"
        return self.reason or "no reason was recorded"

    @property
    def kernel_text(self) -> str:
        """``nv`` when every level runs the same kernel, else ``nv/debian/nv`` from L0 up."""
        names = [self.kernels[level] for level in sorted(self.kernels)]
        return names[0] if len(set(names)) == 1 else "/".join(names)

    def infra(self, reason: str) -> CellResult:
        """Return this cell as one whose result was lost for ``reason``."""
        return dataclasses.replace(self, verdict=Verdict.INFRA, reason=reason, findings=())


@dataclass(frozen=True, slots=True)
class HostMachine(_Bounded):
    """The machine the run used: usable CPUs and physical memory in MiB."""

    cpus: int
    memory_mib: int

    @classmethod
    def here(cls) -> HostMachine:
        """Describe this machine."""
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return cls(len(os.sched_getaffinity(0)), pages // 2**20)


def epoch(started: str) -> float:
    """Return an ISO 8601 time in UTC as seconds since 1970."""
    return datetime.datetime.fromisoformat(started).timestamp()


@dataclass(frozen=True, slots=True)
class RunSummary(_Bounded):
    """Outcome of a run. Counts, the worst verdict and the exit status follow from the cells.

    ``not_applicable``: cells that were asked for and that the machine cannot run, with the reason. They are
    counted apart, as nothing that passed; a run of such cells alone is ``vacuous``.
    """

    id: str
    started: str
    seconds: float
    host: HostMachine
    nvh_version: str
    nvh_commit: str
    command: str = ""
    cells: tuple[CellResult, ...] = ()
    artefacts: Mapping[str, ArtefactVersion] = field(default_factory=dict)
    not_applicable: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of cells of each verdict, best first, zeros included."""
        return {v: sum(cell.verdict is v for cell in self.cells) for v in Verdict}

    @property
    def known(self) -> int:
        """Number of cells whose known defects showed as expected, and nothing else was wrong."""
        return sum(bool(cell.quarantine) for cell in self.cells)

    @property
    def worst(self) -> Verdict:
        """The worst verdict of the cells that count.

        A known defect that shows as its quarantine entry says was checked, and is as good as a pass. A run
        without cells exercised nothing, so it is ``vacuous``.
        """
        counted = [cell.verdict for cell in self.cells if not cell.quarantine]
        return worst(counted) if self.cells else Verdict.VACUOUS

    @property
    def idle_seconds(self) -> float:
        """Wall clock of the run, in seconds, in which no cell's machine ran: the harness's own overhead."""
        busy, until = 0.0, 0.0
        for begun, seconds in sorted(
            (epoch(cell.started) + cell.machine.start_s, cell.machine.seconds)
            for cell in self.cells
            if cell.machine
        ):
            busy += max(0.0, begun + seconds - max(begun, until))
            until = max(until, begun + seconds)
        return round(max(0.0, self.seconds - busy), 3)

    @property
    def exit_status(self) -> int:
        """0 pass; 1 fail; else 3 infra; else 1 vacuous or undecided. (2: errors before a run exists.)"""
        return self.worst.exit_status
