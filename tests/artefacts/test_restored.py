# SPDX-License-Identifier: GPL-2.0-only
"""A machine that is saved under way: rounds that are right or wrong, one that stands still, one that dies."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.artefacts import restored
from harness.artefacts.bare_suites import LIVE, build_model_suite
from harness.artefacts.model import build_model, load_model
from harness.check import model_defects
from harness.check.answers import failures
from harness.errors import Broken
from harness.host.cache import Store
from harness.machine.patience import MachinePatience
from harness.machine.qemu import Machine

FAIL = "fail|restored|breakpoint 3, PE 1|ESR|0xc2000022|0x5a000000|D2.8\n"
DEATH = Broken("the model crashed", kind="level", name="model-crash")


def machine(text: str, running: bool = True) -> Machine:
    """A machine that has said ``text`` and says no more."""
    made = SimpleNamespace(
        console=SimpleNamespace(text=text),
        running=running,
        death=lambda: DEATH,
        work=0.0,
        spec=SimpleNamespace(flags=()),
    )
    return cast(Machine, made)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MachinePatience, "late", lambda _: "no end within 9 instructions")


@pytest.mark.parametrize(
    ("said", "through", "under_way"),
    [
        ("", False, False),
        ("wait\n", False, False),  # the first round: nothing has been seen to be right yet
        ("wait\n01\n", False, False),
        ("wait\n01\nwait\n", False, True),
        ("wait\n01\nwait\n01\n", True, False),
        ("01\n", False, False),  # the rest of the round in which it was saved
        (f"{FAIL}", False, False),  # more of the round may follow
        (f"{FAIL}bad\n", True, True),
    ],
)
def test_a_machine_is_saved_while_it_waits_and_one_wrong_round_is_enough(
    said: str, through: bool, under_way: bool
) -> None:
    assert restored.is_through(said) is through
    assert restored.is_under_way(said) is under_way


@pytest.mark.usefixtures("late")
@pytest.mark.parametrize(("said", "why"), [("01\r\n01\r\n", ""), ("01\r\n", "no end within 9 instructions")])
def test_a_machine_that_says_too_little_is_late(said: str, why: str) -> None:
    assert MachinePatience(machine(said), 1, 1.0).until(restored.is_through) == why


@pytest.mark.usefixtures("late")
def test_a_machine_that_dies_is_told() -> None:
    with pytest.raises(Broken, match="crashed"):
        MachinePatience(machine("01\n", running=False), 1, 1.0).until(restored.is_through)


@pytest.mark.real
def test_the_shipped_model_goes_on_but_for_what_is_known_of_it(tmp_path: Path) -> None:
    store = Store()
    model = build_model(load_model("qemu"), store, lambda _: None)
    found = restored.go_on(model, build_model_suite(store).path / LIVE, "icount", tmp_path)
    assert (found.saved, found.failed) == (True, "")
    new, _ = model_defects.known(failures(found.said), model.version, model_defects.load())
    assert new == ()
