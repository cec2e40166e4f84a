# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's source as objects of git: a user's repository as it is, anything else imported once and kept.

`git am -3` merges by the blobs that a patch names; they must be in some repository.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.artefacts.kernel.git import git
from harness.artefacts.kernel.source_kind import KernelSource, Resolved
from harness.artefacts.kernel.trees import GitTree
from harness.errors import InfraError
from harness.host.cache import Json, Store

KIND = "kernel-git"
FORMAT = 1
IMPORT_TIMEOUT_S = 1800
_MODES = {"link": b"120000", "program": b"100755", "file": b"100644"}


@dataclass(frozen=True, slots=True)
class Repository:
    """A commit whose tree is a kernel's source; ``label`` is for people. Nothing is ever written to it.

    ``imported``: the source was no repository, and nobody else has this commit.
    """

    git_dir: Path
    commit: str
    label: str
    imported: bool = False

    @property
    def objects(self) -> Path:
        """The directory of its objects, also of a work tree that shares those of another."""
        common = self.git_dir / "commondir"
        base = (self.git_dir / common.read_text().strip()).resolve() if common.exists() else self.git_dir
        return base / "objects"


def repository(source: KernelSource, store: Store, progress: Callable[[str], None]) -> Repository:
    """Return ``source`` as a repository, importing it into ``store`` when it is not one already.

    ``UserError`` for missing inputs; ``InfraError`` when git fails.
    """
    if isinstance(source, GitTree):
        content = source.resolve(store)
        return Repository(content.git_dir, content.commit, content.label)
    resolved = source.resolve(store)
    key: dict[str, Json] = {
        "importer": FORMAT,
        "source": {"kind": source.KIND, **resolved.identity},
    }
    found = store.get_or_build(KIND, key, lambda work: _import(work, resolved, progress))
    return Repository(found.path / "git", str(found.manifest["commit"]), resolved.label, imported=True)


def _import(work: Path, resolved: Resolved, progress: Callable[[str], None]) -> dict[str, Any]:
    tree, state, git_dir, log = work / "tree", work / "state", work / "git", work / "import.log"
    state.mkdir()
    log.touch()
    progress(f"unpacking {resolved.label}")
    resolved.fill(tree, state, log)
    progress(f"importing {resolved.label} into git")
    git_dir.mkdir()
    git("init", "-q", git_dir=git_dir, work_tree=tree, log=log)
    _fast_import(git_dir, tree, resolved.label, log)
    commit = git("rev-parse", "refs/heads/source", git_dir=git_dir, work_tree=tree).stdout.strip()
    git("config", "--unset", "core.worktree", git_dir=git_dir, work_tree=git_dir)  # the directory goes
    shutil.rmtree(tree)
    shutil.rmtree(state)
    return {"name": resolved.label, "commit": commit}


def _fast_import(git_dir: Path, tree: Path, label: str, log: Path) -> None:
    """Feed the files to git-fast-import(1): a pack at once, where `git add` writes a file per blob."""
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    command = ["git", f"--git-dir={git_dir}", "-c", "pack.compression=1", "-c", "core.compression=1"]
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*command, "fast-import", "--quiet", "--depth=0"],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env=environment,
            start_new_session=True,
        )
    assert process.stdin is not None
    try:
        with process.stdin as stream:
            who = b"nvh <nvh@localhost> 0 +0000"
            text = label.encode()
            stream.write(b"commit refs/heads/source\ncommitter %s\ndata %d\n%s\n" % (who, len(text), text))
            for directory, names, files in os.walk(tree):
                names.sort()
                links = [name for name in names if (Path(directory) / name).is_symlink()]
                for name in sorted([*files, *links]):
                    path = Path(directory) / name
                    kind, data = _content(path)
                    place = os.fsencode(path.relative_to(tree))
                    stream.write(b"M %s inline %s\ndata %d\n" % (_MODES[kind], _quoted(place), len(data)))
                    stream.write(data + b"\n")
        status = process.wait(IMPORT_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfraError(f"git fast-import failed: {error}; see {log}") from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if status:
        raise InfraError(
            f"git fast-import ended with status {status}", log.read_text(errors="replace")[-2000:]
        )


def _content(path: Path) -> tuple[str, bytes]:
    if path.is_symlink():
        return "link", os.fsencode(path.readlink())
    return ("program" if os.access(path, os.X_OK) else "file"), path.read_bytes()


def _quoted(path: bytes) -> bytes:
    """A path as git-fast-import(1) reads it: quoted in C style where it must be."""
    if path.startswith(b'"') or b"\n" in path:
        return b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'
    return path
