# SPDX-License-Identifier: GPL-2.0-only
"""The content of a source directory, file by file, so that only what changed is copied and recompiled."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.host import command
from harness.host.cache import sha256_file, write_atomic

_PRODUCTS = (".o", ".ko", ".a", ".cmd", ".mod", ".mod.c", ".order", ".symvers", ".dtb")
_SKIPPED = {".git", ".config", ".tmp_versions", "vmlinux", "System.map"}
_GENERATED = ("include/config", "include/generated")


@dataclass(frozen=True)
class Listing:
    """A mapping from path to a word that changes with the file's kind, mode or content."""

    files: Mapping[str, str]

    @classmethod
    def of(cls, root: Path) -> Listing:
        """List a directory: what git would track when it is a work tree, else all but build products."""
        paths = _tracked(root)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            words = list(pool.map(lambda path: _word(root / path), paths))
        files = {path: word for path, word in zip(paths, words, strict=True) if word}
        if not files:
            raise UserError(f"{root} holds no source files")
        return cls(files)

    def digest(self) -> str:
        """Return one SHA-256 over all files."""
        return hashlib.sha256(json.dumps(dict(sorted(self.files.items()))).encode()).hexdigest()

    def copy(self, root: Path, tree: Path, state: Path) -> int:
        """Make ``tree`` hold these files; ``state`` remembers them. Returns how many changed."""
        try:
            before: dict[str, str] = json.loads(state.read_text())
        except (OSError, ValueError):
            before = {}
        changed = [path for path, word in self.files.items() if before.get(path) != word]
        gone = before.keys() - self.files.keys()
        # An interrupted copy must not be taken for a whole one.
        write_atomic(state, json.dumps({p: w for p, w in before.items() if self.files.get(p) == w}))
        for path in (*gone, *changed):
            (tree / path).unlink(missing_ok=True)
        for path in changed:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / path, tree / path, follow_symlinks=False)
        write_atomic(state, json.dumps(dict(self.files)))
        return len(changed) + len(gone)


def _tracked(root: Path) -> list[str]:
    if (root / ".git").exists():
        listed = command.run(
            ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "-c", "-o", "--exclude-standard"],
            timeout_s=600,
        )
        return sorted(set(filter(None, listed.stdout.split("\0"))))
    paths: list[str] = []
    for directory, names, files in os.walk(root):
        here = Path(directory)
        place = here.relative_to(root)
        names[:] = [
            name for name in names if name not in _SKIPPED and not str(place / name).endswith(_GENERATED)
        ]
        links = [name for name in names if (here / name).is_symlink()]
        paths += [
            str(place / name)
            for name in (*files, *links)
            if name not in _SKIPPED and not name.endswith(_PRODUCTS)
        ]
    return sorted(paths)


def _word(path: Path) -> str:
    if path.is_symlink():
        return f"link {path.readlink()}"
    if not path.is_file():
        return ""
    return ("x " if os.access(path, os.X_OK) else "- ") + sha256_file(path)
