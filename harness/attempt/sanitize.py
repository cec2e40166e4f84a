# SPDX-License-Identifier: GPL-2.0-only
"""The sanitizer of a cell: the plugin that the model loads, and what comes of it."""

from __future__ import annotations

from pathlib import Path

from harness.check.breaks import Breaks
from harness.check.finding import Finding
from harness.check.sanitizer import to_finding, to_model_finding
from harness.check.sanitizer.to_breaks import breaks_in
from harness.errors import InfraError, Location
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.scenario.language import Cell, StackSpec
from harness.stack.images import StackImages

PLUGIN = "nvh-sanitizer"


MODEL = "model"
"""What ``sanitize`` says when the model itself is to be judged."""


def judges_model(images: StackImages, spec: StackSpec) -> bool:
    """Whether the model itself is judged.

    Where vCPUs run in parallel, a descriptor may change between the model's walk and ours, so there nothing
    can be said against it.
    """
    return spec.sanitize == MODEL and images.model.deterministic(spec.timing)


def plugin(images: StackImages, spec: StackSpec, judges: bool) -> Plugin:
    """The sanitizer for the model of ``spec``; it writes into the directory that QEMU runs in.

    ``judges``: the model itself is judged, too.
    """
    if images.plugins is None:
        raise InfraError("the work order names no plugins for the model; make it again with `./nvh run`")
    ram = images.machine(spec).memory_mib << 20
    options = [("out", to_finding.REPORTS), ("ram", str(ram))]
    options += [("model", "on")] if judges else []
    options += [] if images.model.deterministic(spec.timing) else [("parallel", "on")]
    return Plugin(images.plugins.file(PLUGIN), tuple(options))


def maps(images: StackImages) -> dict[Level, Path]:
    """The System.map of each level's kernel."""
    return {level: kernel.path / "System.map" for level, kernel in images.kernels.items()}


class Sanitizer:
    """The TLB sanitizer of ``cell``, whose model runs in ``directory``.

    A machine that begins from a snapshot begins with an empty TLB: what was filled before is not known.
    """

    def __init__(self, cell: Cell, images: StackImages, directory: Path) -> None:
        self._asked = cell.stack.sanitize == MODEL
        self._judges_model = judges_model(images, cell.stack)
        self.plugin = plugin(images, cell.stack, self._judges_model)
        self._maps = maps(images)
        self._where = Location(cell.path)
        self._directory = directory

    def judge(self, facts: dict[str, str], starved: str = "") -> list[Finding]:
        """Return the findings, once QEMU has ended; ``InfraError`` when the plugin did not run.

        ``starved``: how the host kept a model with threads from its pace, empty if it did not.
        """
        finding, state = to_finding.judge(self._directory, self._maps, self._where, starved)
        facts["sanitizer"] = to_finding.summary(state)
        if not self._asked:
            return [finding]
        if not self._judges_model:
            facts["model-judged"] = "no: vCPUs run in parallel in this timing"
            return [finding]
        facts["model-judged"] = to_model_finding.summary(state)
        return [to_model_finding.judge_model(self._directory, self._maps, self._where), finding]

    def breaks(self) -> Breaks:
        """What it says of break-before-make until now, while the machine stands still."""
        return breaks_in(self._directory, self._maps)


def sanitizer(cell: Cell, images: StackImages, directory: Path) -> Sanitizer | None:
    """Return what the cell's stack asks for, or None."""
    return Sanitizer(cell, images, directory) if cell.stack.sanitize else None
