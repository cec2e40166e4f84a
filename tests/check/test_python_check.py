# SPDX-License-Identifier: GPL-2.0-only
"""The ``python`` expectation: every way a function can answer, and that none of the wrong ones passes."""

from __future__ import annotations

import re

import pytest

from harness.check.evaluate import evaluate
from harness.check.finding import Finding
from harness.level import Level
from harness.scenario.language import PythonCheck, Scope
from harness.trace.timeline import Timeline
from harness.verdict import Verdict
from tests.check.build import HERE, event, loss, mark, timeline

UNMAP = "l0.shadow_unmap"
PASS, FAIL, VACUOUS, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.UNDECIDED
TWO = timeline(event("l0.tlbi", 0, vmid=1), event(UNMAP, 1, vmid=1))


def run(body: str, seen: Timeline = TWO, scope: Scope | None = None) -> Finding:
    source = "def judge(seen):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    check = PythonCheck(
        HERE, "p", "checks.py", source, "judge", ("l0.tlbi", UNMAP), scope or Scope(), {"vmid": 1}
    )
    (finding,) = evaluate([check], seen, {}, {Level.L0: "text"})
    assert (finding.name, finding.kind, finding.where) == ("p", "python", str(HERE))
    return finding


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("return seen.passed('yes')", PASS),
        ("return [seen.passed('yes'), seen.vacuous('not here')]", PASS),
        ("yield seen.passed('yes')\nyield seen.fail('no')", FAIL),
        ("yield seen.undecided('?')\nyield seen.fail('no')", FAIL),
        ("yield seen.passed('yes')\nyield seen.undecided('?')", UNDECIDED),
        ("return seen.vacuous('nothing')", VACUOUS),
        ("return []", UNDECIDED),
        ("return None", UNDECIDED),
        ("return True", UNDECIDED),
        ("return 'pass'", UNDECIDED),
        ("return [seen.passed('yes'), True]", UNDECIDED),
        ("yield seen.passed('yes')\nraise SystemExit(0)", UNDECIDED),
        ("return seen.events('l0.shadow_wp')", UNDECIDED),
        ("assert seen.options == {'vmid': 1}\nreturn seen.passed(seen.consoles)", PASS),
        ("assert [e.seq for e in seen.events()] == [0, 1]\nreturn seen.passed('yes')", PASS),
        ("t, u = seen.events()\nassert seen.before(t, u)\nreturn seen.passed('yes')", PASS),
    ],
)
def test_answers(body: str, verdict: Verdict) -> None:
    assert run(body).verdict is verdict


def test_what_it_raises_is_reported_with_its_line() -> None:
    finding = run("x = 1\nreturn x / 0")
    assert finding.verdict is UNDECIDED
    assert finding.message == "checks.py:3: ZeroDivisionError: division by zero"
    finding = run("yield seen.passed('yes')\nyield seen.nothing")
    assert finding.message.startswith("checks.py:3: AttributeError: ")
    assert run("return 5").message.startswith("checks.py:1: TypeError: judge returned 5")
    check = PythonCheck(HERE, "p", "checks.py", "1/0\n\ndef judge(seen): ...", "judge", (UNMAP,), Scope())
    assert evaluate([check], TWO, {}, {})[0].message.startswith("checks.py:1: ZeroDivisionError")


def test_losses_turn_pass_into_undecided_and_leave_what_was_seen() -> None:
    lost = timeline(*TWO.events, loss(1, None))
    assert run("return seen.passed('yes')", lost).verdict is UNDECIDED
    assert run("return seen.vacuous('yes')", lost).verdict is UNDECIDED
    assert run("return seen.fail('no', seen.events()[0])", lost).verdict is FAIL
    lacking = f"return seen.fail('no unmap', seen.events()[0], lacking='{UNMAP}')"
    assert run(lacking, lost).verdict is UNDECIDED
    assert run(lacking).verdict is FAIL
    earlier = timeline(loss(-1, 0), *TWO.events)
    assert run(lacking, earlier).verdict is FAIL
    before = f"return seen.fail('no unmap', seen.events()[0], lacking='{UNMAP}', later=False)"
    assert run(before, earlier).verdict is UNDECIDED
    assert run("return seen.passed('yes')", timeline(missing={UNMAP: "gone"})).verdict is UNDECIDED


def test_scope_and_evidence() -> None:
    seen = timeline(event(UNMAP, 0), mark("a", 1), event(UNMAP, 2), mark("b", 3), loss(3, None))
    finding = run("return seen.fail('bad', *seen.events())", seen, Scope("a", "b"))
    assert finding.verdict is FAIL
    assert finding.trigger is not None
    assert finding.trigger.seq == 2
    assert len(finding.context) == 2
    assert run("return seen.passed('yes')", seen, Scope("a", "b")).verdict is PASS
    assert run("return seen.passed('yes')", seen, Scope("a", "c")).verdict is UNDECIDED


def test_the_file_may_hold_what_a_module_holds() -> None:
    source = "import dataclasses\n\n@dataclasses.dataclass\nclass A:\n    x: int\n\n"
    source = (
        "from __future__ import annotations\n" + source + "def judge(seen):\n    return seen.passed(A(1))\n"
    )
    check = PythonCheck(HERE, "p", "checks.py", source, "judge", (UNMAP,), Scope())
    assert evaluate([check], TWO, {}, {})[0].verdict is PASS


def test_a_function_that_does_not_end_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.check.python_check.TIME_S", 0.2)
    finding = run("x = 1\nwhile True:\n    pass")
    assert finding.verdict is UNDECIDED
    assert re.fullmatch(r"checks\.py:[34]: TimeoutError: not done after 0\.2 s", finding.message)
    assert run("return seen.passed('in time')").verdict is PASS
