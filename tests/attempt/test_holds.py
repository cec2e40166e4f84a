# SPDX-License-Identifier: GPL-2.0-only
"""What a cell says of its holds: judged by what the plugin left in its file."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.attempt import holds
from harness.attempt.holds import LOG, Holder, holder
from harness.errors import InfraError, UserError
from harness.level import Level
from harness.scenario.language import Cell, Hold, Place
from harness.scenario.load import load_file
from harness.stack.images import StackImages
from harness.trace.executed import hold_file, places
from harness.trace.executed.hold_file import HoldEnd, HoldEvent, HoldState
from harness.trace.executed.places import NoSuchPlace, Text
from harness.verdict import Verdict
from tests.scenario.names import VOCABULARY
from tests.trace.executed.test_places import BASE, made

TEXT = """\
scenario: steered
summary: Holds a CPU.
steps:
  - boot: l0
  - hold: {at: walk return, cpu: 1, until: {at: fault, cpu: 0}, deadline: 3ms}
    name: window
  - hold: {at: walk, until: {step: work}}
    name: first
  - hold: {at: fault, cpu: 0, after: {at: walk, cpu: 1}, until: {held: window}}
    name: meet
  - hold: {at: gone return, cpu: 1, until: {events: 3}}
    name: nowhere
  - run: "true"
    on: l0
    name: work
expect:
  - result: done
    of: work
"""


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackImages:
    monkeypatch.setattr(Text, "read", staticmethod(lambda *_: made()))
    monkeypatch.setattr(Text, "first", lambda _, word, *__: BASE + (word == places.WFI) * 4 + 0x10)
    (tmp_path / "System.map").write_text(
        f"{BASE:016x} T _stext\n{BASE + 0x20:016x} t fault\n{BASE + 0x68:016x} T _etext\n"
        f"{BASE + 0x100:016x} D __per_cpu_offset\n{BASE + 0x200:016x} D jiffies\n"
    )
    (tmp_path / "config").write_text("CONFIG_HZ=100\n")
    return cast(
        StackImages,
        SimpleNamespace(
            plugins=SimpleNamespace(api=7, file=lambda name: tmp_path / f"{name}.so"),
            kernels={Level.L0: SimpleNamespace(path=tmp_path)},
            model=SimpleNamespace(deterministic=lambda timing: timing == "icount"),
        ),
    )


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    path = tmp_path / "steered.yaml"
    path.write_text(TEXT)
    (found,) = load_file(str(path), VOCABULARY)
    return found


def steps(cell: Cell) -> list[Hold]:
    return [step for step in cell.steps if isinstance(step, Hold)]


def leave(of: Holder, number: int, state: HoldState, seen: int, **reasons: int) -> None:
    """What the plugin would write of a hold: let go so often for each reason."""
    counts = [reasons.get(why.name.lower(), 0) for why in HoldEnd] + [0, 0]
    held = sum(counts) + (state is HoldState.HOLDING)
    data = struct.pack("<IIII8I", state, 0, seen, held, *counts)
    at = hold_file._TABLE + number * hold_file._HOLD + hold_file._CONFIG.size
    of.file._write(at, data)


def arm_all(of: Holder, cell: Cell) -> None:
    """Arm the holds of which the kernel has the places."""
    for step in steps(cell):
        if step.name == "nowhere":
            with pytest.raises(NoSuchPlace, match="no function 'gone'"):
                of.arm(step)
        else:
            of.arm(step)


def judged(of: Holder) -> dict[str, tuple[Verdict, str]]:
    return {each.name: (each.verdict, each.message) for each in of.findings()}


def test_verdicts(images: StackImages, cell: Cell, tmp_path: Path) -> None:
    of = Holder(images, cell, tmp_path)
    assert {verdict for verdict, _ in judged(of).values()} == {Verdict.UNDECIDED}  # nothing was armed
    arm_all(of, cell)
    leave(of, 0, HoldState.DONE, 1, until=1)
    leave(of, 1, HoldState.ARMED, 4)
    leave(of, 2, HoldState.WAITS, 0)
    found = judged(of)
    assert found["window"] == (
        Verdict.PASS,
        "CPU 1 at walk return was held 1 times, each time until its condition came",
    )
    assert found["first"] == (Verdict.VACUOUS, "CPU any at walk was never held: it came by 4 times")
    assert found["meet"] == (Verdict.VACUOUS, "CPU 0 at fault was never held: `after` never came")
    assert found["nowhere"][0] is Verdict.UNDECIDED
    assert "no function 'gone'" in found["nowhere"][1]


@pytest.mark.parametrize("reason", ["deadline", "blocked", "end"])
def test_let_go_for_another_reason_is_undecided(
    images: StackImages, cell: Cell, tmp_path: Path, reason: str
) -> None:
    of = Holder(images, cell, tmp_path)
    of.arm(steps(cell)[0])
    leave(of, 0, HoldState.DONE, 5, until=4, **{reason: 1})
    verdict, message = judged(of)["window"]
    assert verdict is Verdict.UNDECIDED
    words = {"deadline": "at its deadline", "blocked": "it blocked others", "end": "at the end of the cell"}
    assert words[reason] in message


def test_who_waits_for_whom(images: StackImages, cell: Cell, tmp_path: Path) -> None:
    of = Holder(images, cell, tmp_path)
    of.arm(steps(cell)[0])
    leave(of, 0, HoldState.DONE, 1, blocked=1)
    at = hold_file._TABLE + hold_file._CONFIG.size + hold_file._STATE.size
    of.file._write(at - 16, struct.pack("<IIII", 0, 1, 0, 1))  # until_seen, cpu, idle, waiters
    of.file._write(at, struct.pack("<iiQ", 0, len(of.file.places), BASE + 0x24))
    assert judged(of)["window"][1].endswith(
        f"cpu0 waits in {hold_file.WAITS[0]}, called by fault+0x4 (held is cpu1)"
    )


def test_a_hold_that_nobody_lets_go(images: StackImages, cell: Cell, tmp_path: Path) -> None:
    of = Holder(images, cell, tmp_path)
    of.arm(steps(cell)[0])
    leave(of, 0, HoldState.HOLDING, 1)
    assert judged(of)["window"][0] is Verdict.UNDECIDED


def test_end_of_a_step_lets_go(images: StackImages, cell: Cell, tmp_path: Path) -> None:
    of = Holder(images, cell, tmp_path)
    arm_all(of, cell)
    of.ended("other")
    at = [hold_file._TABLE + n * hold_file._HOLD + hold_file._LET_GO_AT for n in range(3)]
    assert [of.file.path.read_bytes()[each] for each in at] == [0, 0, 0]
    of.ended("work")
    assert [of.file.path.read_bytes()[each] for each in at] == [0, 1, 0]


def test_log_is_text(images: StackImages, cell: Cell, tmp_path: Path) -> None:
    of = Holder(images, cell, tmp_path)
    rows = [
        (7, 0, 32, 1, HoldEvent.ARRIVED, 0),
        (7, 0, 0, 1, HoldEvent.HELD, 0),
        (900, 0, 0, 1, HoldEvent.RELEASED, HoldEnd.UNTIL),
    ]
    of.file._write(hold_file._LOG, b"".join(hold_file._RECORD.pack(*row) for row in rows))
    of.file._write(hold_file._USED_AT, struct.pack("<QQ", len(rows), 2))
    of.write()
    assert not of.file.path.exists()
    assert (tmp_path / LOG).read_text().splitlines() == [
        "7 cpu1 arrived walk return",
        "7 cpu1 held window walk return",
        "900 cpu1 released window until",
        "2 more were lost",
    ]


def test_who_can_hold(images: StackImages, cell: Cell, tmp_path: Path) -> None:
    assert holder(images, cell, tmp_path) is not None
    images.plugins.api = 4  # type: ignore[union-attr, misc]
    with pytest.raises(UserError, match="cannot hold vCPUs"):
        Holder(images, cell, tmp_path)
    images.plugins = None  # type: ignore[misc]
    with pytest.raises(InfraError, match="names no plugins"):
        Holder(images, cell, tmp_path)


def with_small_shadows(cell: Cell) -> tuple[Cell, Hold]:
    """The same with 36 bits from the first hold on."""
    first = next(step for step in cell.steps if isinstance(step, Hold))
    small = dataclasses.replace(first, shadow_bits=36)
    changed = tuple(small if step is first else step for step in cell.steps)
    return dataclasses.replace(cell, steps=changed), small


def test_a_kernel_without_shadows_cannot_have_small_ones(
    images: StackImages, cell: Cell, tmp_path: Path
) -> None:
    changed, small = with_small_shadows(cell)
    found = Holder(images, changed, tmp_path)
    with pytest.raises(NoSuchPlace, match="kvm_vcpu_init_nested"):
        found.arm(small)
    (said,) = (each for each in found.findings() if each.name == small.name)
    assert said.verdict is Verdict.UNDECIDED
    assert "kvm_vcpu_init_nested" in said.message


def test_shadows_are_smaller_from_the_hold_on(
    images: StackImages, cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a hunt does: KVM's variable is another one while a vCPU is initialised."""
    monkeypatch.setattr(holds, "SHADOWS_BEGIN", Place("walk"))
    monkeypatch.setattr(holds, "VM_ENDS", Place("walk", "return"))
    with (tmp_path / "System.map").open("a") as stream:
        stream.write(f"{BASE + 0x300:016x} D {hold_file.PA_BITS}\n")
    changed, small = with_small_shadows(cell)
    found = Holder(images, changed, tmp_path)
    path = tmp_path / hold_file.FILE
    before = hold_file._POKE.unpack_from(path.read_bytes(), hold_file._POKE_AT)
    assert before[:2] == (0, 0)
    found.arm(small)
    at, bits, _, begin, end, _ = hold_file._POKE.unpack_from(path.read_bytes(), hold_file._POKE_AT)
    assert (at, bits) == (BASE + 0x300, 36)
    assert (begin, end) == (found.file.index(Place("walk")), found.file.index(Place("walk", "return")))
