# SPDX-License-Identifier: GPL-2.0-only
"""The architectural checks that a scenario names with ``oracle``: a module and a row of ``ORACLES`` each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.check.oracle import (
    barrier_discipline,
    break_before_make,
    every_context,
    forwarded,
    inner_shareable,
    shadow_subset,
    vmid_loaded,
)
from harness.check.oracle.oracle import Oracle
from harness.scenario.language import Expectation, OracleCheck

ORACLES: Mapping[str, Oracle] = {
    "barrier-discipline": Oracle(
        barrier_discipline.judge, barrier_discipline.EVENTS, tuple(barrier_discipline.OPTIONS)
    ),
    "break-before-make": Oracle(
        break_before_make.verdict, (), tuple(break_before_make.OPTIONS), sanitized=True
    ),
    "inner-shareable": Oracle(inner_shareable.judge, inner_shareable.EVENTS, spans=True),
    "vmid-loaded": Oracle(vmid_loaded.judge, vmid_loaded.EVENTS, spans=True),
    "every-context": Oracle(
        every_context.judge, every_context.EVENTS, tuple(every_context.OPTIONS), spans=True
    ),
    "shadow-subset": Oracle(shadow_subset.verdict, (), stopped=True),
    "forwarded": Oracle(forwarded.judge, forwarded.EVENTS, spans=True),
}
"""Every oracle by the name that a scenario uses."""


def named(expectations: Iterable[Expectation]) -> Iterator[Oracle]:
    """The oracles that expectations name."""
    return (ORACLES[each.oracle] for each in expectations if isinstance(each, OracleCheck))


__all__ = ["ORACLES", "Oracle", "named"]
