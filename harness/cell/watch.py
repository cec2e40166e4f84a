"""Watches the hardware model of a cell: which plugin it loads, when that records, and what came of it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.check.condition import parse
from harness.errors import InfraError
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.scenario.model import Expectation, Scalar
from harness.scenario.patterns import patterns
from harness.stack.images import StackImages
from harness.trace.model import layout
from harness.trace.model import plan as model_plan
from harness.trace.model.assemble import ModelTrace
from harness.trace.plan import TracePlan

PLUGIN = "nvh-trace"
FILE = "model.trace"
LIMIT_UNITS = 1 << 24
"""Half a GiB of disk, sparse: more is a loss that is counted."""


class ModelWatch:
    """The trace of the model of one cell, in ``directory``.

    Recording is off until ``start``, so that a machine which begins from a snapshot and one that boots record
    the same. The machine's time does not depend on whether it is on.
    """

    def __init__(
        self, images: StackImages, timing: str, plan: TracePlan, functions: Sequence[str], directory: Path
    ) -> None:
        if images.plugins is None:
            raise InfraError("the work order names no plugins for the model; make it again with `./nvh run`")
        levels = plan.levels.get(Level.L0)
        events = [f"{system}:{event}" for system, event in (levels.raw if levels else ())]
        for spec in levels.registered if levels else ():
            events += [event for each in spec.realisations for event in each.events]
        self.plan = model_plan.make(plan.model, functions, events)
        known = model_plan.symbols(images.kernels[Level.L0].path / "System.map", self.plan.functions)
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
    """Return what watches the model, or None when nothing is wanted of it."""
    if not plan.model:
        return None
    return ModelWatch(images, timing, plan, tuple(functions_of(expectations)), directory)


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
