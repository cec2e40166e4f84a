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
"""Every kind of report on software, and what it says."""
MODEL = "model-"
MODEL_FINDINGS = {
    "model-stale": "the model used a translation that a completed invalidation had taken",
    "model-output": "the model used a translation that neither its tables nor any TLB entry give",
    "model-permission": "the model allowed an access that the tables forbid",
    "model-fault": "the model reported a fault otherwise than the tables require",
    "model-undue-fault": "the model took a fault for an access that the tables allow",
    "model-trap": "the model executed, trapped or rejected a TLBI otherwise than its controls require",
    "model-return": "the model returned from an exception otherwise than its registers require",
    "model-at": "the model's address translation instruction gave another result than the tables",
    "model-level": "the model told another Exception level than HCR_EL2 requires",
    "model-flags": "the model did not write a flag that it manages",
    "model-vncr": "the model accessed another page than that of VNCR_EL2",
}
"""Every kind of report on the model itself, with ``--sanitize model``."""


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
    def of_model(self) -> bool:
        """Whether the model is accused, and not the software that it runs."""
        return self.finding.startswith(MODEL)

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
        """The VMID of the entry, or the one for which the operation was; 0 for what is about neither."""
        about = self.data.get("entry") or (self.data.get("tlbi", {}) if self.of_model else self.data["tlbi"])
        return int(about.get("vmid", 0))


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
            if report.finding not in FINDINGS | MODEL_FINDINGS:
                raise ValueError(f"finding {report.finding!r}")
            if report.of_model:
                _ = data["must"], data["did"], data["rule"]
            _ = report.vmid, report.program  # a report without them is malformed
        except (ValueError, KeyError, TypeError) as error:
            raise InfraError(f"{path}:{number}: no report of the sanitizer: {error!r}") from error
        yield report
