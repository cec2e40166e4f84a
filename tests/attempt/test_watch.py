# SPDX-License-Identifier: GPL-2.0-only
"""What the model is watched for: events named, events of L0 that it shows better, order between levels."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.attempt.observe import plan_of
from harness.attempt.watch import between_levels, from_model, may_watch
from harness.level import Level
from harness.runner.prepare import needs_plugins, uses_plugins
from harness.runner.project import vocabulary
from harness.scenario.language import Absence, Existence, Expectation, Response, Scope
from harness.scenario.load import load_file
from harness.trace.model import recording_plan as model_plan
from tests.check.build import HERE, pattern

SCENARIOS = Path(__file__).parents[2] / "scenarios"
ANSWERED = Response(HERE, "r", pattern("l1.tlbi", op="$o"), pattern("l0.shadow_unmap"), Scope())
TRACED = Existence(HERE, "e", pattern("l0.tlbi", op="alle1"), Scope())
AT_L0 = Existence(HERE, "e", pattern("l0.shadow_unmap"), Scope())
OPENED = Absence(HERE, "a", pattern("l0.kvm.kvm_exit"), Scope(after=pattern("l1.tlbi")))
PHYSICAL = Response(HERE, "r", pattern("model.tlbi"), pattern("l0.kvm.kvm_exit"), Scope())


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [(ANSWERED, True), (TRACED, False), (AT_L0, False), (OPENED, True), (PHYSICAL, False)],
)
def test_order_between_levels_is_wanted_where_events_of_two_are_related(
    expectation: Expectation, expected: bool
) -> None:
    assert between_levels(expectation) is expected


def test_watched_for_order_and_for_emulated_operations() -> None:
    assert from_model(plan_of([TRACED]))
    assert not from_model(plan_of([AT_L0]))
    assert may_watch([TRACED], plan_of([TRACED]))
    assert may_watch([ANSWERED], plan_of([ANSWERED]))
    assert not may_watch([AT_L0], plan_of([AT_L0]))


def test_l0_is_not_asked_for_what_the_model_shows() -> None:
    plan = plan_of([TRACED, AT_L0])
    remains = plan.without("l0.tlbi")
    assert "kvm_nv_tlbi" in plan.setup_script(Level.L0)
    assert "kvm_nv_tlbi" not in remains.setup_script(Level.L0)
    assert "kvm_nv_shadow_unmap" in remains.setup_script(Level.L0)
    only = plan_of([TRACED]).without("l0.tlbi")
    assert "nvh_fact ready" in only.setup_script(Level.L0), "marks are wanted there all the same"


def test_a_cell_without_plugins_does_without() -> None:
    """Plugins are of use to tlbi-el2, and needed only by what names events of the model."""
    (cell,) = load_file(SCENARIOS / "tlbi" / "tlbi-el2.yaml", vocabulary())
    assert uses_plugins(cell)
    assert not needs_plugins(cell)


def test_what_ties_need_is_recorded_first() -> None:
    """The table of functions is finite: what a scenario names never displaces what ties need."""
    many = [f"f{number}" for number in range(5000)]
    plan = model_plan.make((), many, ("kvm:kvm_nv_shadow_unmap",), emulated=True)
    assert set(model_plan.NEEDED) <= set(plan.functions)
    assert "trace_event_raw_event_kvm_nv_shadow_unmap" in plan.functions
