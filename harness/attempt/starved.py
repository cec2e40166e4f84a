# SPDX-License-Identifier: GPL-2.0-only
"""What may not be said of what is under test, because the host lacked something: CPU time, or disk. Pure.

Between two vCPUs that run in parallel the host's scheduler decides: a control is lost, or a TLBI comes late,
although nothing under test did anything wrong. A deterministic model has one order, however busy the host is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness.check.finding import Finding, RunResult
from harness.litmus.population import STATUS_LOST, populations
from harness.machine.process import CpuTime
from harness.scenario.language import Expectation, ResultCheck
from harness.verdict import Verdict

SHARE = 0.75
"""Part of the CPU time that QEMU wanted, below which its vCPUs surely stood still while others went on."""


def why(work: CpuTime, *, deterministic: bool) -> str:
    """Return why vCPUs may have stood still while QEMU had ``work``; empty where none has.

    Of vCPUs with threads some always may: what empties a TLB between two looks is then the host's choice.
    """
    if deterministic or not work.wanted:
        return ""
    told = host(work)
    return f"{told or 'vCPUs ran in parallel'}, so that vCPUs may have stood still while others went on"


def host(work: CpuTime) -> str:
    """Return how the host kept QEMU, which had ``work``, from its pace; empty where it did not."""
    if not work.wanted or work.got >= SHARE * work.wanted:
        return ""
    return (
        f"the host gave QEMU {work.got / work.wanted:.0%} of the CPU time that it wanted (run the cell on a "
        "quiet host, or fewer at a time)"
    )


def in_doubt(
    found: Iterable[Finding],
    expectations: Sequence[Expectation],
    results: Mapping[str, RunResult],
    starved: str,
) -> list[Finding]:
    """Return the findings, undecided where a ``result`` failed at nothing but lost controls."""
    if not starved:
        return list(found)
    lost = {
        each.name
        for each in expectations
        if isinstance(each, ResultCheck) and only_lost(results.get(each.run, RunResult(None)))
    }
    return [
        replace(each, verdict=Verdict.UNDECIDED, message=f"{each.message}; {starved}")
        if each.verdict is Verdict.FAIL and each.kind == "result" and each.name in lost
        else each
        for each in found
    ]


def of_files(found: Iterable[Finding], full: str) -> list[Finding]:
    """Return the findings of a cell whose disk was ``full``, undecided where they failed.

    What was to be seen may not have been written. A splat was.
    """
    return [
        replace(each, verdict=Verdict.UNDECIDED, message=f"{each.message}; {full}")
        if each.verdict is Verdict.FAIL and each.kind != "console"
        else each
        for each in found
    ]


def only_lost(result: RunResult) -> bool:
    """Whether a run of nvh-litmus got to its end, no case failed, and some lost their control each time."""
    try:
        seen = populations(result.stdout)
    except ValueError:
        return False
    clean = all(not each.failed and not each.cut and each.run == each.selected for each in seen)
    short = sum(each.vacuous for each in seen)
    judged = all(each.judged + each.vacuous + each.not_applicable == each.run for each in seen)
    return result.status == STATUS_LOST and bool(seen) and clean and judged and short > 0
