# SPDX-License-Identifier: GPL-2.0-only
"""What watches a hunt's machine: the TLB sanitizer (docs/sanitizer.md), and which of KVM's functions run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.attempt import sanitize
from harness.check.sanitizer.code_places import Places
from harness.check.sanitizer.counters import read_state
from harness.check.sanitizer.report_lines import lines
from harness.check.sanitizer.reports import read_reports
from harness.check.sanitizer.to_finding import COUNTERS, REPORTS
from harness.errors import InfraError
from harness.level import Level
from harness.scenario.language import StackSpec
from harness.stack.images import StackImages
from harness.trace.executed import counts, kvm_functions, symbols

SYSTEM_CALLS = 4096
ENTRIES_MAX = 1 << 18
"""Of VMs that are gone nobody invalidates entries; so many, of some 400 bytes, are enough for one machine."""


class Reach:
    """Which of KVM's functions L0 executed: the plugin nvh-coverage, which reports while the machine runs."""

    def __init__(self, images: StackImages, directory: Path) -> None:
        if images.plugins is None:
            raise InfraError("there are no plugins for the model")
        table = symbols.load(images.kernels[Level.L0].path / "System.map")
        self.functions = kvm_functions.functions(table)
        self.plugin = counts.watch(images.plugins, table.start, table.end)
        self._file = directory / counts.FILE
        self._known: set[str] = set()

    def new(self) -> frozenset[str]:
        """The functions that were not reached before the last call."""
        found = kvm_functions.reached(self.functions, counts.read(self._file), self._known)
        self._known |= found
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """A report about program ``index`` of a batch: its ``key``, and all of it as ``text``."""

    index: int
    key: str
    text: str


class Watch:
    """One machine's sanitizer, whose QEMU runs in ``directory`` with ``plugin``."""

    settle = f"dd if=/dev/zero of=/dev/null bs=1 count={SYSTEM_CALLS} 2>/dev/null"
    """Run at L0 behind programs: the sanitizer reports some things only after entries to a lower EL."""

    def __init__(self, images: StackImages, spec: StackSpec, directory: Path) -> None:
        self.plugin = sanitize.plugin(images, spec, images.model.deterministic(spec.timing))
        self._places = Places(sanitize.maps(images))
        self._directory = directory
        self._programs = 0
        self._reports = 0
        self.worn = False
        """Whether the machine is better begun anew."""

    def look(self, programs: int | None) -> tuple[BatchReport, ...]:
        """The reports since the last look, when ``programs`` have begun since then; None: nobody knows.

        A late report, about a program before those, counts for the first of them. ``InfraError`` where
        the sanitizer is in doubt, or saw another number of programs begin.
        """
        state = read_state(self._directory / COUNTERS)
        reports = read_reports(self._directory / REPORTS)[self._reports :]
        first, self._programs = self._programs, state.programs
        self._reports += len(reports)
        self.worn = state.fills - state.invalidated > ENTRIES_MAX
        doubts = state.doubts() or ([] if state.uses else ["nothing was checked"])
        if doubts:
            raise InfraError(f"the sanitizer is in doubt: {'; '.join(doubts)}")
        if programs not in (None, state.programs - first):
            begun = state.programs - first
            raise InfraError(f"the sanitizer saw {begun} programs begin, nvh-litmus {programs}")
        return tuple(
            BatchReport(
                max(0, report.program - first - 1), report.key, "\n".join(lines(report, self._places))
            )
            for report in reports
        )
