# SPDX-License-Identifier: GPL-2.0-only
"""A root file system with a user's own files laid over it: ``rootfs: {base: guest, add: ./dir}``."""

from __future__ import annotations

import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.artefacts.ext4 import pack
from harness.artefacts.rootfs import IMAGE, TREE
from harness.errors import UserError
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree

MOST_BYTES = 1 << 30
"""L0 has every level's root in its memory; more than this does not fit beside the default stack's levels."""
FORMAT = 1


def overlaid(store: Store, base: Artefact, add: Path) -> Artefact:
    """Return ``base`` with the files, directories and symbolic links below ``add`` laid over it.

    A file replaces what has its name; a directory is merged into one of its name, also through a symbolic
    link of the base such as ``/bin``. ``UserError`` for a directory that is gone, holds anything else, is
    larger than ``MOST_BYTES``, or has a file where the base has a directory or the other way round.
    """
    links = {str(path.relative_to(add)): str(path.readlink()) for path in _members(add) if path.is_symlink()}
    modes = {str(path.relative_to(add)): stat.S_IMODE(path.lstat().st_mode) for path in _members(add)}
    key = {
        "format": FORMAT,
        "base": base.digest,
        "files": sha256_tree(add),
        "links": links,
        "modes": modes,
    }
    name = f"{base.manifest['name']}+{add.name}"

    def build(work: Path) -> dict[str, Any]:
        tree = work / TREE
        shutil.copytree(base.path / TREE, tree, symlinks=True)
        lay(add, tree)
        identity = str(uuid.uuid5(uuid.NAMESPACE_OID, str(sorted(key.items()))))
        pack(tree, work / IMAGE, identity, work / "build.log")
        packages = base.manifest.get("packages", [])
        return {"name": name, "packages": packages, "sha256": sha256_file(work / IMAGE)}

    return store.get_or_build("rootfs", key, build)


def lay(add: Path, tree: Path) -> None:
    """Copy what is below ``add`` into ``tree``; ``UserError`` as ``overlaid``."""
    for path in _members(add):
        name = path.relative_to(add)
        target = _inside(tree, name.parent) / name.name
        if path.is_dir() and not path.is_symlink():
            target = _inside(tree, name)
            if target.exists() and not target.is_dir():
                raise UserError(f"{path}: a directory, where the root file system has the file /{name}")
            target.mkdir(exist_ok=True)
            target.chmod(stat.S_IMODE(path.stat().st_mode))
            continue
        if target.is_dir() and not target.is_symlink():
            raise UserError(f"{path}: a file, where the root file system has the directory /{name}")
        target.unlink(missing_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)


def _inside(tree: Path, name: Path) -> Path:
    """Where a directory ``name`` is in ``tree``, whose symbolic links count from its own root."""
    found, left, links = tree, list(name.parts), 0
    while left:
        part = left.pop(0)
        if part == "..":
            found = found.parent if found != tree else tree
            continue
        here = found / part
        if here.is_symlink():
            links += 1
            if links > 40:
                raise UserError(f"/{name}: too many symbolic links in the root file system")
            to = here.readlink()
            found = tree if to.is_absolute() else found
            left = [*(word for word in to.parts if word not in ("/", ".")), *left]
            continue
        found = here
    return found


def _members(add: Path) -> Iterator[Path]:
    """Everything below ``add``, directories before what they hold; ``UserError`` for what cannot be taken."""
    if not add.is_dir():
        raise UserError(f"{add}: no such directory; `rootfs: {{add: ...}}` names one with files to add")
    total = 0
    for path in sorted(add.rglob("*")):
        kind = path.lstat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISLNK(kind)):
            raise UserError(f"{path}: neither a file nor a directory nor a symbolic link; move it elsewhere")
        total += path.lstat().st_size if stat.S_ISREG(kind) else 0
        if total > MOST_BYTES:
            raise UserError(f"{add}: more than {MOST_BYTES >> 20} MiB; L0 keeps all roots in its memory")
        yield path
