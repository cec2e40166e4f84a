# SPDX-License-Identifier: GPL-2.0-only
"""The little languages inside values."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from harness.level import Level
from harness.scenario import expectations, expected, schema, value_grammar
from harness.scenario.language import Scalar
from harness.scenario.value_grammar import Condition
from harness.scenario.vocabulary import claims


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        (5, Condition()),
        ("5", Condition()),
        ("0xff", Condition()),
        ("-1", Condition()),
        ("alle1", Condition(names=("alle1",))),
        ("alle1|alle2|5", Condition(names=("alle1", "alle2"))),
        ("$v", Condition(variable="v", binds=True)),
        ("!= $v", Condition(variable="v")),
        (">= $v", Condition(variable="v")),
        ("!= alle1|0", Condition(names=("alle1",))),
        ("!= 0", Condition()),
        ("!= alle1", Condition(names=("alle1",))),
        ("<= 0x10", Condition()),
        ("two words", Condition(names=("two words",))),
    ],
)
def test_condition(value: Scalar, condition: Condition) -> None:
    assert value_grammar.condition(value) == condition


@pytest.mark.parametrize(
    "value", ["", "$", "$1", "$a b", "!=0", "== 0", "< x", "!= $", "< $v|3", "!= a|", "a|", "|", "a| b", ">"]
)
def test_no_condition(value: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        value_grammar.condition(value)


def test_counts() -> None:
    assert [value_grammar.count(text) for text in (2, "2", "== 2", ">=3", "!= 0", "< 07")] == [
        "== 2",
        "== 2",
        "== 2",
        ">= 3",
        "!= 0",
        "< 7",
    ]
    for wrong in ("", "x", "-1", "=> 1", ">= ", "1 2"):
        with pytest.raises(ValueError, match="a count"):
            value_grammar.count(wrong)


def test_durations_and_sizes() -> None:
    assert [value_grammar.duration_us(text) for text in ("500us", "2ms", "1s")] == [500, 2000, 1_000_000]
    assert [value_grammar.memory_mib(text) for text in ("768M", "2G")] == [768, 2048]
    for wrong in ("5", "0ms", "1.5s", "2 ms", "1h", ""):
        with pytest.raises(ValueError, match="a duration"):
            value_grammar.duration_us(wrong)
    for wrong in ("5", "0M", "1K", "1.5G", "2GB"):
        with pytest.raises(ValueError, match="a size"):
            value_grammar.memory_mib(wrong)


def test_level_paths() -> None:
    assert value_grammar.level_path("l2:/tmp/x") == (Level.L2, "/tmp/x")
    assert value_grammar.level_path("some/file") is None
    for wrong in ("l1:x", "l1:/", "l3:/x", "l1:"):
        with pytest.raises(ValueError, match=r"\w"):
            value_grammar.level_path(wrong)


def test_the_schema_is_a_schema_and_agrees_with_the_code() -> None:
    document = schema.document()
    Draft202012Validator.check_schema(document)
    assert tuple(document["$defs"]["expectation"]["x-one-of"]) == expectations.PATTERN_KEYS
    assert tuple(expected.BUILDERS) == expectations.PATTERN_KEYS
    text = json.dumps(document)
    for name in document["$defs"]:
        assert f'"#/$defs/{name}"' in text, f"{name} is used nowhere"


def test_claims() -> None:
    points = [f"nv-tlbi-v8.{number}" for number in range(1, 9)]
    changes = ["is-upgrade", "dsb-ish", "dsb-ishst", "block-size", "alle2is"]
    assert list(claims()) == [
        *points,
        *(f"nv-tlbi-v8.maz.{name}" for name in changes),
        "nv-tlbi-v8.cd.el2-context",
        "kvm-selftests",
    ]
    for line in claims().values():
        assert line.endswith(".")
        assert len(line) < 110
