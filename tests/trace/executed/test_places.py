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


TESTING = (
    (0xB9400820, False),  # ldr w0, [x1, #8]
    (0x34000320, True),  # 1: cbz w0
    (0xF94007E0, False),  # ldr x0, [sp, #8]
    (0xB50002E0, False),  # 2: cbnz x0, of the stack
    (0x90000002, False),  # adrp x2
    (0xB9400443, False),  # ldr w3, [x2, #4]
    (0x7100047F, False),  # cmp w3, #1
    (0x54000260, False),  # 3: b.eq, of a variable
    (0x394000A4, False),  # ldrb w4, [x5]
    (0x36000224, True),  # 4: tbz w4
    (0x88DFFCE6, False),  # ldar w6, [x7]
    (0x371801E6, True),  # 5: tbnz w6
    (0xB8288149, False),  # swp w8, w9, [x10]
    (0x3100053F, False),  # cmn w9, #1
    (0x54000181, True),  # 6: b.ne
    (0xB8636841, False),  # ldr w1, [x2, x3]
    (0x97FFFFF0, False),  # bl
    (0x34000121, False),  # 7: cbz w1, of what the call returned
    (0xB9000081, False),  # str w1, [x4]
    (0x340000E1, False),  # 8: cbz w1, nothing was loaded
    (0xF9400BA0, False),  # ldr x0, [x29, #16]
    (0xB40000A0, False),  # 9: cbz x0, of the frame
    (0x885F7C20, False),  # ldxr w0, [x1]
    (0x34000060, True),  # 10: cbz w0
    (0xB8226820, False),  # str w0, [x1, x2]
    (0x34000020, False),  # 11: cbz w0
)
"""Instructions as an assembler made them, and whether each is a test of shared memory."""


def test_tests_are_conditional_branches_behind_a_load_that_others_may_change() -> None:
    words = [word for word, _ in TESTING]
    symbols = KernelText(BASE, BASE + 4 * len(words), (BASE,), ("look",))
    text = Text(symbols, {BASE: words})
    assert text.tests("look") == [1, 4, 5, 6, 10]
    wanted = [BASE + 4 * i for i, (_, shared) in enumerate(TESTING) if shared]
    assert [text.addresses(place(f"look test {n}"))[0] for n in text.tests("look")] == wanted
    assert text.addresses(place("look test 2")) == (BASE + 12,), "every branch has a number"
    with pytest.raises(NoSuchPlace, match="look has 11 conditional branches"):
        text.addresses(place("look test 12"))
    assert made().tests("walk") == []


@pytest.mark.parametrize("text", ["f test", "f test 0", "f test g", "f test 1 2", "f tset 1", "f call 1"])
def test_a_test_has_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="FUNCTION test NUMBER"):
        place(text)


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
