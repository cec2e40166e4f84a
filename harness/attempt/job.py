# SPDX-License-Identifier: GPL-2.0-only
"""A cell's directory as its work order: the scenario, the stack's artefacts and how to run them.

``cell.json`` names everything by path and digest, so the process that runs the cell resolves nothing
anew, and the cell can be run again from its directory alone.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.artefacts.model import Model, ModelSpec
from harness.artefacts.plugin import Plugins
from harness.errors import InfraError, UserError
from harness.host.cache import Artefact, load_artefact, write_atomic
from harness.level import Level
from harness.machine.qemu import Plugin
from harness.report.publish import utc_now
from harness.report.results import CellResult
from harness.runner.project import vocabulary
from harness.scenario.language import Cell, PythonCheck
from harness.scenario.load import load_cell
from harness.scenario.scenario import Overrides
from harness.stack.images import StackImages
from harness.verdict import Verdict

FORMAT = 3
JOB = "cell.json"
SCENARIO = "scenario.yaml"
EVIDENCE_S = 120.0
"""What a cell has to collect what was seen, once its deadline has passed."""
SEED = 1  # of a run that asks for no other


@dataclass(frozen=True, slots=True)
class Job:
    """What a cell process needs: the cell, its images, and the identity under which it reports.

    ``command`` is the one command that reproduces the cell. ``seed`` is that of the model's randomness and
    of what a restored machine is given. ``keep``: save the machine when the verdict is no pass. ``watch`` are
    plugins for the model beside those that the cell itself needs.
    """

    cell: Cell
    images: StackImages
    slug: str
    command: str
    seed: int = SEED
    keep: bool = False
    watch: tuple[Plugin, ...] = ()

    @property
    def deadline_s(self) -> float:
        """How long the cell's steps may take together on its model, in seconds."""
        return self.cell.timeout * self.slowdown

    @property
    def limit_s(self) -> float:
        """When its process must have ended, in seconds: what its steps may take, and then its evidence."""
        return self.deadline_s + EVIDENCE_S * self.slowdown

    @property
    def slowdown(self) -> float:
        """What every deadline is multiplied by on the cell's model."""
        return self.cell.stack.slowdown(self.images.model.spec.slowdown)


def write_job(directory: Path, job: Job, overrides: Overrides) -> None:
    """Write the work order and copies of the scenario and its Python files into ``directory``."""
    source = Path(job.cell.path)
    if overrides.model and "/" in overrides.model:  # the cell's process has another working directory
        overrides = dataclasses.replace(overrides, model=str(Path(overrides.model).absolute()))
    shutil.copyfile(source, directory / SCENARIO)
    for name, text in python_files(job.cell).items():
        (directory / name).write_text(text, encoding="utf-8")
    data = {
        "format": FORMAT,
        "id": job.cell.id,
        "slug": job.slug,
        "command": job.command,
        "seed": job.seed,
        "keep": job.keep,
        "watch": [{"file": str(each.file), "options": list(each.options)} for each in job.watch],
        "path": str(source),
        "base": str(source.parent.absolute()),
        "overrides": dataclasses.asdict(overrides),
        "images": _images_to_json(job.images),
    }
    write_atomic(directory / JOB, json.dumps(data, indent=1, sort_keys=True))


def python_files(cell: Cell) -> dict[str, str]:
    """Return the text of each Python file beside the scenario that an expectation of the cell names."""
    return {e.file: e.source for e in cell.expectations if isinstance(e, PythonCheck)}


def read_job(directory: Path) -> Job:
    """Read a work order; ``InfraError`` when it is unreadable or an artefact it names is gone."""
    try:
        data = json.loads((directory / JOB).read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise InfraError(f"{directory / JOB}: format {data['format']}, this nvh reads {FORMAT}")
        overrides = Overrides(**data["overrides"])
        cell = load_cell(directory / SCENARIO, data["id"], vocabulary(), overrides, Path(data["base"]))
        images = _images_from_json(data["images"])
        # Findings name the file the user knows, not the copy.
        return Job(
            relocate(cell, data["path"]),
            images,
            data["slug"],
            data["command"],
            int(data["seed"]),
            bool(data["keep"]),
            tuple(_plugin(each) for each in data["watch"]),
        )
    except UserError as error:
        raise InfraError(f"{directory / JOB} no longer fits this nvh: {error}") from error
    except (AttributeError, OSError, ValueError, KeyError, TypeError) as error:
        raise InfraError(f"{directory / JOB}: {error}") from error


def _plugin(data: Mapping[str, Any]) -> Plugin:
    return Plugin(Path(data["file"]), tuple((str(key), str(value)) for key, value in data["options"]))


def relocate(value: Any, path: str) -> Any:
    """Return a copy of a cell (or a part of one) whose locations name ``path``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changes: dict[str, Any] = {}
        for each in dataclasses.fields(value):
            old = getattr(value, each.name)
            is_path = each.name == "path" and isinstance(old, str)
            changes[each.name] = path if is_path else relocate(old, path)
        return dataclasses.replace(value, **changes)
    if isinstance(value, tuple):
        return tuple(relocate(item, path) for item in value)
    return value


def _images_to_json(images: StackImages) -> dict[str, Any]:
    model = images.model
    return {
        "model": {
            "spec": {**dataclasses.asdict(model.spec), "source": dict(model.spec.source)},
            "launcher": list(model.launcher),
            "environment": dict(model.environment),
            "version": model.version,
            "sha256": model.sha256,
        },
        "kernels": {str(level): str(each.path) for level, each in images.kernels.items()},
        "rootfs": {str(level): str(each.path) for level, each in images.rootfs.items()},
        "initrd": str(images.root.path),
        "plugins": images.plugins.to_json() if images.plugins else None,
        "mainloop": str(images.mainloop.path) if images.mainloop else None,
    }


def _images_from_json(data: Mapping[str, Any]) -> StackImages:
    model = data["model"]
    spec = dict(model["spec"])
    spec["timings"] = {name: tuple(words) for name, words in spec["timings"].items()}
    spec["devices"] = tuple(spec["devices"])
    spec["narrow"] = tuple(spec.get("narrow", ()))
    return StackImages(
        Model(
            ModelSpec(**spec),
            tuple(model["launcher"]),
            model["environment"],
            model["version"],
            model["sha256"],
            None,
        ),
        _artefacts(data["kernels"]),
        _artefacts(data["rootfs"]),
        load_artefact(Path(data["initrd"])),
        Plugins.from_json(data["plugins"]) if data["plugins"] else None,
        load_artefact(Path(data["mainloop"])) if data["mainloop"] else None,
    )


def _artefacts(data: Mapping[str, str]) -> dict[Level, Artefact]:
    return {Level.parse(level): load_artefact(Path(path)) for level, path in data.items()}


def planned(job: Job) -> CellResult:
    """Return the result of a cell of which nothing but its plan is known."""
    cell = job.cell
    return CellResult(
        id=cell.id,
        slug=job.slug,
        scenario=cell.scenario,
        summary=cell.summary,
        model=cell.stack.model,
        timing=cell.stack.timing,
        kernels={str(level): spec.kernel for level, spec in cell.stack.levels.items()},
        verdict=Verdict.INFRA,
        started=utc_now(),
        seconds=0.0,
        command=job.command,
        params=cell.params,
        claims=cell.claims,
        reason="not run",
        seed=job.seed,
    )
