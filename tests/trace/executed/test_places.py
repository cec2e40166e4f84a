# SPDX-License-Identifier: GPL-2.0-only
"""Places in a kernel, found in made-up machine code."""

from __future__ import annotations

import pytest

from harness.errors import InfraError
from harness.scenario.language import Place
from harness.scenario.value_grammar import place
from harness.trace.executed.places import WFI, YIELD, NoSuchPlace, Text
from harness.trace.executed.symbols import KernelText

BASE = 0xFFFF800080000000
RET, RETAA, NOP = 0xD65F03C0, 0xD65F0BFF, 0xD503201F


def branch(at: int, to: int, *, link: bool) -> int:
    return (0x94000000 if link else 0x14000000) | ((to - at) // 4 & 0x3FFFFFF)


def made() -> Text:
    """walk at 0; fault at 0x20 with a cold part at 0x60; lock at 0x40."""
    walk = [NOP, RET, NOP, RETAA, YIELD, NOP, NOP, NOP]
    fault = [
        branch(BASE + 0x20, BASE + 0x40, link=True),
        branch(BASE + 0x24, BASE, link=True),
        branch(BASE + 0x28, BASE + 0x40, link=True),
        branch(BASE + 0x2C, BASE + 0x60, link=False),  # to its own cold part
        branch(BASE + 0x30, BASE + 0x24, link=False),  # a loop
        NOP,
        branch(BASE + 0x38, BASE, link=False),  # a tail call
        NOP,
    ]
    lock = [NOP, WFI, RET, NOP, NOP, NOP, NOP, NOP]
    cold = [branch(BASE + 0x60, BASE + 0x40, link=True), RET]
    names = ("walk", "fault.isra.0", "lock", "fault.cold")
    symbols = KernelText(BASE, BASE + 0x68, (BASE, BASE + 0x20, BASE + 0x40, BASE + 0x60), names)
    return Text(symbols, {BASE: walk + fault + lock + cold})


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        ("walk", [0]),
        ("fault", [0x20]),
        ("walk return", [4, 0xC]),
        ("fault return", [0x38, 0x64]),
        ("fault call lock", [0x20, 0x28, 0x60]),
        ("fault after lock", [0x24, 0x2C, 0x64]),
        ("fault call walk", [0x24]),
    ],
)
def test_addresses(text: str, offsets: list[int]) -> None:
    assert [at - BASE for at in made().addresses(place(text))] == offsets


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("falt", "no function 'falt' of its own; did you mean 'fault'"),
        ("fault call lok", "fault calls no 'lok' but lock, walk; did you mean 'lock'"),
        ("walk after lock", "walk calls no 'lock' but nothing"),
    ],
)
def test_place_that_is_nowhere(text: str, message: str) -> None:
    with pytest.raises(NoSuchPlace, match=message):
        made().addresses(place(text))


def test_calls_and_instructions() -> None:
    text = made()
    assert text.calls("fault") == ["lock", "walk"]
    assert text.first(YIELD) == BASE + 0x10
    assert text.first(WFI, "lock") == BASE + 0x44
    assert text.every(WFI, "lock") == (BASE + 0x44,)
    assert text.every(WFI, "walk") == text.every(WFI, "nowhere") == ()
    with pytest.raises(InfraError, match="no instruction 0xd503207f in walk"):
        text.first(WFI, "walk")


@pytest.mark.parametrize("text", ["", "1f", "f g", "f return g", "f call", "f call g h", "f call 1", "f-g"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="FUNCTION call CALLEE"):
        place(text)


@pytest.mark.parametrize("text", ["f", "f return", "f call g", "f after g.isra.0"])
def test_words_of_a_place(text: str) -> None:
    found = place(f"  {text} ")
    assert isinstance(found, Place)
    assert str(found) == text
