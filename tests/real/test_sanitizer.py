# SPDX-License-Identifier: GPL-2.0-only
"""The sanitizer's proof on the bare models: each rule broken on purpose is reported as that, no other is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.artefacts.bare_suites import SANITIZER, build_sanitizer_suite
from harness.artefacts.model import build_model, load_model
from harness.artefacts.plugin import plugins_for
from harness.check.finding import Observations
from harness.check.oracle import ORACLES
from harness.check.sanitizer.to_breaks import breaks_in
from harness.errors import Location
from harness.host.cache import Store
from harness.host.paths import ROOT
from harness.level import Level
from harness.mutants.sanitizer_suite import SuiteOutcome, run, table
from harness.scenario.language import OracleCheck, Scope
from harness.verdict import Verdict

MODELS = ("qemu", "qemu-10.0")
PAGE = ROOT / "docs" / "sanitizer.md"


def suite(name: str, timing: str, place: Path, leave_out: int = 0) -> SuiteOutcome:
    """Run it once."""
    store = Store()
    model = build_model(load_model(name), store, lambda _: None)
    program = build_sanitizer_suite(store, lambda _: None).path / SANITIZER
    plugins = plugins_for(model, store, lambda _: None)
    return run(model, plugins, program, timing, place, leave_out)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where each model's suite leaves its reports and counters."""
    return {name: tmp_path_factory.mktemp(name) for name in MODELS}


@pytest.fixture(scope="session")
def outcomes(places: dict[str, Path]) -> dict[str, SuiteOutcome]:
    """The suite on both models, in the deterministic timing."""
    return {name: suite(name, "icount", place) for name, place in places.items()}


@pytest.mark.parametrize("name", MODELS)
def test_every_case_is_reported_as_exactly_that(outcomes: dict[str, SuiteOutcome], name: str) -> None:
    outcome = outcomes[name]
    assert [(c.name, c.expected, c.found) for c in outcome.cases if not c.right] == []
    assert not outcome.stray
    assert outcome.state.doubts() == []
    assert sum(not case.breaks for case in outcome.cases) >= 30
    assert sum(bool(case.breaks) for case in outcome.cases) >= 50
    # What a right program's victim sees afterwards is not the old page, whatever the model's own TLB.
    assert [c.name for c in outcome.cases if not c.breaks and c.seen == "old" and c.name not in STAYS] == []


STAYS = {"s2-widen-none", "s2-access-flag-none"}
"""Right programs whose victim may read the old page."""


RUNS_WITH_THREADS = 10
"""Each run interleaves the two PEs anew: PEs that waited with WFE stood still in one run of seventeen."""


@pytest.mark.parametrize("name", MODELS)
def test_with_threads_too(name: str, tmp_path: Path) -> None:
    for time in range(RUNS_WITH_THREADS):
        place = tmp_path / str(time)
        place.mkdir()
        outcome = suite(name, "mttcg", place)
        assert [(c.name, c.expected, c.found) for c in outcome.cases if not c.right] == []
        assert not outcome.stray


def test_dropped_operations_are_noticed(outcomes: dict[str, SuiteOutcome], tmp_path: Path) -> None:
    """The self-test: with every operation for EL1&0 dropped, right programs that need one are reported."""
    outcome = suite("qemu", "icount", tmp_path, leave_out=1)
    assert outcome.state.left_out + outcome.state.tlbis == outcomes["qemu"].state.tlbis
    quiet = [case.name for case in outcome.cases if not case.breaks and not case.found]
    assert quiet == ["s2-widen-none", "s2-access-flag-none", "el2-va", "el2-all", "el2-big-endian", "vncr"]


def test_dropping_every_third_is_noticed(tmp_path: Path) -> None:
    outcome = suite("qemu", "icount", tmp_path, leave_out=3)
    assert 0 < outcome.state.left_out < outcome.state.tlbis
    assert any(case.found for case in outcome.cases if not case.breaks)


@pytest.mark.parametrize("name", MODELS)
def test_the_oracle_fails_on_each_level(
    outcomes: dict[str, SuiteOutcome], places: dict[str, Path], name: str
) -> None:
    """break-before-make has teeth: what the suite breaks is told of the level that keeps the tables."""
    assert outcomes[name].cases
    breaks = breaks_in(places[name], {})
    assert breaks.doubts == ()
    assert min(breaks.broken.values()) > 0, "the right cases of a level are not compared any more"
    direct = [each for each in breaks.unbroken if each.text.startswith("no-break")]
    assert sorted({each.keeper for each in direct}) == list(Level)
    for level in Level:
        own = [each for each in direct if each.keeper is level]
        check = OracleCheck(Location("s.yaml"), "o", "break-before-make", Scope(), {"level": str(level)})
        bad = dataclasses.replace(breaks, unbroken=tuple(own))
        finding = ORACLES["break-before-make"](check, Observations(breaks=bad))
        assert finding.verdict is Verdict.FAIL
        assert finding.message.endswith(own[0].text)
        others = tuple(each for each in direct if each.keeper is not level)
        kept = ORACLES["break-before-make"](
            check, Observations(breaks=dataclasses.replace(breaks, unbroken=others))
        )
        assert kept.verdict is Verdict.PASS


def test_the_table_in_the_documentation(outcomes: dict[str, SuiteOutcome]) -> None:
    assert "\n".join(table(outcomes)) in PAGE.read_text(), (
        "python -m harness.mutants.sanitizer_suite prints it anew"
    )
