# SPDX-License-Identifier: GPL-2.0-only
"""Data classes as JSON and back: what is written is read again, what does not fit is told with its place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.document import as_json
from harness.level import Level
from harness.verdict import Verdict


@dataclass(frozen=True)
class Shape:
    colour: str


@dataclass(frozen=True)
class Square(Shape):
    side: int


@dataclass(frozen=True)
class Room(Square):
    door: Path


@dataclass(frozen=True)
class All:
    shapes: tuple[Shape, ...]
    by_level: Mapping[Level, Verdict]
    pairs: tuple[tuple[str, int], ...] = ()
    names: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    maybe: Square | None = None
    scalar: Mapping[str, str | int | bool] = field(default_factory=dict)


as_json.family(Shape)
WHOLE = All(
    (Square("red", 3), Room("é", 1, Path("/x"))),
    {Level.L1: Verdict.INFRA},
    (("a", 1),),
    {"b", "a"},
    Counter("aab"),
    Square("blue", 0),
    {"text": "1", "number": 1, "truth": True},
)


def test_what_is_written_is_what_is_read() -> None:
    text = json.dumps(as_json.to_data(WHOLE))
    again = as_json.read_json(All, text)
    assert again == WHOLE
    assert [type(each) for each in again.shapes] == [Square, Room]
    assert again.scalar["truth"] is True
    written = json.loads(text)
    assert written["shapes"][1] == {"is": "Room", "colour": "é", "side": 1, "door": "/x"}
    assert written["by_level"] == {"l1": "infra"}
    assert written["names"] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shapes": [{"is": "Circle", "colour": "red"}]}, r"'Circle' is no Shape @ All\.shapes\[0\]"),
        ({"shapes": [{"is": "Square", "colour": "red"}]}, r"'side' is missing @ All\.shapes\[0\]\.side"),
        ({"by_level": {"l9": "pass"}}, r"'l9' is not a level"),
        ({"by_level": {"l1": "well"}}, r"'well' is not a valid Verdict"),
        ({"more": 1, "and": 2}, r"unknown 'and', 'more' @ All"),
        ({"pairs": 3}, r"All\.pairs"),
        ({"maybe": []}, r"All\.maybe"),
    ],
)
def test_what_does_not_fit_is_reported(change: Mapping[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_json.from_data(All, {**as_json.to_data(WHOLE), **change})
