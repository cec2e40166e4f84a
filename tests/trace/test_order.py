# SPDX-License-Identifier: GPL-2.0-only
"""Order between the model and the levels, spans, and what the JSON Lines keep of both."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import InputError
from harness.level import Level
from harness.trace import export
from harness.trace.clock import ClockRelation
from harness.trace.event import Event
from harness.trace.order import Anchor, Bounds, Clock
from harness.trace.source import Source, source_of
from harness.trace.span import Span
from harness.trace.timeline import Doubt, Loss, Timeline, TraceMark


def model(seq: int, name: str = "model.tlbi", level: Level = Level.L0) -> Event:
    return Event(name, level, seq, 0, 0, "", {"op": "vae1is"})


def l0(seq: int, time_ns: int = 0) -> Event:
    return Event("l0.tlbi", Level.L0, seq, time_ns, 0, "qemu-7", {"op": "vae1is"})


def l1(seq: int, time_ns: int = 0) -> Event:
    return Event("l1.tlbi", Level.L1, seq, time_ns, 0, "nvh-7", {"op": "vae1is"})


ANCHORS = (
    Anchor(Source.L1, 0, None, 10),
    Anchor(Source.L0, 3, 20, 24),
    Anchor(Source.L0, 5, 40, 44),
)


def test_a_source_is_the_first_word_of_a_name() -> None:
    assert source_of("model.tlbi") is Source.MODEL
    assert source_of("l0.kvm.kvm_exit") is Source.L0
    assert Source.of(Level.L2) is Source.L2
    assert [source.level for source in Source] == [None, Level.L0, Level.L1, Level.L2]
    with pytest.raises(ValueError, match="l7"):
        source_of("l7.tlbi")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (model(1), model(2), True),
        (model(2), model(1), False),
        (model(20), l0(3), True),  # the call itself comes before the record that it writes
        (model(19), l0(3), True),
        (model(21), l0(3), None),  # between call and commit
        (model(23), l0(3), None),
        (model(24), l0(3), False),
        (l0(3), model(24), True),
        (l0(3), model(20), False),
        (model(20), l0(4), True),  # what bounds a record bounds the later ones of its source
        (model(30), l0(4), None),
        (model(44), l0(4), False),
        (model(40), l0(4), None),
        (model(99), l0(6), None),
        (l0(0), model(24), True),
        (l1(0), model(10), True),
        (l1(0), model(9), None),
        (l1(0), l0(3), True),  # through the model: before 10, and after 20
        (l0(3), l1(0), False),
        (l1(1), l0(3), None),
    ],
)
def test_order_through_what_both_saw(first: Event, second: Event, expected: bool | None) -> None:
    assert Timeline(anchors=ANCHORS).before(first, second) is expected
    opposite = None if expected is None else not expected
    assert Timeline(anchors=ANCHORS).before(second, first) is opposite


def test_without_anchors_there_is_no_order_to_the_model() -> None:
    clocks = {Level.L1: ClockRelation(0, 10)}
    bare = Timeline(clocks=clocks)
    assert bare.before(model(1), l0(1, 10**9)) is None
    assert not bare.orderable(Source.MODEL, Source.L0)
    assert bare.orderable(Source.L0, Source.L1)
    tied = Timeline(clocks=clocks, anchors=ANCHORS)
    assert tied.orderable(Source.MODEL, Source.L1)
    assert not tied.orderable(Source.MODEL, Source.L2)
    assert not tied.orderable(Source.L0, Source.L2)
    assert bare.error_ns(Source.MODEL) is None


def test_clocks_decide_between_levels_where_anchors_do_not() -> None:
    timeline = Timeline(clocks={Level.L1: ClockRelation(0, 10)}, anchors=ANCHORS)
    assert timeline.before(l1(1, 5_000), l0(9, 90_000)) is True
    assert timeline.before(l1(1, 90_000), l0(0, 5_000)) is False


def test_bounds_are_monotonic_even_if_the_anchors_are_not() -> None:
    bounds = Bounds([Anchor(Source.L0, 1, 50, 60), Anchor(Source.L0, 2, 30, 40)])
    assert [bounds.low(seq) for seq in (0, 1, 2)] == [float("-inf"), 50, 50]
    assert [bounds.high(seq) for seq in (0, 1, 2)] == [40, 40, 40]
    assert not Bounds([])


def test_the_model_is_dated_by_what_l0_dated() -> None:
    clock = Clock([(10, 1000), (20, 3000), (30, 2500), (40, 5000)])
    assert clock.when(5) == (1000, 0)
    assert clock.when(10) == (2000, 1000)
    assert clock.when(19) == (2000, 1000)
    assert clock.when(25) == (4000, 1000)  # a time that goes back is not used
    assert clock.when(40) == (5000, 0)
    assert Clock([]).when(7) == (0, 0)
    seqs = list(range(45))
    for each in (clock, Clock([])):
        times, errors = each.many(np.array(seqs))
        assert list(zip(times, errors, strict=True)) == [each.when(seq) for seq in seqs]


def whole() -> Timeline:
    first, second, third = l1(0), model(10), l0(3)
    return Timeline(
        events=(first, second, third),
        marks=(TraceMark("m.begin", Source.MODEL, 2, 0),),
        losses=(Loss(Source.MODEL, 7, None, 3, "the file was full"),),
        doubts=(Doubt(Source.MODEL, None, "cut"),),
        anchors=ANCHORS,
        spans=(Span(0, "tlbi", "vae1is", (first, second, third), "it did not return"),),
        clocks={Level.L1: ClockRelation(1, 2, ("drift",))},
    )


def test_a_span_is_found_by_each_of_its_events() -> None:
    timeline = whole()
    (span,) = timeline.spans
    assert all(timeline.span_of(event) is span for event in timeline.events)
    assert timeline.span_of(model(11)) is None
    assert timeline.span_of(l0(10)) is None


def test_json_lines_keep_everything() -> None:
    timeline = whole()
    lines = list(export.write(timeline))
    back = export.read(lines)
    assert back == timeline
    assert back.span_of(back.events[0]) is back.spans[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"nvh-timeline":3', '"nvh-timeline":1'),
        ('["l0",3]', '["l0",4]'),  # a span names an event that is not there
        ('"source":"model"', '"source":"l9"'),
        ('"name":"l1.tlbi","level":"l1"', '"name":"l1.tlbi","level":"l0"'),
        ('"name":"model.tlbi"', '"name":"modem.tlbi"'),
    ],
)
def test_json_lines_that_make_no_sense_are_refused(old: str, new: str) -> None:
    lines = list(export.write(whole()))
    changed = [line.replace(old, new) for line in lines]
    assert changed != lines
    with pytest.raises(InputError):
        export.read(changed)
