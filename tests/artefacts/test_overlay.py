# SPDX-License-Identifier: GPL-2.0-only
"""A user's files over a root file system."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.artefacts.overlay import lay, overlaid
from harness.artefacts.rootfs import IMAGE, TREE
from harness.errors import UserError
from harness.host.cache import Artefact, Store


def base_tree(at: Path) -> Path:
    (at / "usr/bin").mkdir(parents=True)
    (at / "usr/bin/sh").write_text("old")
    (at / "etc").mkdir()
    (at / "etc/mtab").symlink_to("../proc/self/mounts")
    (at / "bin").symlink_to("usr/bin")
    (at / "lib").symlink_to("/usr/lib")
    (at / "usr/lib").mkdir()
    return at


@pytest.fixture
def add(tmp_path: Path) -> Path:
    place = tmp_path / "mine"
    (place / "bin").mkdir(parents=True)
    (place / "bin/sh").write_text("new")
    (place / "bin/sh").chmod(0o755)
    (place / "lib").mkdir()
    (place / "lib/libmine.so").write_text("so")
    (place / "etc").mkdir()
    (place / "etc/mtab").write_text("a file instead of the link")
    (place / "opt/deep").mkdir(parents=True)
    (place / "opt/deep/link").symlink_to("/etc/mtab")
    return place


def test_files_go_through_the_links_of_the_root(add: Path, tmp_path: Path) -> None:
    tree = base_tree(tmp_path / "tree")
    lay(add, tree)
    assert (tree / "usr/bin/sh").read_text() == "new"
    assert (tree / "usr/bin/sh").stat().st_mode & 0o777 == 0o755
    assert (tree / "usr/lib/libmine.so").read_text() == "so"
    assert (tree / "bin").is_symlink()
    assert (tree / "lib").is_symlink()
    assert (tree / "etc/mtab").read_text() == "a file instead of the link"
    assert str((tree / "opt/deep/link").readlink()) == "/etc/mtab"


def test_a_link_of_the_root_does_not_lead_out_of_it(tmp_path: Path) -> None:
    tree = base_tree(tmp_path / "tree")
    (tree / "out").symlink_to("../../../..")
    (tmp_path / "mine/out").mkdir(parents=True)
    (tmp_path / "mine/out/file").write_text("x")
    lay(tmp_path / "mine", tree)
    assert (tree / "file").read_text() == "x"
    (tree / "loop").symlink_to("loop")
    (tmp_path / "mine/loop").mkdir()
    (tmp_path / "mine/loop/file").write_text("x")
    with pytest.raises(UserError, match="too many symbolic links"):
        lay(tmp_path / "mine", tree)


def test_files_and_directories_do_not_replace_each_other(tmp_path: Path) -> None:
    tree = base_tree(tmp_path / "tree")
    (tmp_path / "a/usr").mkdir(parents=True)
    (tmp_path / "a/usr/bin").write_text("")
    with pytest.raises(UserError, match=r"a file, where the root file system has the directory /usr/bin"):
        lay(tmp_path / "a", tree)
    (tmp_path / "b/usr/bin/sh").mkdir(parents=True)
    with pytest.raises(UserError, match=r"a directory, where the root file system has the file /usr/bin/sh"):
        lay(tmp_path / "b", tree)


def test_what_cannot_be_taken_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such directory"):
        lay(tmp_path / "none", tmp_path)
    (tmp_path / "mine").mkdir()
    os.mkfifo(tmp_path / "mine/pipe")
    with pytest.raises(UserError, match="pipe: neither a file nor a directory"):
        lay(tmp_path / "mine", tmp_path / "tree")


def test_the_image_is_another_for_each_content(add: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "cache")

    def build(work: Path) -> dict[str, Any]:
        base_tree(work / TREE)
        return {"name": "guest", "packages": [], "sha256": "0"}

    base: Artefact = store.get_or_build("rootfs", {"test": 1}, build)
    one = overlaid(store, base, add)
    assert one.manifest["name"] == "guest+mine"
    assert overlaid(store, base, add).digest == one.digest
    listed = subprocess.run(
        ["/sbin/debugfs", "-R", "cat /usr/bin/sh", one.path / IMAGE], capture_output=True, check=True
    )
    assert listed.stdout == b"new"
    (add / "bin/sh").chmod(0o700)
    other = overlaid(store, base, add)
    (add / "opt/deep/link").unlink()
    (add / "opt/deep/link").symlink_to("elsewhere")
    assert len({base.digest, one.digest, other.digest, overlaid(store, base, add).digest}) == 4
