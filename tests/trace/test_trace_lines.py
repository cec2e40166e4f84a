# SPDX-License-Identifier: GPL-2.0-only
"""The trace text: lines, odd task names, field styles, and lines that are none."""

from __future__ import annotations

import pytest

from harness.trace.trace_lines import (
    BadLine,
    EventCount,
    LostLine,
    Overwritten,
    TraceRecord,
    fields_of,
    parse,
)


def one(line: str) -> TraceRecord:
    (item,) = parse([line])
    assert isinstance(item, TraceRecord), item
    return item


@pytest.mark.parametrize(
    ("line", "comm", "pid", "cpu", "event"),
    [
        ("            bash-42      [003] d..1.   12.000001: kvm_entry: PC: 0x10", "bash", 42, 3, "kvm_entry"),
        ("   <...>-418     [000] .....   1.5: x: a=1", "<...>", 418, 0, "x"),
        ("   my [task]-7 x-33  [001] .....   1.5: x: a=1", "my [task]-7 x", 33, 1, "x"),
        ("   kworker/u5:1-ev-12   [001] d..1.   1.5: x: a=1", "kworker/u5:1-ev", 12, 1, "x"),
        ("          <idle>-0       [012] dNh3.  1.5: x:", "<idle>", 0, 12, "x"),
        ("   old-9  [001]   1.5: x: a=1", "old", 9, 1, "x"),
        ("   tg-9  (    123) [001] .....  1.5: x: a=1", "tg", 9, 1, "x"),
        (
            "   sh-9 [001] ..... 1.5: tracing_mark_write: sh-8 [000] ..... 9.9: y: z",
            "sh",
            9,
            1,
            "tracing_mark_write",
        ),
    ],
)
def test_task_and_event(line: str, comm: str, pid: int, cpu: int, event: str) -> None:
    record = one(line)
    assert (record.comm, record.pid, record.cpu, record.event) == (comm, pid, cpu, event)


def test_time_is_nanoseconds() -> None:
    assert one("  a-1 [000] ..... 12.000001: x: ").time_ns == 12_000_001_000
    assert one("  a-1 [000] ..... 12.5: x: ").time_ns == 12_500_000_000


def test_other_lines() -> None:
    text = [
        "# tracer: nop",
        "#",
        "# entries-in-buffer/entries-written: 10/25   #P:2",
        "##### CPU 1 buffer started ####",
        "",
        "CPU:1 [LOST 12 EVENTS]",
        "CPU:0 [LOST EVENTS]",
        "  a-1 [000] ..... 1.5: x: a=1",
        "CPU:0 [LOST 3 EVENTS]",
    ]
    items = list(parse(text, first=10))
    assert items[:4] == [EventCount(10), Overwritten(15), LostLine(0, 15, 1, 12), LostLine(0, 16, 0, None)]
    assert isinstance(items[4], TraceRecord)
    assert items[5:] == [LostLine(1, 18, 0, 3)]


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        "  a-1 [000] ..... 1.5",
        "  a-1 [000] ..... : x: a=1",
        "  a [000] ..... 1.5: x: a=1",
        "#!shebang",
        "CPU:1 [LOST many EVENTS]",
        "  a-1 [000] ..... 1.5: x y",
    ],
)
def test_what_is_not_understood_is_kept(line: str) -> None:
    assert list(parse([line], first=7)) == [BadLine(0, 7, line)]


@pytest.mark.parametrize(
    ("event", "text", "fields"),
    [
        ("x", "a=1 b=0x1f c=-3 d=word", {"a": 1, "b": 31, "c": -3, "d": "word"}),
        ("x", "PC: 0x10, who: me", {"PC": 16, "who": "me"}),
        ("x", "ipa 0x9000000, hsr 0x92000046", {"ipa": 0x9000000, "hsr": 0x92000046}),
        ("x", "IRQ: HSR_EC: 0x0000 (WFx), PC: 0x1", {"HSR_EC": 0, "PC": 1}),
        ("x", '(f+0x0/0x10) vmid=3 name="a b"', {"at": "f+0x0/0x10", "vmid": 3, "name": "a b"}),
        ("x", "(g+0x4/0x10 <- f)", {"at": "g+0x4/0x10 <- f"}),
        ("x", "a=1 a=2", {"a": 1}),
        ("x", "", {}),
        ("kvm_access_fault", "IPA: 80000", {"IPA": 0x80000}),
        ("kvm_nested_eret", "elr_el2: 0x8 spsr_el2: 0x1 (M: EL1h) hcr_el2: 48", None),
    ],
)
def test_fields(event: str, text: str, fields: dict[str, object] | None) -> None:
    got = fields_of(event, text)
    if fields is None:
        assert got["hcr_el2"] == 0x48
        assert got["elr_el2"] == 8
    else:
        assert got == fields
