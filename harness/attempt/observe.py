# SPDX-License-Identifier: GPL-2.0-only
"""Watches a cell: traces, marks, clocks, consoles and kernel logs of the levels of its stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from harness.attempt.watch import ModelWatch
from harness.check.evaluate import event_names
from harness.errors import InfraError, NvhError
from harness.level import Level
from harness.scenario.language import Expectation
from harness.stack.stack import Stack
from harness.trace import export
from harness.trace.clock import ClockRelation, PingSample, relate
from harness.trace.from_raw import RawTrace, build_timeline
from harness.trace.timeline import Timeline
from harness.trace.tracing_plan import TracePlan, make_plan

SETUP_DEADLINE_S = 60.0
PING_S = 15.0
COLLECT_DEADLINE_S = 180.0
PINGS = 12
_T = TypeVar("_T")


def plan_of(expectations: Sequence[Expectation]) -> TracePlan:
    """Return what is to be traced for these expectations."""
    return make_plan(event_names(expectations))


class Observer:
    """Traces what the expectations name, at the levels they name, from the first step that is no boot."""

    def __init__(
        self, stack: Stack, plan: TracePlan, directory: Path, model: ModelWatch | None = None
    ) -> None:
        self._stack = stack
        self._plan = model.levels if model else plan
        self._model = model
        self._directory = directory
        self._begun = False
        self._setups: dict[Level, str] = {}
        self._pings: list[PingSample] = []
        self._logs: dict[Level, str] = {}
        self._timeline = Timeline()
        self.untraced: dict[Level, str] = {}
        self.unread: dict[Level, str] = {}
        self.silent: Level | None = None
        self.failed: NvhError | None = None
        self.guest_seconds: float | None = None

    def begin(self) -> None:
        """Start tracing on every level that is up; called before each step that is no boot."""
        if not self._begun:
            self._begun = True
            if self._model:
                self._model.start()
            self.level_up()

    def level_up(self) -> None:
        """Start tracing on levels that have come up since; nothing before the first other step."""
        if not self._begun or self._stack.booted is None:
            return
        for level in self._plan.levels:
            if level <= self._stack.booted and level not in self._setups:
                self._setups[level] = self._script(level, self._plan.setup_script(level), SETUP_DEADLINE_S)
                self._compare_clocks(level)

    def mark(self, name: str, *, opening: bool) -> None:
        """Write a mark at every traced level: from L0 up when ``opening``, else from the deepest down.

        So everything a step causes lies between its two marks in each level's own trace.
        """
        for level in sorted(self._setups, reverse=not opening):
            self._script(level, self._plan.mark_command(name), SETUP_DEADLINE_S)

    def collect(self) -> Timeline:
        """Stop tracing, fetch the traces, keep them in the cell's directory and return the timeline.

        A level that answers no more takes nothing with it but its own trace: ``untraced`` says why.
        ``InfraError`` when the model's trace cannot be read.
        """
        raw = {}
        for level in sorted(self._setups, reverse=True):
            self._trying(level, self.untraced, partial(self._stop, level))
        if self._model and self._begun:
            self._model.stop()
        for level, setup in self._setups.items():
            text = self._trying(level, self.untraced, partial(self._fetch, level))
            (self._directory / f"{level}.setup.log").write_text(setup)
            if text is not None:
                (self._directory / f"{level}.trace.txt").write_text(text)
                raw[level] = RawTrace(setup, text)
        model = self._model.trace if self._model and self._begun else None
        self._timeline = build_timeline(raw, self._clocks(), model)
        with (self._directory / "timeline.jsonl").open("w") as stream:
            stream.writelines(f"{line}\n" for line in export.write(self._timeline))
        return self._timeline

    def _stop(self, level: Level) -> None:
        self._compare_clocks(level)
        self._script(level, self._plan.stop_script(), SETUP_DEADLINE_S)

    def _fetch(self, level: Level) -> str:
        return self._script(level, self._plan.collect_script(), COLLECT_DEADLINE_S)

    def _trying(self, level: Level, failed: dict[Level, str], act: Callable[[], _T]) -> _T | None:
        """Do something at a level unless that failed there before; what goes wrong goes to ``failed``.

        The first error that is no silence is ``failed``. No level is asked above one that is silent: its
        words would come through that one.
        """
        if level in failed:
            return None
        if self.silent is not None and level >= self.silent:
            failed[level] = f"{self.silent} does not answer"
            return None
        try:
            return act()
        except TimeoutError as error:
            failed[level] = str(error)
            self.find_silent(level)
        except NvhError as error:
            failed[level] = str(error)
            self.failed = self.failed or error
        return None

    def find_silent(self, top: Level | None = None) -> None:
        """Look for the lowest level up to ``top`` (all that are up) that does not answer: ``silent``."""
        if self.silent is None:
            self.silent = next(
                (each for each in self._up(top) if not self._stack.answers(each, PING_S)), None
            )

    def _up(self, top: Level | None = None) -> list[Level]:
        booted = self._stack.booted
        return [each for each in Level if booted is not None and each <= (booted if top is None else top)]

    def read_kernel_logs(self) -> None:
        """Fetch dmesg of every level that is up and answers; ``unread`` says why of the others.

        ``silent`` is then the lowest level that does not answer.
        """
        self.find_silent()
        for level in self._up():
            self._trying(level, self.unread, partial(self._read_log, level))
        if self._stack.booting is not None:
            self.unread[self._stack.booting] = "it did not come up"

    def _read_log(self, level: Level) -> None:
        log = self._script(level, "cat /proc/uptime && dmesg", SETUP_DEADLINE_S)
        uptime, _, text = log.partition("\n")
        (self._directory / f"{level}.dmesg.log").write_text(text)
        self._logs[level] = text
        if level is Level.L0:
            self.guest_seconds = float(uptime.split()[0])

    def consoles(self) -> dict[Level, str]:
        """What each level printed on its console, and its kernel log once that was read."""
        return {
            level: text + "\n" + self._logs.get(level, "") for level, text in self._stack.consoles().items()
        }

    def facts(self) -> dict[str, str]:
        """How each event was had, what was missing, and how well the clocks are known; for the report."""
        found = {f"event {name}": how.how for name, how in self._timeline.realised.items()}
        found |= {f"event {name}": f"missing: {why}" for name, why in self._timeline.missing.items()}
        for level, relation in self._timeline.clocks.items():
            if level is not Level.L0:
                known = "unknown" if relation.error_ns is None else f"within {relation.error_ns} ns"
                found[f"clock {level}"] = "; ".join([known, *relation.doubts])
        if self._model and self._model.trace.notes:
            found["order to the model"] = "; ".join(self._model.trace.notes)
        return found

    def _clocks(self) -> dict[Level, ClockRelation]:
        # CNTPCT_EL0 would be exact, but QEMU's KVM_REG_ARM_PTIMER_CNT write at start offsets L1's by the time
        # that its own initialisation took (target/arm/kvm.c), and nothing tells by how much.
        return {Level.L1: relate(self._pings)}

    def _compare_clocks(self, level: Level) -> None:
        """Sample L1's clock against L0's; only levels above L0 need it."""
        if level is Level.L0:
            return
        for _ in range(PINGS):
            before, there, after = (
                self._stack.ping(at, SETUP_DEADLINE_S) for at in (Level.L0, level, Level.L0)
            )
            self._pings.append(PingSample(before.monotonic_ns, there.monotonic_ns, after.monotonic_ns))

    def _script(self, level: Level, text: str, deadline_s: float) -> str:
        done = self._stack.run(level, text, deadline_s)
        if done.status != 0:
            words = done.stderr.decode(errors="replace").strip()
            raise InfraError(f"observing {level} failed with status {done.status}: {words}")
        return done.text
