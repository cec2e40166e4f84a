# SPDX-License-Identifier: GPL-2.0-only
"""``universality``: every event that matches ``of`` also satisfies ``holds``."""

from __future__ import annotations

from harness.check.explain import absent, filled, misses
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import match
from harness.check.window import Window, candidates, gaps, summary, surely_in
from harness.scenario.language import Universality
from harness.verdict import Verdict


def check(expectation: Universality, seen: Observations, window: Window) -> Finding:
    """A certain event of the kind that surely does not satisfy it fails; what is uncertain is undecided."""
    timeline = seen.timeline
    exercised = 0
    unsure: list[str] = []
    found = candidates(timeline, expectation.of, window)
    if surely_in(window, expectation.of, found) and surely_in(window, expectation.holds, found):
        exercised, found = len(found), ()
    for event in found:
        outcome, env = match(expectation.of, event, window.env)
        outcome = both(window.contains(event), outcome)
        if outcome is False:
            continue
        holds = match(expectation.holds, event, env)[0]
        if holds:
            exercised += outcome is True
        elif holds is False and outcome:
            message = f"not so of {describe(event)}\n"
            message += f"expected: {filled(expectation.holds, env)}  [{expectation.holds.where}]"
            message += "".join(f"\n  {miss}" for miss in misses(expectation.holds, event, env))
            return judge(expectation, Verdict.FAIL, message, bindings=env, trigger=event, timeline=timeline)
        elif holds is None:
            unsure.append(f"whether it is so of {describe(event)} is uncertain")
        else:
            unsure.append(f"whether {describe(event)} has to satisfy it is uncertain")
    reasons = unsure + gaps(timeline, expectation.of, window, env=window.env)
    if reasons:
        return judge(expectation, Verdict.UNDECIDED, summary(reasons))
    if not exercised:
        return judge(expectation, Verdict.VACUOUS, absent(expectation.of, timeline, window))
    return judge(expectation, Verdict.PASS, f"so of all {exercised} {expectation.of.event}")
