"""Which event names, fields and values a scenario may use; handed to the scenario loader."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.level import Level
from harness.tlbi import table
from harness.trace import registry

_RAW = re.compile(r"(l[0-2])\.([A-Za-z_]\w*)\.([A-Za-z_]\w*)")


def known_events() -> Mapping[str, frozenset[str]]:
    """Registered event names with the fields a pattern on them may name."""
    return {name: spec.fields for name, spec in registry.load().events.items()}


def is_raw_event(name: str) -> bool:
    """Whether ``name`` is ``lN.<system>.<event>``: any event in tracefs, with the fields it prints."""
    return _RAW.fullmatch(name) is not None


def split_raw(name: str) -> tuple[Level, str, str]:
    """Level, system and event of a raw event name; ``ValueError`` when it is none."""
    match = _RAW.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not of the form lN.<system>.<event>")
    return Level.parse(match[1]), match[2], match[3]


def known_values(event: str, field: str) -> frozenset[str] | None:
    """Every value that ``field`` of the registered ``event`` can have, or None where any will do."""
    spec = registry.load().events.get(event)
    if spec is None or field not in spec.fields:
        return None
    if field == "op":
        return frozenset(op.name for op in table.load())
    if field == "family":
        return frozenset(op.family for op in table.load())
    if field == "regime":
        return frozenset(regime.value for regime in table.Regime)
    return None
