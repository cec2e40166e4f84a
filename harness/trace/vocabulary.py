# SPDX-License-Identifier: GPL-2.0-only
"""Which event names, fields and values a scenario may use; handed to the scenario loader."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.arch import table
from harness.level import Level
from harness.trace import registry
from harness.trace.model import names

_RAW = re.compile(r"(l[0-2])\.([A-Za-z_]\w*)\.([A-Za-z_]\w*)")


def _model_values() -> Mapping[str, frozenset[str]]:
    return {
        "op": frozenset(op.name for op in table.load()),
        "family": frozenset(op.family for op in table.load()),
        "regime": frozenset(regime.value for regime in table.Regime),
        "scope": frozenset(scope.value for scope in table.Shareability),
        "domain": frozenset(names.DOMAINS),
        "access": frozenset(names.ACCESSES),
        "trapped": frozenset({"yes", "no"}),
        "nxs": frozenset({"yes", "no"}),
        "reg": frozenset(names.REGISTERS.values()),
        "level": frozenset(str(level) for level in Level),
    }


def known_events() -> Mapping[str, frozenset[str]]:
    """Registered event names with the fields a pattern on them may name."""
    known = registry.load()
    fields = {name: spec.fields for name, spec in known.events.items()}
    return fields | {name: spec.fields for name, spec in known.model.items()}


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
    if field not in known_events().get(event, ()):
        return None
    if event.startswith("model."):
        return _model_values().get(field) if event != "model.at" or field != "op" else None
    if field == "op":
        return frozenset(op.name for op in table.load())
    if field == "family":
        return frozenset(op.family for op in table.load())
    if field == "regime":
        return frozenset(regime.value for regime in table.Regime)
    return None
