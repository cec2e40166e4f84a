"""Splats: a sample of every kind, near misses, and the console expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.check.console import find_splats, splat_findings, splat_kinds
from harness.check.evaluate import evaluate
from harness.errors import Location
from harness.level import Level
from harness.scenario.model import ConsoleCheck
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

SAMPLES = Path(__file__).with_name("splats")
HERE = Location("s.yaml", 9, 3)
KINDS = sorted((kind.name for kind in splat_kinds()), key=len, reverse=True)


def kind_of(path: Path) -> str:
    return next(kind for kind in KINDS if path.stem == kind or path.stem.startswith(f"{kind}-"))


@pytest.mark.parametrize("path", sorted(set(SAMPLES.glob("*.txt")) - {SAMPLES / "near_misses.txt"}), ids=str)
def test_samples(path: Path) -> None:
    for text in (path.read_text(), path.read_text().replace("\n", "\r\n")):
        (splat,) = find_splats(text)
        assert splat.kind == kind_of(path)
        assert text.splitlines()[splat.line - 1] == splat.excerpt[0]
        (finding,) = splat_findings({Level.L1: text})
        assert (finding.verdict, finding.name, finding.where.line) == (
            Verdict.FAIL,
            "no-splat-l1",
            splat.line,
        )
        assert splat.excerpt[0] in finding.message


def test_every_kind_has_a_sample() -> None:
    assert {kind_of(path) for path in SAMPLES.glob("*.txt") if path.stem != "near_misses"} == set(KINDS)


def test_near_misses() -> None:
    text = (SAMPLES / "near_misses.txt").read_text()
    assert find_splats(text) == []
    findings = splat_findings({Level.L1: "", Level.L0: text})
    assert [(f.name, f.verdict) for f in findings] == [
        ("no-splat-l0", Verdict.PASS),
        ("no-splat-l1", Verdict.PASS),
    ]


def test_several_splats_are_counted() -> None:
    text = "".join((SAMPLES / f"{name}.txt").read_text() for name in ("oops", "panic"))
    (finding,) = splat_findings({Level.L2: text})
    assert "2 splat lines (oops, panic)" in finding.message


@pytest.mark.parametrize(
    ("matches", "negated", "verdict"),
    [
        ("mode initialized", False, Verdict.PASS),
        ("^absent$", False, Verdict.FAIL),
        ("mode initialized", True, Verdict.FAIL),
        ("^absent$", True, Verdict.PASS),
    ],
)
def test_console_expectation(matches: str, negated: bool, verdict: Verdict) -> None:
    console = "first\n[ 1.0] kvm [1]: VHE+NV2 mode initialized successfully\nlast\n"
    expectation = ConsoleCheck(HERE, "c", Level.L0, matches, negated)
    (finding,) = evaluate([expectation], Timeline(), {}, {Level.L0: console})
    assert (finding.verdict, finding.kind, finding.where) == (verdict, "console", HERE)
    if "mode" in matches:
        assert "line 2" in finding.message
    (finding,) = evaluate([expectation], Timeline(), {}, {Level.L1: console})
    assert finding.verdict is Verdict.UNDECIDED
