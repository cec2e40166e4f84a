# SPDX-License-Identifier: GPL-2.0-only
"""Plugins that belong to a machine, before those that watch: its PA size, and the turns of its vCPUs."""

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
ALONE = dataclasses.replace(SPEC, levels={Level.L0: LevelSpec("nv", "hypervisor", 1, 512)})


def artefact(path: Path) -> Artefact:
    path.mkdir(exist_ok=True)
    return Artefact("part", path.name, path, {"sha256": "0"})


def images(tmp_path: Path, bits: int) -> StackImages:
    timings = {"icount": ("-icount", "shift=0"), "mttcg": ()}
    spec = ModelSpec("toy", {"path": "/qemu"}, "", "virt", "max", timings, (), True, 1.0, pa_bits=bits)
    model = Model(spec, ("/qemu",), {}, "12.3", "digest", None)
    plugins = artefact(tmp_path / "plugins")
    for name in ("nvh-identify", "nvh-turns", "nvh-trace"):
        (plugins.path / f"{name}-7.so").touch()
    parts = {Level.L0: artefact(tmp_path / "part")}
    return StackImages(model, parts, parts, artefact(tmp_path / "initrd"), Plugins(plugins, 7))


def test_the_code_of_each_size_is_the_architectures() -> None:
    """ID_AA64MMFR0_EL1.PARange (Arm ARM D24.2.80)."""
    assert PARANGES == {32: 0b0000, 36: 0b0001, 40: 0b0010, 42: 0b0011, 44: 0b0100, 48: 0b0101}


def test_the_plugin_is_told_the_code(tmp_path: Path) -> None:
    words = arguments(images(tmp_path, 40).machine(SPEC))
    assert words[words.index("-plugin") + 1] == f"{tmp_path}/plugins/nvh-identify-7.so,parange=2"
    assert "-plugin" not in arguments(images(tmp_path, 0).machine(ALONE))


def test_what_watches_comes_behind_it(tmp_path: Path) -> None:
    watch = Plugin(tmp_path / "watch.so")
    stack = Stack(images(tmp_path, 44), SPEC, tmp_path, plugins=(watch,))
    first, second, third = stack.machine_spec.plugins
    assert first.options == (("parange", "4"),)
    assert second == Plugin(tmp_path / "plugins/nvh-turns-7.so")
    assert third == watch


def test_only_vcpus_that_take_turns_give_them_away(tmp_path: Path) -> None:
    made = images(tmp_path, 0)
    turns = (Plugin(tmp_path / "plugins/nvh-turns-7.so"),)
    assert made.machine(SPEC).plugins == turns
    assert made.machine(ALONE).plugins == ()
    assert made.machine(dataclasses.replace(SPEC, timing="mttcg")).plugins == ()
    assert dataclasses.replace(made, plugins=None).machine(SPEC).plugins == ()


def test_without_plugins_there_is_no_such_machine(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="toy has pa-bits, and its plugins were not built"):
        dataclasses.replace(images(tmp_path, 40), plugins=None).machine(SPEC)
