# SPDX-License-Identifier: GPL-2.0-only
"""Every YAML block of docs/language.md loads, draws no advice, and the tables say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.lint import all_rules
from harness.document import yaml_reader
from harness.level import Level
from harness.scenario import defaults, schema
from harness.scenario.expectations import PATTERN_KEYS
from harness.scenario.lint import lint
from harness.scenario.load import load_file
from harness.scenario.vocabulary import Vocabulary, claims
from harness.trace.vocabulary import known_events, known_values
from tests.scenario.names import HERE, VOCABULARY

PAGE = HERE.parent.parent / "docs" / "language.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
(PYTHON,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

# The page speaks of the events that there really are.
REAL = Vocabulary(
    known_events(),
    VOCABULARY.kernels,
    VOCABULARY.models,
    VOCABULARY.rootfs,
    values={event: {"op": known_values(event, "op") or ()} for event in known_events()},
)


def test_there_are_blocks() -> None:
    assert len(BLOCKS) == TEXT.count("```yaml") == 7


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split()[1])
def test_block_loads_without_advice(block: str, tmp_path: Path) -> None:
    (tmp_path / "overlap.py").write_text(PYTHON, encoding="utf-8")
    file = tmp_path / f"{block.split()[1]}.yaml"
    file.write_text(block, encoding="utf-8")
    assert load_file(file, REAL)
    assert [str(finding) for finding in lint(file, REAL)] == []


def test_matrix_example(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if block.startswith("scenario: sizes\n"))
    file = tmp_path / "sizes.yaml"
    file.write_text(block, encoding="utf-8")
    assert [cell.id for cell in load_file(file, REAL)] == [
        "sizes[level=3,cpus=1]",
        "sizes[level=3,cpus=2]",
        "sizes[level=2,cpus=2]",
        "sizes[level=1,cpus=4]",
    ]


def test_tables_agree_with_the_code() -> None:
    document = schema.document()
    for key in document["properties"]:
        assert f"| `{key}` |" in TEXT
    for kind in PATTERN_KEYS:
        assert f"| `{kind}`: " in TEXT
    for verb, seconds in defaults.STEP_TIMEOUTS.items():
        rows = [line for line in TEXT.split("\n") if line.startswith(f"| `{verb}: ")]
        assert rows
        assert all(row.endswith(f"| {seconds:g} |") for row in rows)
    for level in Level:
        spec = defaults.LEVELS[level]
        size = f"{spec.memory_mib}M" if spec.memory_mib % 1024 else f"{spec.memory_mib // 1024}G"
        assert f"| `{level}` | `{spec.kernel}` | `{spec.rootfs}` | {spec.cpus} | {size} | |" in TEXT
    assert f"`timeout` | deadline of a cell in seconds | {defaults.SCENARIO_TIMEOUT:g} |" in TEXT
    assert f"at most {yaml_reader.MAX_BYTES // 1024} KiB" in TEXT
    assert f"nested at most {yaml_reader.MAX_DEPTH} levels deep" in " ".join(TEXT.split())
    for claim in claims():
        assert f"`{claim}`" in TEXT or claim in {f"nv-tlbi-v8.{number}" for number in range(2, 8)}


def test_lint_table_agrees_with_the_rules() -> None:
    assert re.findall(r"^\| (NVH\d+) \| (.*) \|$", TEXT, re.MULTILINE) == [
        (rule_id, text.split("\n")[0]) for rule_id, text in all_rules().items()
    ]
