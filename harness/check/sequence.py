# SPDX-License-Identifier: GPL-2.0-only
"""``sequence``: every match of the first pattern is followed by the others, in order and agreeing."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.check.condition import Env
from harness.check.explain import absent
from harness.check.explain import expectation as explained
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import match
from harness.check.partner import NO_LIMIT, Partners
from harness.check.response import ENOUGH, limited, wrong_place
from harness.check.window import Window, candidates, gaps, summary
from harness.scenario.language import Sequence
from harness.trace.event import Event
from harness.verdict import Verdict

TRIES = 100_000
"""Events that are tried behind one first event; then it is undecided."""


@dataclass(slots=True)
class _Search:
    """The way from one first event through the other patterns; ``best`` is the longest beginning found.

    ``known``: whether the rest follows an event at a place in the sequence with these values, for each tried.
    """

    partners: list[Partners]
    tries: int = 0
    best: list[tuple[Event, Env]] = field(default_factory=list)
    known: dict[tuple[object, ...], bool | None] = field(default_factory=dict)

    def follow(self, path: list[tuple[Event, Env]]) -> bool | None:
        """Whether the rest of the sequence follows ``path``; None when it only may."""
        if len(path) > len(self.best):
            self.best = list(path)
        if len(path) > len(self.partners):
            return True
        event, env = path[-1]
        state = (len(path), event.source, event.seq, *sorted(env.items()))
        if state not in self.known:
            self.known[state] = self._follow(path)
        return self.known[state]

    def _follow(self, path: list[tuple[Event, Env]]) -> bool | None:
        partners = self.partners[len(path) - 1]
        event, env = path[-1]
        result: bool | None = False
        for candidate, outcome in partners.outcomes(event, env, later=True):
            self.tries += 1
            if self.tries > TRIES:
                return None
            bound = match(partners.pattern, candidate, env)[1]
            rest = both(outcome, self.follow([*path, (candidate, bound)]))
            if rest:
                return True
            if rest is None:
                result = None
            elif outcome and bound == env and self._nearest_is_best(len(path)):
                break
        return result

    def _nearest_is_best(self, place: int) -> bool:
        """Whether what does not follow the nearest event for ``place`` does not follow a later one either.

        So it is when nothing but order and variables, which are the same, relates what follows to it: no
        limit, and no span but one that all candidates share.
        """
        partners = self.partners[place - 1]
        others = any(each.spans for each in self.partners[place:])
        return partners.limit == NO_LIMIT and (partners.spans or not others)


def check(expectation: Sequence, seen: Observations, window: Window) -> Finding:
    """Every first event needs the rest; losses after it make its lack undecided."""
    timeline, first, rest = seen.timeline, expectation.of[0], expectation.of[1:]
    partners = [Partners(timeline, each, window, expectation.within, expectation.of) for each in rest]
    triggers = 0
    broken: list[_Search] = []
    unsure: list[tuple[Event, list[str]]] = []
    for event in candidates(timeline, first, window):
        outcome, env = match(first, event, window.env)
        outcome = both(window.contains(event), outcome)
        if outcome is False:
            continue
        triggers += outcome is True
        search = _Search(partners)
        followed = search.follow([(event, env)])
        if followed:
            continue
        reasons = [] if outcome else ["whether this event begins a sequence is uncertain"]
        if followed is None:
            reasons.append("whether the sequence is complete, or in order, is uncertain")
        for each in rest:
            reasons += gaps(timeline, each, window, after=event)
        if reasons:
            unsure.append((event, reasons))
        else:
            broken.append(search)
            if len(broken) == ENOUGH:
                break
    if broken:
        return _failure(expectation, broken, triggers, seen)
    if unsure:
        event, reasons = unsure[0]
        message = f"{len(unsure)} {first.event} undecided, first {describe(event)}: {summary(reasons)}"
        return judge(expectation, Verdict.UNDECIDED, message, trigger=event, timeline=timeline)
    reasons = gaps(timeline, first, window, env=window.env)
    if reasons:
        message = f"{first.event} may have happened unseen: {summary(reasons)}"
        return judge(expectation, Verdict.UNDECIDED, message)
    if not triggers:
        return judge(expectation, Verdict.VACUOUS, absent(first, timeline, window))
    return judge(expectation, Verdict.PASS, f"all {triggers} {first.event} begin the whole sequence")


def _failure(expectation: Sequence, broken: list[_Search], triggers: int, seen: Observations) -> Finding:
    """The first broken sequence: how far it got, and what should have come next."""
    search = broken[0]
    reached = len(search.best)
    event, env = search.best[-1]
    partners = search.partners[reached - 1]
    more = "the first " * (len(broken) == ENOUGH)
    lines = [
        f"{len(broken)} of {more}{triggers} sequences stop, the first after {reached} of "
        f"{len(expectation.of)} events{limited(expectation.within)}"
    ]
    lines += [f"  {number}. {describe(each)}" for number, (each, _) in enumerate(search.best, 1)]
    lines.append(
        explained(
            partners.pattern,
            env,
            seen.timeline.by_name.get(partners.pattern.event, ()),
            beside=event,
            word="after",
            related=lambda each: wrong_place(partners, event, each, later=True),
        )
    )
    trigger = search.best[0][0]
    return judge(
        expectation, Verdict.FAIL, "\n".join(lines), bindings=env, trigger=trigger, timeline=seen.timeline
    )
