# SPDX-License-Identifier: GPL-2.0-only
"""Packed events are the events themselves: the same in every way that checks and exports look at them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.check.evaluate import evaluate
from harness.check.match import match
from harness.check.oracle import ORACLES
from harness.check.window import WHOLE, candidates
from harness.scenario.language import (
    Absence,
    Existence,
    Expectation,
    Limit,
    OracleCheck,
    Precedence,
    Response,
    Scope,
    Sequence,
    Universality,
)
from harness.trace import column, export, span
from harness.trace import packed as packed_module
from harness.trace.model import add_to_timeline, span_table
from harness.trace.model import recording_plan as model_plan
from harness.trace.model.add_to_timeline import ModelTrace, add_model
from harness.trace.model.layout import UnitKind
from harness.trace.packed import Merged, Packed
from harness.trace.source import Source
from harness.trace.span import PackedSpans
from harness.trace.timeline import Realised, Timeline
from harness.verdict import Verdict
from tests.check.build import HERE, pattern
from tests.trace.model_file import GUEST, HOST, NESTED, PC, ModelFile
from tests.trace.test_model import EVERYTHING, emulated, tied, timeline

SCOPE = Scope()
EXPECTATIONS: tuple[Expectation, ...] = (
    Existence(HERE, "some", pattern("model.tlbi", el=2, op="vae1is"), SCOPE, ">= 1"),
    Existence(HERE, "first-binds", pattern("model.tlbi", va="$a", el=1), SCOPE, "3"),
    Existence(HERE, "too-many", pattern("model.isb"), SCOPE, "1"),
    Absence(HERE, "none", pattern("model.dsb", domain="osh"), SCOPE, None),
    Absence(HERE, "there", pattern("model.dsb", domain="ish", el=2), SCOPE, None),
    Universality(HERE, "all", pattern("model.dsb"), pattern("model.dsb", domain="ish"), SCOPE),
    Universality(HERE, "not-all", pattern("model.eret"), pattern("model.eret", to_el=1), SCOPE),
    Response(HERE, "then", pattern("model.tlbi", el=2), pattern("model.dsb", domain="ish"), SCOPE),
    Response(
        HERE, "bound", pattern("model.tlbi", el=1, va="$a"), pattern("model.tlbi", el=2, va="$a"), SCOPE
    ),
    Response(HERE, "by-head", pattern("model.tlbi", vmid="$v"), pattern("model.eret", vmid="$v"), SCOPE),
    Precedence(HERE, "other-hcr", pattern("model.eret", hcr="$h"), pattern("model.dsb", hcr="$h"), SCOPE),
    Universality(
        HERE, "late", pattern("model.dsb"), pattern("model.dsb", el=2), Scope(after=pattern("model.isb"))
    ),
    Absence(HERE, "early", pattern("model.tlbi", el=2), Scope(before=pattern("model.tlbi", el=1)), None),
    Existence(
        HERE, "between", pattern("model.isb"), Scope(pattern("model.tlbi"), pattern("model.eret")), "0"
    ),
    Response(
        HERE, "soon", pattern("model.tlbi", el=1), pattern("model.eret"), SCOPE, Limit(us=None, events=2)
    ),
    Response(
        HERE, "same-span", pattern("model.tlbi", el=1), pattern("model.isb", span="same"), SCOPE, Limit()
    ),
    Precedence(HERE, "after", pattern("model.isb", el=2), pattern("model.dsb", el=2), SCOPE),
    Sequence(
        HERE,
        "in-order",
        (
            pattern("model.tlbi", el=1, trapped="yes"),
            pattern("model.tlbi", el=2, span="same"),
            pattern("model.dsb", span="same"),
            pattern("model.eret", span="same"),
        ),
        SCOPE,
    ),
    *(OracleCheck(HERE, name, name, SCOPE) for name, oracle in ORACLES.items() if not oracle.stopped),
)


def trace(seed: int) -> ModelFile:
    """Emulated operations on two vCPUs among records that mean nothing."""
    dice = random.Random(seed)
    file = ModelFile()
    for _ in range(40):
        vcpu = dice.randrange(2)
        kind = dice.randrange(6)
        if kind < 2:
            emulated(file, vcpu=vcpu, pc=PC + 0x40 * dice.randrange(4))
        elif kind == 2:
            file.add(
                UnitKind.DSB, dice.randrange(3), dice.choice((0b0111, 0b1010, 0b1011, 0b1111)), vcpu=vcpu
            )
        elif kind == 3:
            hcr = dice.choice((HOST, GUEST, NESTED))
            file.tlbi(
                dice.choice((0, 4)), 3, 1, dice.getrandbits(44), el=dice.randrange(1, 3), vcpu=vcpu, hcr=hcr
            )
        elif kind == 4:
            file.eret(PC, vcpu=vcpu, to_el=dice.randrange(3), hcr=dice.choice((HOST, NESTED)))
        else:
            file.call("handle_tlbi_el1", *range(9), vcpu=vcpu)
    return file


def both(monkeypatch: pytest.MonkeyPatch, place: Path, seed: int) -> tuple[Timeline, Timeline]:
    """The same trace as objects and packed."""
    found = ModelTrace(trace(seed).write(place / "model.trace"), model_plan.make(EVERYTHING, (), ()))
    base = Timeline(realised={name: Realised("probes") for name in ("l0.tlbi", "l0.shadow_unmap")})
    plain = add_model(base, (), found)
    monkeypatch.setattr(add_to_timeline, "OBJECTS", 0)
    packed = add_model(base, (), found)
    assert isinstance(plain.events, tuple)
    assert isinstance(packed.events, Merged)
    return plain, packed


@pytest.mark.parametrize("seed", range(8))
def test_packed_events_are_judged_like_objects(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int
) -> None:
    plain, packed = both(monkeypatch, tmp_path, seed)
    expected, found = (evaluate(EXPECTATIONS, each, {}, {}) for each in (plain, packed))
    assert [(f.name, f.verdict, f.message) for f in found] == [
        (f.name, f.verdict, f.message) for f in expected
    ]
    assert {Verdict.PASS, Verdict.FAIL} <= {finding.verdict for finding in expected}


def test_packed_events_are_the_events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain, packed = both(monkeypatch, tmp_path, 1)
    assert tuple(packed.events) == plain.events
    assert [packed.events[at] for at in range(len(plain.events))] == list(plain.events)
    assert packed.events[-3:] == plain.events[-3:]
    with pytest.raises(IndexError):
        packed.events[len(plain.events)]
    assert {name: tuple(group) for name, group in packed.by_name.items()} == plain.by_name
    assert tuple(packed.by_source[Source.MODEL]) == plain.by_source[Source.MODEL]
    assert [(s.op, s.open, tuple(s.events)) for s in packed.spans] == [
        (s.op, s.open, s.events) for s in plain.spans
    ]
    for event in plain.events:
        mine, theirs = packed.span_of(event), plain.span_of(event)
        assert (mine and mine.id) == (theirs and theirs.id)
        assert packed.around(event) == plain.around(event)
    assert list(export.write(packed)) == list(export.write(plain))


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("model.tlbi", {"op": "vae1is", "el": 2}),
        ("model.tlbi", {"va": "> 0x100000"}),
        ("model.tlbi", {"trapped": "!= yes", "vmid": 1}),
        ("model.tlbi", {"regime": "el1&0"}),
        ("model.exception", {"ec": 24, "from_el": 1}),
        ("model.dsb", {"access": "all", "domain": "sy|ish"}),
        ("model.eret", {"to_el": "< 2", "hcr": HOST}),
        ("model.call", {"function": "handle_tlbi_el1", "x3": 3}),
    ],
)
def test_heads_leave_out_nothing_that_matches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, event: str, fields: dict[str, int | str]
) -> None:
    plain, packed = both(monkeypatch, tmp_path, 3)
    wanted = pattern(event, **fields)
    found = candidates(packed, wanted, WHOLE)
    assert isinstance(found, Packed)
    here = [e for e in found if match(wanted, e, {})[0] is not False]
    assert here == [e for e in plain.by_name.get(event, ()) if match(wanted, e, {})[0] is not False]
    assert here
    assert len(found) < len(packed.by_name[event]) or len(here) == len(found) or fields.keys() & {"va", "x3"}


def test_packed_events_merge_with_those_of_kernels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = ModelFile()
    kernels, records, _ = tied(file)
    plain = timeline(file, tmp_path, records, kernels)
    monkeypatch.setattr(add_to_timeline, "OBJECTS", 0)
    packed = timeline(file, tmp_path, records, kernels)
    assert isinstance(packed.events, Merged)
    assert {event.source for event in packed.events} == {Source.MODEL, Source.L0, Source.L1}
    assert tuple(packed.events) == plain.events
    assert [packed.events[at] for at in range(len(packed.events))] == list(plain.events)
    assert [tuple(span.events) for span in packed.spans] == [span.events for span in plain.spans]


@pytest.mark.parametrize("seed", range(4))
def test_columns_on_disk_change_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int) -> None:
    monkeypatch.setattr(column, "SMALL_BYTES", 64)
    monkeypatch.setattr(column, "STRETCH", 16)
    monkeypatch.setattr(packed_module, "STRETCH", 8)
    monkeypatch.setattr(span_table, "AT_ONCE", 3)
    monkeypatch.setattr(span, "BLOCK", 2)
    plain, packed = both(monkeypatch, tmp_path, seed)
    assert [(s.id, s.op, s.open, s.events) for s in packed.spans] == [
        (s.id, s.op, s.open, s.events) for s in plain.spans
    ]
    assert packed.spans[1:3] == tuple(plain.spans[1:3])
    assert packed.spans[-1] == plain.spans[-1]
    expected, found = (evaluate(EXPECTATIONS, each, {}, {}) for each in (plain, packed))
    assert [(f.name, f.verdict, f.message) for f in found] == [
        (f.name, f.verdict, f.message) for f in expected
    ]
    for event in plain.events:
        mine, theirs = packed.span_of(event), plain.span_of(event)
        assert (mine and mine.id) == (theirs and theirs.id)


def test_spans_of_some_events_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain, packed = both(monkeypatch, tmp_path, 2)
    assert isinstance(packed.spans, PackedSpans)
    few = packed.spans.only(lambda name, _: name in ("model.tlbi", "model.dsb"))
    assert [each.events for each in few] == [
        tuple(e for e in each.events if e.name in ("model.tlbi", "model.dsb")) for each in plain.spans
    ]
    assert any(len(each.events) > 1 for each in few)
