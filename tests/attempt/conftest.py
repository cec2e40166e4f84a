# SPDX-License-Identifier: GPL-2.0-only
"""A cell, and images that exist on disk but would boot nothing: enough for all that runs no QEMU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.artefacts.model import Model, ModelSpec
from harness.host.cache import Artefact, Store
from harness.level import Level
from harness.runner.project import vocabulary
from harness.scenario.language import Cell
from harness.scenario.load import load_file
from harness.stack.images import StackImages

SCENARIO = """\
scenario: made-for-a-test
summary: Says something at L0.
matrix: {word: [one, "two words"]}
steps:
  - boot: l0
  - run: echo ${word}
    on: l0
    name: say
    timeout: 30
expect:
  - result: said
    of: say
    stdout: ${word}
  - response: answered
    when: {event: l0.tlbi, vmid: $v}
    then: {event: l0.shadow_unmap, vmid: $v}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture
def cells(scenario: Path) -> list[Cell]:
    return load_file(scenario, vocabulary())


def fake_images(store: Store, program: Path) -> StackImages:
    """Return images whose model is ``program`` and whose artefacts are small files."""

    def artefact(kind: str, name: str) -> Artefact:
        def build(work: Path) -> Mapping[str, Any]:
            for file in ("Image", "rootfs.ext4", "initrd"):
                (work / file).write_text(name)
            return {"name": name, "release": "7.0", "sha256": "0" * 64}

        return store.get_or_build(kind, {"name": name}, build)

    timings = {"icount": ("-icount", "shift=0"), "mttcg": ("-accel", "tcg,thread=multi")}
    spec = ModelSpec("fake", {"path": str(program)}, "", "virt", "max", timings, ("-device", "x"), False, 1.5)
    model = Model(spec, (str(program),), {"A": "b c"}, "11.1", "1" * 64, None)
    kernels = {level: artefact("kernel", f"nv{level.value}") for level in Level}
    rootfs = {level: artefact("rootfs", f"fs{level.value}") for level in Level}
    return StackImages(model, kernels, rootfs, artefact("initrd", "disk"))


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A model that ends at once."""
    path = tmp_path / "qemu"
    path.write_text("#!/bin/sh\necho this is no machine >&2\nexit 5\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def images(tmp_path: Path, program: Path) -> StackImages:
    return fake_images(Store(tmp_path / "cache"), program)
