# SPDX-License-Identifier: GPL-2.0-only
"""Watches the hardware model of a cell: which plugin it loads, when that records, and what came of it."""

from __future__ import annotations

import dataclasses
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.arch import table
from harness.check.condition import parse
from harness.check.evaluate import event_names
from harness.check.match import wants_same_span
from harness.check.oracle import ORACLES
from harness.errors import InfraError
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.scenario.language import EventPattern, Expectation, OracleCheck, Scalar
from harness.scenario.patterns import patterns
from harness.stack.images import StackImages
from harness.trace import registry
from harness.trace.event import Value
from harness.trace.model import layout, names
from harness.trace.model import recording_plan as model_plan
from harness.trace.model.add_to_timeline import ModelTrace
from harness.trace.model.emulated import EVENT as EMULATED
from harness.trace.model.layout import UnitKind
from harness.trace.model.recording_plan import Only
from harness.trace.source import Source, source_of
from harness.trace.tracing_plan import TracePlan

PLUGIN = "nvh-trace"
FILE = "model.trace"
SYSTEM_MAP = "System.map"
LIMIT_UNITS = 1 << 24
"""Half a GiB of disk, sparse: more is a loss that is counted."""


class ModelWatch:
    """The trace of the model of one cell, in ``directory``; ``levels`` is what remains to be traced at them.

    Recording is off until ``start``, so that a machine which begins from a snapshot and one that boots record
    the same. The machine's time does not depend on whether it is on.
    """

    def __init__(
        self,
        images: StackImages,
        timing: str,
        plan: TracePlan,
        expectations: Sequence[Expectation],
        directory: Path,
    ) -> None:
        if images.plugins is None:
            raise InfraError("the work order names no plugins for the model; make it again with `./nvh run`")
        functions = tuple(functions_of(expectations))
        emulated = from_model(plan) and ties_known(images)
        self.levels = plan.without(EMULATED) if emulated else plan
        levels = self.levels.levels.get(Level.L0)
        events = [f"{system}:{event}" for system, event in (levels.raw if levels else ())]
        for spec in levels.registered if levels else ():
            events += [event for each in spec.realisations for event in each.events]
        self.plan = dataclasses.replace(
            model_plan.make(plan.model, functions, events, emulated=emulated),
            only=only_of(expectations, plan.model),
            spans=emulated or any(wants_spans(each) for each in expectations),
        )
        known = model_plan.symbols(images.kernels[Level.L0].path / SYSTEM_MAP, self.plan.functions)
        options = [("out", FILE), ("limit", str(LIMIT_UNITS))]
        if images.model.deterministic(timing):
            options.append(("cpu", "tpidr"))  # all on one thread; see images/payloads/plugin/trace/vcpu.c
        options += [("call", f"{known[name]:#x}:{name}") for name in self.plan.functions if name in known]
        self.plugin = Plugin(images.plugins.file(PLUGIN), tuple(options))
        absent = tuple(name for name in functions if name not in known)
        self.trace = ModelTrace(directory / FILE, self.plan, absent)

    def start(self) -> None:
        """Record from now on."""
        self._enable(self.plan.enabled)

    def stop(self) -> None:
        """Record nothing more."""
        self._enable(0)

    def finish(self) -> None:
        """Give back the disk that the file does not need; only after ``stop``."""
        header = layout.read_header(self.trace.path)
        os.truncate(self.trace.path, layout.HEADER_BYTES + header.used * layout.UNIT.itemsize)

    def _enable(self, mask: int) -> None:
        """The plugin sees the new mask at once, because it maps the same file."""
        try:
            with (
                self.trace.path.open("r+b") as stream,
                mmap.mmap(stream.fileno(), layout.HEADER_BYTES) as header,
            ):
                at = layout.ENABLED_AT
                header[at : at + 8] = mask.to_bytes(8, "little")
        except (OSError, ValueError) as error:
            raise InfraError(f"the model's trace {self.trace.path} cannot be switched: {error}") from error


def watch(
    images: StackImages, timing: str, plan: TracePlan, expectations: Sequence[Expectation], directory: Path
) -> ModelWatch | None:
    """Return what watches the model, or None when nothing is wanted of it or it can give nothing.

    Events of the model need it. ``l0.tlbi`` is taken from it, and order between levels comes from it, where
    the model has plugins and L0's kernel a System.map; else from L0's tracing, and the levels' clocks.
    """
    if not plan.model:
        helps = from_model(plan) or any(map(between_levels, expectations))
        if not helps or images.plugins is None or not ties_known(images):
            return None
    return ModelWatch(images, timing, plan, expectations, directory)


def may_watch(expectations: Sequence[Expectation], plan: TracePlan) -> bool:
    """Whether the model's trace would be of use, if only for what there are other ways for."""
    return bool(plan.model) or from_model(plan) or any(map(between_levels, expectations))


def from_model(plan: TracePlan) -> bool:
    """Whether an event is wanted of L0 that the model can show."""
    levels = plan.levels.get(Level.L0)
    return any(spec.name == EMULATED for spec in (levels.registered if levels else ()))


def between_levels(expectation: Expectation) -> bool:
    """Whether a check relates events that different levels' kernels trace."""
    return len({source_of(name) for name in event_names([expectation])} - {Source.MODEL}) > 1


def ties_known(images: StackImages) -> bool:
    """Whether L0's kernel comes with the addresses by which the model's trace is tied to its own."""
    found = model_plan.symbols(images.kernels[Level.L0].path / SYSTEM_MAP, model_plan.NEEDED)
    return set(model_plan.NEEDED) <= set(found)


def only_of(expectations: Sequence[Expectation], events: Sequence[str]) -> dict[UnitKind, Only]:
    """Return what of each kind the patterns may match; absent is a kind that more than patterns want."""
    found: dict[str, list[EventPattern]] = {}
    for expectation in expectations:
        for pattern in patterns(expectation):
            found.setdefault(pattern.event, []).append(pattern)
        if not patterns(expectation):
            for name in event_names([expectation]):
                found.pop(name, None)
                events = [each for each in events if each != name]
    model = registry.load().model
    result = {}
    for name in events:
        if name in found and name != "model.exception":
            kind = UnitKind[model[name].kind]
            els = frozenset(el for el in range(4) if any(_may(p, "el", el) for p in found[name]))
            without = _operations_without(found[name]) if kind is UnitKind.TLBI else frozenset()
            result[kind] = Only(els, without)
    return result


def _operations_without(chosen: Sequence[EventPattern]) -> frozenset[int]:
    """Operations of the table that no pattern can match; one that is in no table may match any."""
    return frozenset(
        names.register(op.op1, op.crn, op.crm, op.op2)
        for op in table.load()
        if not any(
            _may(p, "op", op.name) and _may(p, "family", op.family) and _may(p, "scope", op.scope.value)
            for p in chosen
        )
    )


def wants_spans(expectation: Expectation) -> bool:
    """Whether a check looks at spans: a pattern that says so, an oracle that does, or Python."""
    if isinstance(expectation, OracleCheck):
        return ORACLES[expectation.oracle].spans
    chosen = patterns(expectation)
    return any(map(wants_same_span, chosen)) if chosen else bool(event_names([expectation]))


def _may(pattern: EventPattern, field: str, value: Value) -> bool:
    if field not in pattern.fields:
        return True
    condition = parse(pattern.fields[field])
    return condition.variable is not None or condition.test(value, {}) is not False


def functions_of(expectations: Sequence[Expectation]) -> Iterator[str]:
    """Yield the functions of L0's kernel that patterns on ``model.call`` name."""
    for expectation in expectations:
        for pattern in patterns(expectation):
            if pattern.event == "model.call" and "function" in pattern.fields:
                yield from _names(pattern.fields["function"])


def _names(value: Scalar) -> Iterator[str]:
    condition = parse(value)
    if condition.variable is None:
        yield from (each for each in condition.values if isinstance(each, str))
