"""For each of the v8 patch's operations a scenario asserts what L0 executes in answer, on both shipped
QEMUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pytest

from harness.arch import table
from harness.host.paths import SCENARIOS
from harness.runner.project import find_cells
from harness.scenario.language import Cell, EventPattern, Existence, OracleCheck
from harness.scenario.language import Sequence as Order
from harness.scenario.scenario import NO_OVERRIDES

SEED = [op for op in table.load() if op.nv_tlbi_v8]
STEPS = ("l1.tlbi", "model.tlbi", "model.tlbi", "model.dsb", "model.isb", "model.eret")
BARRIERS = {"barrier-discipline", "inner-shareable", "vmid-loaded"}


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    return find_cells([SCENARIOS / "physical"], [], NO_OVERRIDES)


def named(pattern: EventPattern) -> set[str]:
    return set(str(pattern.fields.get("op", "")).split("|"))


def in_order(wanted: Sequence[str], there: Iterable[str]) -> bool:
    rest = iter(there)
    return all(name in rest for name in wanted)


def shows(cell: Cell, op: str) -> bool:
    """Whether ``cell`` counts L1's ``op`` once, and asserts the whole way of it within one span."""
    counted = [e.of for e in cell.expectations if isinstance(e, Existence) and e.count in ("1", "== 1")]
    once = any(of.event == "l1.tlbi" and named(of) == {op} for of in counted)
    return once and any(
        isinstance(each, Order)
        and op in named(each.of[0])
        and op in named(next(p for p in each.of if p.event == "model.tlbi"))
        and in_order(STEPS, (pattern.event for pattern in each.of))
        and all(pattern.fields.get("span") == "same" for pattern in each.of[1:])
        and any(p.event == "model.tlbi" and p.fields.get("el") == 2 and is_shared(p) for p in each.of)
        for each in cell.expectations
    )


def is_shared(pattern: EventPattern) -> bool:
    return pattern.fields.get("scope") == "is"


def lacking(cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    """QEMU and operation for which no cell shows what L0 executes."""
    every = list(cells)
    for qemu in ("11.1", "10.0"):
        of_this = [cell for cell in every if cell.stack.model.startswith("qemu-10.0") == (qemu == "10.0")]
        for op in SEED:
            if not any(shows(cell, op.name) for cell in of_this):
                yield qemu, op.name


def test_every_operation_of_the_seed_is_shown_on_both(cells: list[Cell]) -> None:
    assert len(SEED) == 26
    assert list(lacking(cells)) == []


def test_what_is_not_shown_is_named(cells: list[Cell]) -> None:
    """Of one scenario on one model, the others do not stand in."""
    left = [cell for cell in cells if cell.scenario != "physical-ipas2" or cell.stack.model != "qemu-10.0"]
    operations = ("ipas2e1", "ipas2le1", "ipas2e1is", "ipas2le1is")
    assert list(lacking(left)) == [("10.0", name) for name in operations]


def test_rules_of_the_architecture_stand_beside_each(cells: list[Cell]) -> None:
    for cell in cells:
        if any(shows(cell, op.name) for op in SEED):
            assert {e.oracle for e in cell.expectations if isinstance(e, OracleCheck)} == BARRIERS, cell.id
