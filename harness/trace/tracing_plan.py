# SPDX-License-Identifier: GPL-2.0-only
"""What to trace at each level, derived from the events that expectations name.

Pure: the plan is data and shell text. Whoever runs the text at a level hands its output to ``build``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import UserError, closest
from harness.level import Level
from harness.trace import registry, tracefs_shell, vocabulary
from harness.trace.registry import EventSpec

BUFFER_KIB = 8192


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """Registered events and raw events (``system``, ``event``) wanted at one level."""

    registered: tuple[EventSpec, ...] = ()
    raw: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TracePlan:
    """The plan of a cell. ``buffer_kib`` is the trace buffer's size per CPU of the level.

    ``model``: events wanted of the hardware model. L0 is traced with them, because its marks and records are
    what places the model's events in time.
    """

    levels: Mapping[Level, LevelPlan]
    buffer_kib: int = BUFFER_KIB
    model: tuple[str, ...] = ()

    def without(self, name: str) -> TracePlan:
        """The same plan, but that no level's kernel traces the registered event ``name``.

        The level is set up nevertheless: marks are wanted there.
        """
        levels = {
            level: LevelPlan(tuple(spec for spec in each.registered if spec.name != name), each.raw)
            for level, each in self.levels.items()
        }
        return dataclasses.replace(self, levels=levels)

    def setup_script(self, level: Level) -> str:
        """POSIX sh that starts tracing; prints ``nvh-fact`` lines (docs/traces.md), ends with status 0."""
        plan = self.levels[level]
        return tracefs_shell.setup(level, plan.registered, plan.raw, self.buffer_kib)

    def stop_script(self) -> str:
        """POSIX sh that stops recording and keeps the buffer."""
        return tracefs_shell.STOP

    def collect_script(self) -> str:
        """POSIX sh that prints statistics and the trace, in sections."""
        return tracefs_shell.COLLECT

    def mark_command(self, name: str) -> str:
        """One shell command that writes the mark ``name`` into a level's trace; fails if it cannot."""
        return tracefs_shell.mark(name)


def make_plan(names: Iterable[str], buffer_kib: int = BUFFER_KIB) -> TracePlan:
    """Plan for these event names.

    ``UserError`` for an unknown name, and for two raw events of one level that differ only in their
    system, because the trace text shows the event's name alone.
    """
    registered: dict[Level, list[EventSpec]] = {}
    raw: dict[Level, list[tuple[str, str]]] = {}
    known = registry.load().events
    model = []
    for name in dict.fromkeys(names):
        if name in registry.load().model:
            model.append(name)
        elif name in known:
            registered.setdefault(known[name].level, []).append(known[name])
        elif vocabulary.is_raw_event(name):
            level, system, event = vocabulary.split_raw(name)
            for other, same in raw.setdefault(level, []):
                if same == event:
                    raise UserError(
                        f"{level}.{other}.{event} and {name} cannot be told apart in one trace; use one"
                    )
            raw[level].append((system, event))
        else:
            every = vocabulary.known_events()
            near = closest(name, every)
            hint = f"; did you mean {near!r}?" if near else f"; registered are {', '.join(every)}"
            raise UserError(f"{name!r} is neither a registered event nor lN.<system>.<event>{hint}")
    levels = {
        level: LevelPlan(tuple(registered.get(level, ())), tuple(raw.get(level, ())))
        for level in sorted({*registered, *raw, *([Level.L0] if model else [])})
    }
    return TracePlan(levels, buffer_kib, tuple(model))
