# SPDX-License-Identifier: GPL-2.0-only
"""Kernel files: the shipped ones load, the example can be filled in, damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.artefacts.kernel import config, list_kernels, load_kernel
from harness.artefacts.kernel.archives import DebianSource
from harness.artefacts.kernel.debian_image import INIT, DebianImage
from harness.artefacts.kernel.trees import GitTree
from harness.errors import InputError, UserError
from harness.host.paths import IMAGES
from tests.artefacts.kernel.toy import FORK, mail

KERNELS = IMAGES / "kernels"
GOOD = "kernel: k\nsummary: s\nsource: {directory: {path: /src}}\nconfig: [a.config]\n"


def write(tmp_path: Path, text: str) -> str:
    """Write a kernel file beside a fragment and return its path."""
    (tmp_path / "a.config").write_text("CONFIG_A=y\n")
    (tmp_path / "k.yaml").write_text(text)
    return str(tmp_path / "k.yaml")


@pytest.mark.parametrize("name", list_kernels())
def test_shipped_kernels_load(name: str) -> None:
    spec = load_kernel(name)
    assert spec.name == name
    assert spec.summary.endswith(".")
    if not isinstance(spec.source, DebianImage):
        if name.endswith("-fixed"):  # tests/docs/test_defects.py
            return
        extra = {
            "nv-mutants": [f"{number:04}" for number in range(1, 21)],
            "nv-host": [f"{number:04}" for number in range(1, 21)],
            "nv-guest-mutants": ["0001"],
        }.get(name, [])
        assert [p.name[:4] for p in spec.series().patches] == ["0001", "0002", "0003", *extra]
        wanted = config.join(spec.config)
        for option in spec.require:
            assert f"{option}=y\n" in wanted


def test_shipped_sources() -> None:
    newest, previous = load_kernel("nv").source, load_kernel("nv-previous").source
    assert isinstance(newest, DebianSource)
    assert isinstance(previous, DebianSource)
    assert (newest.older, previous.older) == (0, 1)
    assert newest.slot() != previous.slot()
    assert INIT.read_text().startswith("#!/bin/busybox sh\n")


def test_page_size_fragments_override_the_base() -> None:
    base = KERNELS / "config/base.config"
    for size, option in (("64k", "CONFIG_ARM64_64K_PAGES=y"), ("16k", "CONFIG_ARM64_16K_PAGES=y")):
        joined = config.join([base, KERNELS / f"config/{size}.config"])
        assert option in joined
        assert "CONFIG_ARM64_4K_PAGES=y" not in joined


def test_example_is_loadable_when_its_paths_are_filled_in(tmp_path: Path) -> None:
    text = (KERNELS / "nv-v8.yaml.example").read_text()
    box = tmp_path / "v8.mbx"
    box.write_text(mail(FORK))
    text = text.replace("/path/to/linux", str(tmp_path)).replace("/path/to/nvh", str(IMAGES.parent))
    text = text.replace("/path/to/v8_20230131_maz_kvm_arm64_nested_virtualization_support.mbx", str(box))
    assert "/path/to" not in text
    (tmp_path / "nv-v8.yaml").write_text(text)
    spec = load_kernel(str(tmp_path / "nv-v8.yaml"))
    assert spec.source == GitTree(tmp_path, "v6.2")
    assert spec.series().paths() == ["kernel/fork.c"]
    assert config.join(spec.config)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    spec = load_kernel(write(tmp_path, GOOD))
    assert spec.config == (tmp_path / "a.config",)
    assert spec.series().patches == ()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD + "serie: {mbox: x}\n", 5, "did you mean 'series'?"),
        (GOOD.replace("directory: {path", "directry: {path"), 3, "unknown key 'directry'"),
        (GOOD.replace("path: /src", "path: 3"), 3, "the integer 3; expected a string"),
        (GOOD.replace("path: /src", "ref: x"), 3, "missing key 'path'"),
        (GOOD + "config: [b]\n", 5, "duplicate key 'config'"),
        (
            GOOD.replace("kernel: k", "kernel: K!"),
            1,
            "'K!'; expected a name of lower-case letters",
        ),
        (GOOD + "require: [KVM]\n", 5, "the string 'KVM'; expected an option such as CONFIG_KVM"),
        (GOOD.replace("config: [a.config]\n", ""), 1, "no 'config'"),
        (
            GOOD.replace("directory: {path: /src}", "debian-image: {suites: [stable]}"),
            4,
            "which is not built",
        ),
        ("kernel: [\n", 1, "a `[` that is not closed"),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_kernel(path)
    assert any(words in str(p) and p.where.line == line for p in caught.value.problems), str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}:")


def test_all_defects_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_kernel(write(tmp_path, GOOD + "serie: 1\nrequire: 2\n"))
    assert len(caught.value.problems) == 2


def test_unknown_kernel_and_fragment(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'debian'"):
        load_kernel("debain")
    with pytest.raises(InputError, match=r"4:10: no file 'b.config'; .*; did you mean 'a.config'\?"):
        load_kernel(write(tmp_path, GOOD.replace("a.config", "b.config")))
