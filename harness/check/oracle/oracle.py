# SPDX-License-Identifier: GPL-2.0-only
"""What an oracle is to the language: its judge, its events, its options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.check.finding import Finding, Observations
from harness.scenario.language import OracleCheck


@dataclass(frozen=True, slots=True)
class Oracle:
    """One check.

    ``judge``      decides; its findings are of ``OracleCheck`` (``harness.check.finding.judge`` makes them)
    ``events``     names of the events that it needs; they are traced whenever a scenario names the oracle
    ``options``    names of the options that it takes
    ``spans``      whether it looks at spans
    ``stopped``    whether it wants looks into the stopped machine
    ``sanitized``  whether it wants the TLB sanitizer, which is on whenever a scenario names the oracle
    """

    judge: Callable[[OracleCheck, Observations], Finding]
    events: tuple[str, ...]
    options: tuple[str, ...] = ()
    spans: bool = False
    stopped: bool = False
    sanitized: bool = False

    def __call__(self, check: OracleCheck, seen: Observations) -> Finding:
        """Judge what was seen."""
        return self.judge(check, seen)
