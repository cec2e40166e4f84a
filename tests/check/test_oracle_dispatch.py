# SPDX-License-Identifier: GPL-2.0-only
"""``oracle`` reaches the registry with what was seen, and its events are traced."""

from __future__ import annotations

import pytest

from harness.check import oracle
from harness.check.evaluate import evaluate, event_names
from harness.check.finding import Finding, Observations, judge
from harness.check.oracle import Oracle
from harness.errors import InfraError
from harness.scenario.language import OracleCheck, PythonCheck, Response, Scope
from harness.verdict import Verdict
from tests.check.build import HERE, event, pattern, timeline


def count(check: OracleCheck, seen: Observations) -> Finding:
    enough = len(seen.timeline.events) >= int(check.options["limit"])
    return judge(check, Verdict.PASS if enough else Verdict.FAIL, "counted")


def check(limit: int, name: str = "count") -> OracleCheck:
    return OracleCheck(HERE, "enough", name, Scope(), {"limit": limit})


def test_dispatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.check.evaluate.ORACLES", {"count": Oracle(count, ("l0.tlbi",), ("limit",))})
    findings = evaluate([check(1), check(2)], timeline(event("l0.tlbi", 0)), {}, {})
    assert [(f.name, f.kind, f.verdict) for f in findings] == [
        ("enough", "oracle", Verdict.PASS),
        ("enough", "oracle", Verdict.FAIL),
    ]
    python = PythonCheck(HERE, "p", "a.py", "", "f", ("l0.shadow_wp", "l0.tlbi"), Scope())
    response = Response(HERE, "r", pattern("l1.tlbi"), pattern("l0.tlbi"), Scope())
    assert event_names([response, check(1), python]) == ["l1.tlbi", "l0.tlbi", "l0.shadow_wp"]
    with pytest.raises(InfraError, match="no oracle other"):
        evaluate([check(1, "other")], timeline(), {}, {})


def test_every_registered_oracle_explains_itself() -> None:
    for name, each in oracle.ORACLES.items():
        assert each.judge.__doc__, name
        assert each.events or each.stopped or each.sanitized, name
