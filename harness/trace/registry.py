# SPDX-License-Identifier: GPL-2.0-only
"""Registered events, their realisations and the dynamic probes, as read from events.yaml."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.arch import table
from harness.level import Level

EVENTS = Path(__file__).with_name("events.yaml")
PROBE_GROUP = "nvh_probe"

PLACE = frozenset({"level", "cpu"})
"""Fields of every event of the model that say where it happened: the event itself holds them."""

Blind = Mapping[str, frozenset[str]]
"""What a realisation cannot see: events whose every named field has one of these values."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One dynamic probe. ``args`` and ``extra`` are fetch arguments (trace/kprobetrace.rst)."""

    name: str
    symbol: str
    role: str
    at_return: bool
    args: str
    extra: str

    def definitions(self) -> tuple[str, ...]:
        """Lines for ``dynamic_events``, best first: with the extra arguments; kprobe, then fprobe."""
        argument_lists = [f"{self.args} {self.extra}".strip(), self.args] if self.extra else [self.args]
        kinds = (("r", ""), ("f", "%return")) if self.at_return else (("p", ""), ("f", ""))
        lines = [
            f"{kind}:{PROBE_GROUP}/{self.name} {self.symbol}{tail} {args}".rstrip()
            for args in argument_lists
            for kind, tail in kinds
        ]
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class Realisation:
    """One way to have an event: trace events ``system:event`` and probes that must all exist.

    ``optional`` probes are used when they exist; ``module`` is loaded first when an event is absent.
    ``model``: it comes of the model's trace, and the level's kernel has no part in it.
    """

    name: str
    decoder: str = ""
    model: bool = False
    events: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    module: str = ""
    blind: Blind | None = None


@dataclass(frozen=True, slots=True)
class EventSpec:
    """A registered event: its level, the fields a pattern may name, and how to have it."""

    name: str
    level: Level
    summary: str
    fields: frozenset[str]
    realisations: tuple[Realisation, ...]

    def realisation(self, name: str) -> Realisation:
        """The realisation of that name; ``KeyError`` if there is none."""
        for each in self.realisations:
            if each.name == name:
                return each
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class ModelEventSpec:
    """An event of the hardware model; ``kind`` names its record in the plugin's file."""

    name: str
    kind: str
    summary: str
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class EventFormat:
    """Reads one trace event's text: a full match gives fields; ``hex`` fields lack the 0x."""

    regex: re.Pattern[str] | None
    hex: frozenset[str]


@dataclass(frozen=True, slots=True)
class Registry:
    events: Mapping[str, EventSpec]
    probes: Mapping[str, Probe]
    formats: Mapping[str, EventFormat]
    model: Mapping[str, ModelEventSpec]


def _blind(word: str | None) -> Blind | None:
    """``el2``: TLBIs of the EL2 regime, by an EL2 operation or an E1 one with {E2H,TGE}={1,1}."""
    if word is None:
        return None
    if word != "el2":
        raise ValueError(f"unknown kind of blindness {word!r}")
    operations = (op for op in table.load() if op.regime is table.Regime.EL2 or op.op1 == 0)
    chosen = tuple(operations)
    return {
        "op": frozenset(op.name for op in chosen),
        "family": frozenset(op.family for op in chosen),
        "regime": frozenset({table.Regime.EL2.value}),
    }


def _realisation(data: Mapping[str, Any]) -> Realisation:
    return Realisation(
        name=data["name"],
        decoder=data.get("decoder", ""),
        model=data.get("model", False),
        events=tuple(data.get("events", ())),
        probes=tuple(data.get("probes", ())),
        optional=tuple(data.get("optional", ())),
        module=data.get("module", ""),
        blind=_blind(data.get("blind")),
    )


@functools.cache
def load() -> Registry:
    """The shipped registry. A mistake in it is a bug, so it raises plain exceptions."""
    data = yaml.safe_load(EVENTS.read_text(encoding="utf-8"))
    events = {
        name: EventSpec(
            name=name,
            level=Level.parse(name.split(".", 1)[0]),
            summary=spec["summary"],
            fields=frozenset(spec["fields"]),
            realisations=tuple(map(_realisation, spec["realisations"])),
        )
        for name, spec in data["events"].items()
    }
    probes = {
        name: Probe(
            name=name,
            symbol=spec["symbol"],
            role=spec["role"],
            at_return=spec.get("at", "entry") == "return",
            args=spec.get("args", ""),
            extra=spec.get("extra", ""),
        )
        for name, spec in data["probes"].items()
    }
    formats = {
        name: EventFormat(
            regex=re.compile(spec["regex"]) if "regex" in spec else None,
            hex=frozenset(spec.get("hex", ())),
        )
        for name, spec in data["formats"].items()
    }
    model = {
        name: ModelEventSpec(name, spec["kind"], spec["summary"], frozenset(spec["fields"]) | PLACE)
        for name, spec in data["model"].items()
    }
    return Registry(events, probes, formats, model)
