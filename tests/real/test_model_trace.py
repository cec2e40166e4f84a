# SPDX-License-Identifier: GPL-2.0-only
"""The plugin in both real models: its trace is whole, the same each time, and ordered with L0's and L1's."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from harness.report.progress import Progress
from harness.reproduce.replay import replay
from harness.trace import export
from harness.trace.model.chunks import Reader
from harness.trace.source import Source
from tests.real.conftest import Start

SCENARIO = """\
scenario: NAME
summary: What L0 issues for two TLBIs of L1 is seen.
stack:
  model: MODEL
  timing: TIMING
steps:
  - boot: l1
  - run: nvh-tlbi vae2is --operand 0x54321 && nvh-tlbi alle2
    on: l1
    name: work
    mark: work
expect:
  - result: works
    of: work
  - existence: trapped
    of: {event: model.tlbi, el: 1, op: vae2is, operand: 0x54321, trapped: "yes"}
    scope: work
    count: ">= 1"
  - existence: physical
    of: {event: model.tlbi, el: 2, op: vae1is, operand: 0x54321, trapped: "no"}
    scope: work
    count: ">= 1"
  - response: emulated-in-order
    when: {event: l1.tlbi, op: $op}
    then: {event: l0.tlbi, op: $op}
    scope: work
"""
CELLS = {
    "on-11": ("qemu", "icount"),
    "on-10": ("qemu-10.0", "icount"),
    "parallel": ("qemu", "mttcg"),
}


def test_both_models_give_whole_ordered_traces(start: Start, tmp_path: Path) -> None:
    scenarios = {
        name: SCENARIO.replace("NAME", name).replace("MODEL", model).replace("TIMING", timing)
        for name, (model, timing) in CELLS.items()
    }
    run = start(scenarios)
    assert run.finish() == 0, run.log.read_text()
    for name, (_, timing) in CELLS.items():
        cell = run.place(name)
        reader = Reader(cell / "model.trace")
        assert reader.header.api == (4 if name == "on-10" else 7)
        assert bool(reader.header.keys) == (timing == "icount")
        assert reader.header.lost == 0
        assert "unknown layout" not in (cell / "qemu.log").read_text()
        assert not any(chunk.faults for chunk in reader.chunks())
        with (cell / "timeline.jsonl").open() as stream:
            seen = export.read(stream)
        assert [mark.name for mark in seen.marks if mark.source is Source.MODEL] == ["work.begin", "work.end"]
        announced = seen.by_name["l1.tlbi"]
        assert [event.fields["op"] for event in announced] == ["vae2is", "alle2"]
        for event, physical in zip(announced, ("vae1is", "vmalle1is"), strict=True):
            span = seen.span_of(event)
            assert span is not None
            assert span.op == event.fields["op"]
            assert not span.open
            names = [each.name for each in span.events]
            assert names[:3] == ["l1.tlbi", "model.tlbi", "model.exception"]
            assert names[-1] == "model.eret"
            assert "l0.tlbi" in names
            issued = [
                each.fields["op"]
                for each in span.events
                if each.fields.get("el") == 2 and "op" in each.fields
            ]
            assert issued == [physical]
            assert all(seen.before(event, each) for each in span.events[1:])
    cell = run.place("on-11")
    with Progress(Console(file=sys.stderr)) as progress:
        again = replay(cell, progress, tmp_path / "again")
    assert again.different == ()
    assert {"model.trace", "timeline.jsonl"} <= set(again.same)
