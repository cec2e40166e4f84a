# SPDX-License-Identifier: GPL-2.0-only
"""``python``: a function of the scenario's author decides. docs/language.md documents what it is given.

The function's file was read when the scenario was loaded. It runs in this process, as the author's code: an
exception, a wrong return value, or too much time makes the expectation undecided, with its line.
It can never pass by accident: it has to say ``passed``, and losses among its events turn that into undecided.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import traceback
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.check.finding import Finding, Observations, RunResult, judge
from harness.check.scope import resolve
from harness.check.window import Region, gaps, summary
from harness.level import Level
from harness.scenario.language import EventPattern, PythonCheck, Scalar
from harness.trace.event import Event
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

RANK = (Verdict.FAIL, Verdict.UNDECIDED, Verdict.PASS, Verdict.VACUOUS)
"""Which judgement of several counts: one that passed shows that others were vacuous for want of a case."""


TIME_S = 120.0
"""How long a function may take, on any machine."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One thing that the function says, made by a method of ``Seen``."""

    verdict: Verdict
    message: str
    event: Event | None = None


class Seen:
    """What the function is given.

    ``options``   the expectation's options
    ``timeline``  everything that was observed, in and out of scope
    ``results``   of named runs; ``consoles`` by level
    """

    def __init__(self, check: PythonCheck, seen: Observations) -> None:
        self.options: Mapping[str, Scalar] = check.options
        self.timeline: Timeline = seen.timeline
        self.results: Mapping[str, RunResult] = seen.results
        self.consoles: Mapping[Level, str] = seen.consoles
        self._check = check
        self._window: Region = resolve(seen.timeline, check.scope)

    def events(self, *names: str) -> list[Event]:
        """The events of these names that are in scope for certain, in order of time; all of them for none.

        ``LookupError`` for a name that is not in the expectation's list.
        """
        chosen = names or self._check.events
        for name in chosen:
            self._known(name)
        return [e for e in self.timeline.events if e.name in chosen and self._window.contains(e)]

    def before(self, first: Event, second: Event) -> bool | None:
        """Whether ``first`` happened before ``second``; None when that cannot be established."""
        return self.timeline.before(first, second)

    def gaps(self, name: str, after: Event | None = None, before: Event | None = None) -> list[str]:
        """Why events of this name may have happened unseen in scope, after or before an event."""
        self._known(name)
        pattern = EventPattern(self._check.where, name, {})
        return gaps(self.timeline, pattern, self._window, after=after, before=before)

    def passed(self, message: str) -> Judgement:
        """Something that had to hold was exercised and held."""
        return Judgement(Verdict.PASS, message)

    def fail(
        self, message: str, event: Event | None = None, *, lacking: str | None = None, later: bool = True
    ) -> Judgement:
        """A violation that ``event`` shows.

        ``lacking`` names the event that should have followed (``later``) or preceded ``event``: then the
        answer is undecided where one of that name may have gone unseen.
        """
        if lacking is not None:
            side = {"after": event} if later else {"before": event}
            reasons = self.gaps(lacking, **side)
            if reasons:
                return Judgement(Verdict.UNDECIDED, f"{message}, as far as seen: {summary(reasons)}", event)
        return Judgement(Verdict.FAIL, message, event)

    def undecided(self, message: str, event: Event | None = None) -> Judgement:
        """It cannot be told."""
        return Judgement(Verdict.UNDECIDED, message, event)

    def vacuous(self, message: str) -> Judgement:
        """Nothing happened that the question is about."""
        return Judgement(Verdict.VACUOUS, message)

    def _known(self, name: str) -> None:
        if name not in self._check.events:
            listed = ", ".join(self._check.events)
            raise LookupError(f"{name!r} is not among the expectation's events ({listed})")


def check(expectation: PythonCheck, seen: Observations) -> Finding:
    """Call the function; the worst of what it says, undecided when it does not answer properly."""
    given = Seen(expectation, seen)
    try:
        with _bounded():
            said = _call(expectation, given)
    except (Exception, SystemExit) as error:  # the author's code: whatever it is, it is no answer
        message = f"{_place(expectation, error)}: {type(error).__name__}: {error}"
        return judge(expectation, Verdict.UNDECIDED, message)
    if not said:
        message = f"{expectation.file}: {expectation.function} judged nothing; say seen.vacuous() if so"
        return judge(expectation, Verdict.UNDECIDED, message)
    worst = min(said, key=lambda each: RANK.index(each.verdict))
    same = [each for each in said if each.verdict is worst.verdict]
    message = worst.message if len(same) == 1 else f"{worst.message} (and {len(same) - 1} more)"
    verdict = worst.verdict
    if verdict in (Verdict.PASS, Verdict.VACUOUS):
        unseen = [reason for name in expectation.events for reason in given.gaps(name)]
        if unseen:
            verdict = Verdict.UNDECIDED
            message = f"as far as seen: {message}; {summary(list(dict.fromkeys(unseen)))}"
    return judge(expectation, verdict, message, trigger=worst.event, timeline=seen.timeline)


def _call(expectation: PythonCheck, given: Seen) -> list[Judgement]:
    """Run the file as a module of its own and call its function; no file is imported by name."""
    module = types.ModuleType(f"nvh_python_check_{expectation.function}")
    module.__file__ = expectation.file
    code = compile(expectation.source, expectation.file, "exec", dont_inherit=True)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(code, module.__dict__)
        return _said(expectation, getattr(module, expectation.function)(given))
    finally:
        del sys.modules[module.__name__]


def _said(expectation: PythonCheck, answer: object) -> list[Judgement]:
    """The judgements; a generator runs here."""
    if isinstance(answer, Judgement):
        return [answer]
    if not isinstance(answer, Iterable):
        raise TypeError(f"{expectation.function} returned {answer!r}, not what seen.passed() and others make")
    said = list(answer)
    for each in said:
        if not isinstance(each, Judgement):
            raise TypeError(f"{expectation.function} returned {each!r} among its judgements")
    return said


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Raise ``TimeoutError`` in what runs too long; only the main thread can be interrupted so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_: int, __: object) -> None:
        raise TimeoutError(f"not done after {TIME_S:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, TIME_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _place(expectation: PythonCheck, error: BaseException) -> str:
    """The last line of the author's file that was being executed, or that is no Python."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{expectation.file}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__ or sys.exc_info()[2])
    lines = [frame.lineno for frame in frames if frame.filename == expectation.file]
    return f"{expectation.file}:{lines[-1] if lines else 1}"
