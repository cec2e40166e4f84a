# SPDX-License-Identifier: GPL-2.0-only
"""A report as lines that a person reads: what, the entry's history, and the operations that came close."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.arch.syndrome import explain
from harness.check.sanitizer.code_places import Places
from harness.check.sanitizer.reports import FINDINGS, MODEL_FINDINGS, SanitizerReport


def lines(report: SanitizerReport, places: Places) -> Iterator[str]:
    """Yield the report line by line."""
    data = report.data
    hcr = int(data["hcr"], 16) if "hcr" in data else None
    if report.of_model:
        yield from _of_model(report, places, hcr)
        return
    yield f"{report.key}: {FINDINGS[report.finding]}"
    if "entry" in data:
        yield from _entry(data, places, hcr)
    yield f"  used on PE {data['pe']}{_at(data)} by {_place(data['use'], places, hcr)}{_program(report)}"
    if "tlbi" in data:
        yield f"  operation {_tlbi(data['tlbi'], places)}"
    for near in data["near"]:
        how = "nearest of all that ran since then" if near.get("far") else "came close"
        yield f"  {how}: {_tlbi(near, places)}: {near['why']}"
    if "entry" in data and not data["near"]:
        yield "  no operation was executed since then"


def headline(report: SanitizerReport) -> str:
    """A report on the model in one line: what had to be, by which rule, and what the model did."""
    data = report.data
    required = (
        f" (ESR {data['esr_must']}: {explain(int(data['esr_must'], 16))})" if "esr_must" in data else ""
    )
    seen = f" (ESR {data['esr_did']}: {explain(int(data['esr_did'], 16))})" if "esr_did" in data else ""
    where = f", VA {data['va']}" if int(data["va"], 16) else ""
    return f"{data['must']}{required} [{data['rule']}]; the model {data['did']}{seen}{where}"


def _of_model(report: SanitizerReport, places: Places, hcr: int | None) -> Iterator[str]:
    data = report.data
    word = f", instruction {data['word']}" if "word" in data else ""
    yield f"{report.key}: {headline(report)}"
    yield f"  {MODEL_FINDINGS[report.finding]}"
    yield f"  on PE {data['pe']} by {_place(data['use'], places, hcr)}{word}{_program(report)}"
    if "entry" in data:
        yield from _held(data["entry"], places, hcr)
    if "now" in data:
        yield f"  the tables say: {_walk(data['now'])}"
    if "tlbi" in data:
        yield f"  operation {_tlbi(data['tlbi'], places)}"
    for near in data["near"]:
        yield f"  or {_tlbi(near, places)}: {near['why']}"


def _program(report: SanitizerReport) -> str:
    return f", in program {report.program} of nvh-litmus" if report.program else ""


def _entry(data: Mapping[str, Any], places: Places, hcr: int | None) -> Iterator[str]:
    yield from _held(data["entry"], places, hcr)
    yield f"  the tables now say: {_walk(data['now'])}"


def _walk(now: Mapping[str, Any]) -> str:
    second = f", stage 2 {now['descriptor2']} at {now['where2']}" if "where2" in now else ""
    return (
        f"{now['outcome']}, PA {now['out']} {now['perms']}, descriptor {now['descriptor']} at {now['where']}"
        + second
    )


def _held(entry: Mapping[str, Any], places: Places, hcr: int | None) -> Iterator[str]:
    what = "IPA" if entry["kind"] == "stage2" else "VA"
    tags = [f"{entry['regime']}"]
    if entry["regime"] == "el1&0":
        tags.append(f"VMID {entry['vmid']}")
    if entry["kind"] == "combined":
        tags.append("global" if entry["global"] else f"ASID {entry['asid']}")
    yield (
        f"  entry {entry['kind']} {', '.join(tags)}: {what} {entry['page']} -> PA {entry['out']} "
        f"{entry['perms']}, leaf of level {entry['level']} at {entry['start']} size {entry['size']}"
    )
    filled = entry["filled"]
    yield f"  filled at {filled['seq']} by {_place(filled, places, hcr)}{_descriptors(entry)}"


def _descriptors(entry: Mapping[str, Any]) -> str:
    stages = [
        f"stage {stage} {entry[f'descriptor{stage}']} at {entry[f'where{stage}']}"
        for stage in (1, 2)
        if f"where{stage}" in entry
    ]
    return f" ({', '.join(stages)})" if stages else ""


def _at(data: Mapping[str, Any]) -> str:
    return f" at VA {data['va']}" if "entry" in data else ""


def _place(event: Mapping[str, Any], places: Places, hcr: int | None) -> str:
    return f"{places.describe(int(event['pc'], 16), int(event['el']), hcr)}"


def _tlbi(tlbi: Mapping[str, Any], places: Places) -> str:
    scope = "" if tlbi["scope"] in str(tlbi["op"]) else f" ({tlbi['scope']})"
    return (
        f"{tlbi['seq']}: {tlbi['op']}{scope} {tlbi['xt']} on PE {tlbi['pe']} with VMID {tlbi['vmid']} by "
        f"{places.describe(int(tlbi['pc'], 16), int(tlbi['el']), None)}"
    )
