# SPDX-License-Identifier: GPL-2.0-only
"""Runs that differ only in addresses are the same; any other difference is found where it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import pytest

from harness.errors import UserError
from harness.level import Level
from harness.trace.canonical import Renamer, canonical
from harness.trace.divergence import compare, report
from harness.trace.event import Event, Value
from harness.trace.select import moment, select
from harness.trace.source import Source
from harness.trace.timeline import Loss, Timeline
from tests.trace import made

RUN = dataclasses.replace(made.timeline(3, 4), losses=())


def changed(timeline: Timeline, change: Callable[[Event], Event]) -> Timeline:
    return dataclasses.replace(timeline, events=tuple(map(change, timeline.events)), spans=())


def moved(event: Event) -> Event:
    """The event as another run would have it: elsewhere, under other numbers, at another time."""

    def value(key: str, old: Value) -> Value:
        if not isinstance(old, int):
            return old
        if key == "vmid":
            return old + 5
        if key == "vttbr":
            return old + (5 << 48) + 0x7000
        if key in ("pc", "elr"):
            return old + 0x40_0000
        if key in ("ipa", "start"):
            return old + 0x1000_0000
        return old + 0x1_0000 if key == "operand" else old

    task = event.task.replace("-41", "-977")
    fields = {key: value(key, old) for key, old in event.fields.items()}
    return dataclasses.replace(event, task=task, fields=fields, time_ns=event.time_ns * 2)


def test_a_run_is_the_same_elsewhere() -> None:
    found = compare(RUN, changed(RUN, moved))
    assert found.same
    assert found.unsure == ()
    assert found.compared == {s: len(RUN.by_source[s]) for s in (Source.MODEL, Source.L0, Source.L1)}


def swap(name: str, number: int, fields: Mapping[str, Value]) -> Timeline:
    wanted = [e for e in RUN.events if e.name == name][number]
    return changed(RUN, lambda e: dataclasses.replace(e, fields={**e.fields, **fields}) if e is wanted else e)


@pytest.mark.parametrize(
    ("name", "number", "fields", "source"),
    [
        ("model.dsb", 1, {"domain": "nsh"}, Source.MODEL),
        ("model.tlbi", 3, {"vmid": 3}, Source.MODEL),  # another's VMID, known under another name
        ("l0.shadow_unmap", 2, {"size": 0x2000}, Source.L0),
        ("l0.shadow_unmap", 2, {"start": 0x4F123_0000}, Source.L0),  # the first operation's page again
        ("l0.shadow_unmap", 2, {"start": 0x4F123_2040}, Source.L0),  # another offset in the page
        ("l1.tlbi", 0, {"op": "vae1"}, Source.L1),
    ],
)
def test_other_differences_are_found(
    name: str, number: int, fields: dict[str, Value], source: Source
) -> None:
    other = changed(swap(name, number, fields), moved)
    found = compare(RUN, other, context=2)
    (divergence,) = found.divergences
    assert divergence.source is source
    event = [e for e in RUN.events if e.name == name][number]
    stream = RUN.by_source[source]
    assert stream[divergence.at] is event
    assert divergence.left[0][1] is event
    assert len(divergence.same) == min(2, divergence.at)
    assert divergence.left[0][0] != divergence.right[0][0]
    lines = list(report(found, ("A", "B")))
    assert any(line.startswith("--") and name in line for line in lines)
    assert any("in B: " in line for line in lines)


def test_a_run_that_ends_early_differs() -> None:
    short = dataclasses.replace(RUN, events=RUN.events[:-2], spans=())
    found = compare(RUN, short)
    assert not found.same
    assert all(d.right == () and d.left for d in found.divergences)
    assert "+ B ends here" in list(report(found, ("A", "B")))


def test_order_of_first_appearance_decides_not_the_value() -> None:
    texts = list(canonical(e for e in RUN.events if e.name == "l0.shadow_unmap"))
    assert [t.split("start=")[1].split()[0] for t in texts] == ["page1", "page2", "page3"]
    assert len({t.split("vttbr=")[1].split()[0] for t in texts}) == 1


def test_a_base_register_names_vmid_and_table_apart() -> None:
    renamer = Renamer()
    first = renamer.base(0x0003_0000_4A1F_0000, "vmid")
    assert renamer.base(0x0004_0000_4A1F_0000, "vmid") == first.replace("vmid0", "vmid1")
    assert renamer.base(0x0003_0000_4A1F_0001, "vmid") == first  # bit 0 is CnP


def test_the_page_of_a_stage_2_fault_is_the_page_that_other_fields_name() -> None:
    renamer = Renamer()
    page = renamer.address(0x4F123_2000)
    abort = dataclasses.replace(RUN.events[0], fields={"hpfar": 0x4F123_2000 >> 8})
    assert f"hpfar={page}" in renamer.event(abort)


def test_lost_events_make_sameness_unsure() -> None:
    lossy = dataclasses.replace(RUN, losses=(Loss(Source.L0, 3, 5, 2, "overrun"),))
    found = compare(RUN, lossy)
    assert found.same
    assert found.unsure == ("B: l0 lost 2 events: overrun",)


def test_select_by_level_and_name() -> None:
    part = select(RUN, levels=[Level.L1])
    assert {e.name for e in part.events} == {"l1.tlbi", "model.tlbi"}
    assert {m.source for m in part.marks} == {Source.L1}
    assert {e.name for e in select(RUN, names=["*.tlbi"]).events} == {"l0.tlbi", "l1.tlbi", "model.tlbi"}
    with pytest.raises(UserError, match=r"did you mean 'l0\.tlbi'"):
        select(RUN, names=["l0.tlb"])


def test_select_around_an_event_and_a_time() -> None:
    event = [e for e in RUN.events if e.name == "l0.tlbi"][1]
    part = select(RUN, around=event, count=2)
    seqs = {s: [e.seq for e in part.by_source[s]] for s in part.by_source}
    assert seqs[Source.L0] == list(range(event.seq - 2, event.seq + 3))
    assert len(seqs[Source.MODEL]) == 4
    assert {m.source for m in part.marks} == {Source.L1}  # whose trace is shown from its start
    timed = select(RUN, around=event.time_ns, count=2)
    assert [e.seq for e in timed.by_source[Source.L0]] == list(range(event.seq - 2, event.seq + 2))
    whole = select(RUN, around=event, count=1000)
    assert (whole.events, whole.marks) == (RUN.events, RUN.marks)


def test_moments_have_names() -> None:
    event = RUN.events[3]
    named = {"trigger": event}
    assert moment("18.0001", RUN, named) == 18_000_100_000
    assert moment("18", RUN, named) == 18 * 10**9
    assert moment("remap.end", RUN, named) == 18_000_300_000
    assert moment("trigger", RUN, named) is event
    with pytest.raises(UserError, match=r"did you mean 'remap\.end'"):
        moment("remap.ends", RUN, named)
