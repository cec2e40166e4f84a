# SPDX-License-Identifier: GPL-2.0-only
"""The sanitizer's reports: lines of JSON that images/payloads/sanitizer/report.c writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import InfraError

FINDINGS = {
    "remapped": "a translation was changed without an invalidation that covers it, and used",
    "unmapped": "a translation was removed without an invalidation that covers it, and used",
    "narrowed": "permissions were taken away without an invalidation that covers it, and it was used",
    "vmid-reused": "a VMID got other tables without an invalidation, and an old translation was used",
    "asid-reused": "an ASID got other tables without an invalidation, and an old translation was used",
    "no-break": "a valid translation was replaced by another one without a break before it was invalidated",
    "not-completed": "a lower EL was entered while an invalidation had no DSB (nvh's policy; the architecture"
    " allows a later one)",
}
"""Every kind of report, and what it says."""


@dataclass(frozen=True, slots=True)
class SanitizerReport:
    """One report. ``data`` is the line as it was written; numbers in hexadecimal are text there."""

    finding: str
    data: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """``combined`` or ``stage2``; empty for a report that is about no entry."""
        return str(self.data["entry"]["kind"]) if "entry" in self.data else ""

    @property
    def key(self) -> str:
        """Finding and kind of entry, ``remapped:stage2``."""
        return f"{self.finding}:{self.kind}" if self.kind else self.finding

    @property
    def program(self) -> int:
        """How many programs a guest had begun at that use, by its marks (docs/sanitizer.md)."""
        return int(self.data["program"])

    @property
    def vmid(self) -> int:
        """The VMID of the entry, or the one for which the operation was."""
        return int((self.data.get("entry") or self.data["tlbi"])["vmid"])


def read_reports(path: Path) -> tuple[SanitizerReport, ...]:
    """Read every report; ``InfraError`` for a line that is none."""
    try:
        return tuple(_parse(path))
    except OSError as error:
        raise InfraError(f"the sanitizer's reports cannot be read: {error}") from error


def _parse(path: Path) -> Iterator[SanitizerReport]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            data = json.loads(line)
            report = SanitizerReport(data["finding"], data)
            if report.finding not in FINDINGS:
                raise ValueError(f"finding {report.finding!r}")
            _ = report.vmid, report.program  # a report without them is malformed
        except (ValueError, KeyError, TypeError) as error:
            raise InfraError(f"{path}:{number}: no report of the sanitizer: {error!r}") from error
        yield report
