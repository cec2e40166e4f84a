# SPDX-License-Identifier: GPL-2.0-only
"""L0's initramfs, unpacked again by the system's cpio."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

import pytest

from harness.artefacts import cpio
from harness.artefacts.initrd import IMAGE, build_initrd
from harness.host.cache import Artefact, Store
from harness.level import Level


def artefact(path: Path, digest: str) -> Artefact:
    path.mkdir(parents=True)
    return Artefact("test", digest, path, {})


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Artefact, dict[Level, Artefact], Artefact]:
    kernel = artefact(tmp_path / "kernel", "k")
    roots = {level: artefact(tmp_path / str(level), str(level)) for level in Level}
    for level, root in roots.items():
        (root.path / "tree/usr/bin").mkdir(parents=True)
        (root.path / "tree/bin").symlink_to("usr/bin")
        (root.path / "tree/usr/bin/tool").write_text(f"{level} tool")
        (root.path / "tree/usr/bin/tool").chmod(0o755)
        (root.path / "rootfs.ext4").write_text(f"disk of {level}")
    boot = artefact(tmp_path / "boot", "b")
    (boot.path / "boot.ext4").write_text("boot disk")
    return kernel, roots, boot


def unpack(archive: Path, target: Path) -> None:
    target.mkdir()
    subprocess.run(
        ["cpio", "-idm", "--quiet", "--no-absolute-filenames"],
        cwd=target,
        input=archive.read_bytes(),
        check=True,
    )


def test_root_and_disks_of_the_levels_above(
    parts: tuple[Artefact, dict[Level, Artefact], Artefact], tmp_path: Path
) -> None:
    built = build_initrd(Store(tmp_path / "cache"), *parts)
    unpack(built.path / IMAGE, tmp_path / "out")
    words = ["cpio", "-itv", "--quiet"]
    listed = subprocess.run(words, input=(built.path / IMAGE).read_bytes(), capture_output=True, check=True)
    assert re.search(rb"^drwxr-xr-x .* \.$", listed.stdout, re.M), "Linux gives / the mode of this entry"
    assert (tmp_path / "out/bin/tool").read_text() == "l0 tool"
    assert (tmp_path / "out/usr/bin/tool").stat().st_mode & 0o777 == 0o755
    disks = {path.name: path.read_text() for path in (tmp_path / "out/nvh/disk").iterdir()}
    assert disks == {"boot": "boot disk", "root-l1": "disk of l1", "root-l2": "disk of l2"}


def test_behind_the_initramfs_of_a_modular_kernel(
    parts: tuple[Artefact, dict[Level, Artefact], Artefact], tmp_path: Path
) -> None:
    first = gzip.compress(b"an archive")
    (parts[0].path / "initramfs.cpio.gz").write_bytes(first)
    built = build_initrd(Store(tmp_path / "cache"), *parts)
    data = (built.path / IMAGE).read_bytes()
    assert data.startswith(first)
    second = data.index(b"070701")
    assert second % cpio.ALIGN == 0
    (tmp_path / "second").write_bytes(data[second:])
    unpack(tmp_path / "second", tmp_path / "out")
    assert (tmp_path / "out/root/bin/tool").read_text() == "l0 tool"
    assert (tmp_path / "out/root/nvh/disk/root-l2").read_text() == "disk of l2"


def test_equal_trees_give_equal_archives(
    parts: tuple[Artefact, dict[Level, Artefact], Artefact], tmp_path: Path
) -> None:
    one = build_initrd(Store(tmp_path / "one"), *parts)
    two = build_initrd(Store(tmp_path / "two"), *parts)
    assert one.manifest["sha256"] == two.manifest["sha256"]
