# SPDX-License-Identifier: GPL-2.0-only
"""Damaged traces: cut, garbled, out of order, of another version, empty. Never a pass, never a foreign error.

For each recorded trace and expectation, the text as it came from the level, and the JSON Lines, are damaged
at random. Where the verdict is still a pass, what it rests on must still be there as it was.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping

import pytest

from harness.check.corpus import recording
from harness.check.evaluate import evaluate
from harness.check.finding import Finding
from harness.check.scope import resolve
from harness.errors import InputError, NvhError
from harness.level import Level
from harness.scenario.language import (
    Absence,
    Existence,
    Expectation,
    Precedence,
    Response,
    Scope,
    Sequence,
    Universality,
)
from harness.scenario.patterns import own_patterns
from harness.trace import export
from harness.trace.clock import ClockRelation
from harness.trace.event import Event, Value
from harness.trace.from_raw import RawTrace, build_timeline
from harness.trace.timeline import Timeline
from harness.verdict import Verdict
from tests.check.build import ANYWHERE, HERE, pattern
from tests.check.test_recorded import CAUSED, EMULATED, FAULT, IPAS2, REMAP, VMALLS12
from tests.trace.recorded import DATA, L1_CLOCK, raw

ROUNDS = 150
JUNK = ["\0", "\x7f", "~", "^", "%", "é", "\ufffd", "\ud800", "\x1b[31m", "#", "{", "=", ": ", "\n", "\r"]
UNMAP, TLBI = "l0.shadow_unmap", "l0.tlbi"

LEFT_ALONE = Absence(HERE, "alone", pattern(UNMAP, reason="notifier"), REMAP, pattern(TLBI))
NONE_AT_ALL = Absence(HERE, "none", pattern(UNMAP, reason="tlbi"), REMAP)
ALL_BY_TLBI = Universality(HERE, "all", pattern(UNMAP), pattern(UNMAP, reason="tlbi"), REMAP)
STEPS = Sequence(HERE, "steps", (pattern(TLBI, op="ipas2e1is", vmid="$v"), pattern(UNMAP, vmid="$v")), REMAP)
NEXT = Absence(
    HERE, "next", pattern(UNMAP, reason="recycle"), Scope(pattern(TLBI), pattern(TLBI), until=True)
)
SEEN = Existence(HERE, "seen", pattern(TLBI, op="ipas2e1is"), ANYWHERE)
ONCE = Existence(HERE, "once", pattern(TLBI, op="ipas2e1is"), REMAP, "== 1")

CASES: list[tuple[str, Expectation]] = [
    ("good_ipas2_series", IPAS2),
    ("good_ipas2_series", CAUSED),
    ("good_ipas2_series", LEFT_ALONE),
    ("good_ipas2_series", ALL_BY_TLBI),
    ("good_ipas2_series", STEPS),
    ("good_ipas2_series", NEXT),
    ("good_ipas2_series", SEEN),
    ("good_ipas2_series", ONCE),
    ("good_vmalls12_probes", VMALLS12),
    ("good_two_levels", EMULATED),
    ("good_raw", FAULT),
    ("bad_ipas2_series", IPAS2),
    ("bad_vmalls12_probes", VMALLS12),
    ("bad_two_levels", EMULATED),
    ("good_ipas2_series", NONE_AT_ALL),
]
IDS = [f"{name}-{each.name}" for name, each in CASES]

Traces = Mapping[Level, RawTrace]
Facts = list[tuple[str, tuple[tuple[str, Value], ...]]]


def traces(name: str) -> Traces:
    return {level: raw(name, level) for level in Level if (DATA / f"{name}.{level}").exists()}


def timeline(given: Traces) -> Timeline:
    clocks: dict[Level, ClockRelation] = {Level.L1: L1_CLOCK} if Level.L1 in given else {}
    return build_timeline(given, clocks)


def judge(expectation: Expectation, seen: Timeline) -> Finding:
    (finding,) = evaluate([expectation], seen, {}, {})
    return finding


def facts(expectation: Expectation, events: Iterable[Event]) -> Facts:
    """The events with those of their fields that the expectation looks at."""
    fields = {"start", "size"} | {name for each in own_patterns(expectation) for name in each.fields}
    return [(e.name, tuple(sorted((k, v) for k, v in e.fields.items() if k in fields))) for e in events]


def in_scope(expectation: Expectation, seen: Timeline) -> Facts:
    """The events in scope that the expectation is about, in order."""
    region = resolve(seen, expectation.scope)  # type: ignore[attr-defined]
    names = {each.event for each in own_patterns(expectation)}
    return facts(expectation, (e for e in seen.events if e.name in names and region.contains(e)))


def rests_on_what_was(expectation: Expectation, finding: Finding, seen: Timeline, before: Facts) -> bool:
    """Whether a pass rests on the events that there were."""
    if isinstance(expectation, Existence) and expectation.count == ">= 1":
        assert finding.trigger is not None
        event = seen.event_at(finding.trigger.source, finding.trigger.seq)
        return event is not None and facts(expectation, [event])[0] in before
    after = in_scope(expectation, seen)
    if isinstance(expectation, Response | Precedence | Sequence):  # no trigger is gone, and nothing is new
        trigger = own_patterns(expectation)[0].event
        kept = [[each for each in some if each[0] == trigger] for some in (before, after)]
        return kept[0] == kept[1] and all(each in before for each in after)
    return after == before


def cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


def beheaded(text: str, rng: random.Random) -> str:
    return text[rng.randrange(1, len(text)) :]


def holed(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + text[at + rng.randrange(1, 400) :]


def garbled(text: str, rng: random.Random) -> str:
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(JUNK) + text[at + rng.randrange(1, 6) :]
    return text


def stuffed(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + "".join(rng.choices(JUNK, k=rng.randrange(1, 30))) + text[at:]


def lines_moved(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return "".join(lines)


def line_lost(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    return "".join(lines)


def line_twice(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    return "".join([*lines[: at + 1], *lines[at:]])


def empty(_: str, __: random.Random) -> str:
    return ""


DAMAGES: list[Callable[[str, random.Random], str]] = [
    cut, beheaded, holed, garbled, stuffed, lines_moved, line_lost, line_twice, empty,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
@pytest.mark.parametrize(("name", "expectation"), CASES, ids=IDS)
def test_trace_text(name: str, expectation: Expectation, damage: Callable[[str, random.Random], str]) -> None:
    rng = random.Random(f"{name}{expectation.name}{damage.__name__}")
    whole = traces(name)
    intact = timeline(whole)
    passes = judge(expectation, intact).verdict is Verdict.PASS
    assert passes is (name.startswith("good") and expectation is not NONE_AT_ALL)
    before = in_scope(expectation, intact)
    for _ in range(ROUNDS // 5):
        level = rng.choice(list(whole))
        setup, collected = whole[level].setup, whole[level].collected
        if rng.random() < 0.2:
            setup = damage(setup, rng)
        else:
            collected = damage(collected, rng)
        seen = timeline({**whole, level: RawTrace(setup, collected)})
        finding = judge(expectation, seen)
        if finding.verdict is Verdict.PASS:
            assert passes, collected
            assert rests_on_what_was(expectation, finding, seen, before), (collected, setup)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", ["good_ipas2_series", "good_two_levels"])
def test_json_lines(name: str, damage: Callable[[str, random.Random], str]) -> None:
    """Any damage at all is noticed: the last line vouches for the others."""
    rng = random.Random(f"{name}{damage.__name__}")
    text = "".join(f"{line}\n" for line in export.write(timeline(traces(name))))
    intact = export.read(text.splitlines(keepends=True))
    for _ in range(ROUNDS):
        broken = damage(text, rng)
        try:
            # As a file is read: lines end in newlines only.
            found = export.read([f"{line}\n" for line in broken.removesuffix("\n").split("\n")])
        except InputError:
            continue
        assert found == intact, broken


def test_other_versions_are_clear_errors() -> None:
    lines = list(export.write(timeline(traces("good_raw"))))
    for broken, said in (
        ([], "empty"),
        ([""], "timeline.jsonl:1:1: not JSON; expected a line of a timeline"),
        (lines[1:], "not a timeline of version 3"),
        (
            [lines[0].replace('"nvh-timeline":3', '"nvh-timeline":2'), *lines[1:]],
            "not a timeline of version 3",
        ),
        (lines[:-1], "cut short: it has no last line"),
        ([*lines, lines[-2]], "a line after the last one"),
        ([*lines[:-2], lines[-1]], "not as it was written"),
        (list(export.sealed(['{"nvh-timeline":3}'])), "heading: KeyError: 'clocks'"),
        (list(export.sealed(['{"nvh-timeline":3,"clocks":[],"realised":{},"missing":{}}'])), "heading: "),
        (["[" * 100_000], "RecursionError"),
    ):
        with pytest.raises(InputError, match=said):
            export.read(broken)


def test_bytes_that_are_no_text_are_a_clear_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "small.jsonl"
    text = "".join(f"{line}\n" for line in export.write(timeline(traces("good_raw"))))
    path.write_bytes(text.encode()[:200] + b"\xff\xfe" + text.encode()[200:])
    with path.open(encoding="utf-8") as stream, pytest.raises(InputError, match="not UTF-8"):
        export.read(stream, str(path))
    with pytest.raises(InputError, match="cannot be read"):
        recording.read(path)
    path.write_bytes(text.encode())
    with pytest.raises(InputError, match="no note on the recording"):
        recording.read(path)


def test_nothing_at_all_is_undecided() -> None:
    for name, expectation in CASES:
        nothing = {level: RawTrace("", "") for level in traces(name)}
        assert judge(expectation, timeline(nothing)).verdict is Verdict.UNDECIDED
        assert judge(expectation, timeline({})).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("seed", range(3))
def test_noise_raises_nothing(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        noise = "".join(
            rng.choices([*JUNK, "nvh-section ", "trace\n", "stats 0\n", "9" * 30, "a=1 ", "[000] "], k=60)
        )
        seen = timeline({Level.L0: RawTrace(noise, noise), Level.L1: RawTrace(noise[::-1], noise[::-1])})
        for _, expectation in CASES:
            assert judge(expectation, seen).verdict is Verdict.UNDECIDED
        with pytest.raises(NvhError):
            export.read(noise.splitlines())
