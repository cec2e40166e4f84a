# SPDX-License-Identifier: GPL-2.0-only
"""Each rule finds something in its bad file, nothing in its good twin, and no other rule in either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.litmus.population import PROGRAMS
from harness.scenario.lint import lint, lint_paths
from harness.scenario.rules import COUNTING, SHAPE, counts
from harness.scenario.ruleset import Advice, RuleSet
from harness.scenario.scenario import Scenario
from tests.scenario.names import HERE, VOCABULARY

CORPUS = HERE / "lint"

FINDINGS = {
    "NVH001": ["2:1: no claim: add 'claims' with what this scenario checks"],
    "NVH002": [
        "9:9: l1 is never booted, so this can never be exercised",
        "10:5: l2 is never booted, so this can never be exercised",
        "15:11: l1 is never booted, so this can never be exercised",
    ],
    "NVH003": [
        "10:10: the matrix parameter 'n' is used nowhere",
        "10:21: the matrix parameter 'op' is used nowhere",
    ],
    "NVH004": ["8:11: the mark 'point' is in no scope"],
    "NVH005": ["3:10: the summary is not one line of at most 100 characters"],
    "NVH006": [
        "7:5: nothing waits for the background run 'a'",
        "11:5: the result of 'b' is checked, but nothing waits for its end",
    ],
    "NVH007": ["10:5: the absence 'none' has neither 'given' nor 'scope'"],
    "NVH008": ["2:11: the file is not named another-name.yaml"],
    "NVH009": ["7:5: l0 is up already", "8:5: l1 is up already"],
    "NVH010": ["6:5: timeout 11 s, but the scenario's is 11 s"],
    "NVH011": [
        "11:11: $a stands only here and so says nothing",
        "15:9: $x stands only here and so says nothing",
    ],
    "NVH012": ["4:9: only outputs are expected: nothing looks at what is claimed, or counts it"],
    "NVH013": [
        "11:5: 'ends' holds however the run ends",
        "14:5: 'says-nothing': '^$' matches every output",
        "17:5: 'says-something': '(nested)?' matches every output",
    ],
    "NVH014": [
        "11:5: judged is known exactly: leave judged: '>= 5' to the table",
        "11:5: passed is known exactly: leave passed: '> 0' to the table",
    ],
    "NVH015": [
        "20:5: 'answered': one l0.shadow_unmap may answer many l0.tlbi",
        "24:5: 'caused': one l0.tlbi may answer many l0.shadow_unmap",
    ],
}


def found(path: Path) -> list[str]:
    return [str(finding).removeprefix(f"{path}:") for finding in lint(path, VOCABULARY)]


def test_every_rule_is_tested_and_explained() -> None:
    assert list(SHAPE.help()) == sorted(FINDINGS)
    assert {path.stem for path in CORPUS.glob("*.yaml")} == {
        f"{rule_id.lower()}-{kind}" for rule_id in FINDINGS for kind in ("good", "bad")
    }
    for text in SHAPE.help().values():
        summary, blank, *reason = text.split("\n")
        assert summary.endswith(".")
        assert not blank
        assert reason


@pytest.mark.parametrize("rule_id", FINDINGS)
def test_rule(rule_id: str) -> None:
    bad = CORPUS / f"{rule_id.lower()}-bad.yaml"
    assert found(bad) == [line.replace(": ", f": {rule_id} ", 1) for line in FINDINGS[rule_id]]
    assert found(CORPUS / f"{rule_id.lower()}-good.yaml") == []


def test_the_programs_that_count_are_those_whose_populations_are_read() -> None:
    assert set(COUNTING) == set(PROGRAMS)
    assert [
        counts(text) for text in ("exec /bin/nvh-kvm", "nvh-kvmtool", "my-nvh-kvm", "x && nvh-litmus")
    ] == [
        True,
        False,
        False,
        True,
    ]


def test_many_files_in_order() -> None:
    findings = lint_paths([CORPUS], VOCABULARY)
    assert findings == sorted(findings)
    assert {finding.rule for finding in findings} == set(FINDINGS)


def test_a_file_that_does_not_load_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="duplicate key"):
        lint(HERE / "bad" / "duplicate-keys.yaml", VOCABULARY)
    with pytest.raises(InputError, match="a directory without scenarios"):
        lint_paths([HERE / "bad" / "everything-at-once.yaml", tmp_path], VOCABULARY)


def test_an_id_is_given_once_and_needs_help() -> None:
    own = RuleSet()

    @own.rule("NVH999")
    def nothing(_: Scenario) -> Iterator[Advice]:
        """Help."""
        return iter(())

    with pytest.raises(ValueError, match="NVH999"):
        own.rule("NVH999")(nothing)
    with pytest.raises(ValueError, match="NVH998"):
        own.rule("NVH998")(lambda _: iter(()))
    assert own.help() == {"NVH999": "Help."}
