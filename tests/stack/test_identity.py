# SPDX-License-Identifier: GPL-2.0-only
"""A model with ``pa-bits``: its plugin is one of each machine's, before those that watch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.artefacts.model import PARANGES, Model, ModelSpec
from harness.artefacts.plugin import Plugins
from harness.errors import InfraError
from harness.host.cache import Artefact
from harness.level import Level
from harness.machine.qemu import Plugin, arguments
from harness.scenario.language import LevelSpec, StackSpec
from harness.stack.images import StackImages
from harness.stack.stack import Stack

SPEC = StackSpec("toy", "icount", {Level.L0: LevelSpec("nv", "hypervisor", 2, 512)})


def artefact(path: Path) -> Artefact:
    path.mkdir(exist_ok=True)
    return Artefact("part", path.name, path, {"sha256": "0"})


def images(tmp_path: Path, bits: int) -> StackImages:
    timings = {"icount": ("-icount", "shift=0")}
    spec = ModelSpec("toy", {"path": "/qemu"}, "", "virt", "max", timings, (), True, 1.0, pa_bits=bits)
    model = Model(spec, ("/qemu",), {}, "12.3", "digest", None)
    plugins = artefact(tmp_path / "plugins")
    for name in ("nvh-identify", "nvh-trace"):
        (plugins.path / f"{name}-7.so").touch()
    parts = {Level.L0: artefact(tmp_path / "part")}
    return StackImages(model, parts, parts, artefact(tmp_path / "initrd"), Plugins(plugins, 7))


def test_the_code_of_each_size_is_the_architectures() -> None:
    """ID_AA64MMFR0_EL1.PARange (Arm ARM D24.2.80)."""
    assert PARANGES == {32: 0b0000, 36: 0b0001, 40: 0b0010, 42: 0b0011, 44: 0b0100, 48: 0b0101}


def test_the_plugin_is_told_the_code(tmp_path: Path) -> None:
    words = arguments(images(tmp_path, 40).machine(SPEC))
    assert words[words.index("-plugin") + 1] == f"{tmp_path}/plugins/nvh-identify-7.so,parange=2"
    assert "-plugin" not in arguments(images(tmp_path, 0).machine(SPEC))


def test_what_watches_comes_behind_it(tmp_path: Path) -> None:
    watch = Plugin(tmp_path / "watch.so")
    stack = Stack(images(tmp_path, 44), SPEC, tmp_path, plugins=(watch,))
    first, second = stack.machine_spec.plugins
    assert first.options == (("parange", "4"),)
    assert second == watch


def test_without_plugins_there_is_no_such_machine(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="toy has pa-bits, and its plugins were not built"):
        dataclasses.replace(images(tmp_path, 40), plugins=None).machine(SPEC)
