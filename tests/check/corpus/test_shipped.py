"""Every shipped scenario against its recordings, and what mutations of them its expectations notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.check.corpus import recording
from harness.check.corpus.recording import on_events
from harness.check.corpus.rules import CORPUS, verdicts
from harness.host.paths import SCENARIOS
from harness.runner.project import vocabulary
from harness.scenario.language import Absence, Precedence, Response, Sequence, Universality
from harness.scenario.load import scenario_files
from harness.scenario.scenario import NO_OVERRIDES, Scenario, load
from harness.verdict import Verdict

VOCABULARY = vocabulary()
FILES = scenario_files([SCENARIOS], [])


def scenarios() -> list[Scenario]:
    loaded = [load(path, VOCABULARY, NO_OVERRIDES) for path in FILES]
    return [each for each in loaded if any(on_events(cell) for cell in each.cells)]


SHIPPED = scenarios()


@pytest.mark.parametrize("scenario", SHIPPED, ids=lambda each: each.name)
def test_recordings(scenario: Scenario) -> None:
    assert [str(finding) for finding in CORPUS.findings(scenario)] == []
    files = recording.files(Path(scenario.root.where.path), scenario.name)
    assert any(recording.read(file).good for file in files)


@pytest.mark.parametrize("scenario", SHIPPED, ids=lambda each: each.name)
def test_what_a_pattern_asks_for_cannot_be_taken_away_unnoticed(scenario: Scenario) -> None:
    """Stricter than NVH024: for relations of two events every mutation has to be noticed."""
    cells = {cell.id: cell for cell in scenario.cells}
    for file in recording.files(Path(scenario.root.where.path), scenario.name):
        each = recording.read(file)
        for expectation in on_events(cells[each.cell]) if each.good else ():
            outcomes = verdicts(expectation, each)
            assert outcomes
            assert Verdict.FAIL in outcomes.values()
            if isinstance(expectation, Absence | Precedence | Response | Sequence | Universality):
                unnoticed = [what for what, verdict in outcomes.items() if verdict is Verdict.PASS]
                assert not unnoticed, (expectation.name, unnoticed)


def test_no_recording_is_without_its_scenario() -> None:
    directories = {path.parent for path in FILES}
    kept = {
        file
        for scenario in SHIPPED
        for file in recording.files(Path(scenario.root.where.path), scenario.name)
    }
    assert kept == {file for each in directories for file in (each / recording.DIRECTORY).glob("*")}
