# SPDX-License-Identifier: GPL-2.0-only
"""Sources that somebody works on: a ref of a git repository, and a plain directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.artefacts.kernel.git import git
from harness.artefacts.kernel.source_files import Listing
from harness.artefacts.kernel.source_kind import UNPACK_TIMEOUT_S, Resolved, located, strings
from harness.errors import UserError
from harness.host import command
from harness.host.cache import Json, Store


@dataclass(frozen=True)
class GitTree:
    """A ref of a git repository. Only its objects are read: its index and work tree stay untouched."""

    path: Path
    ref: str

    KIND: ClassVar[str] = "git"
    SCHEMA: ClassVar[Mapping[str, Any]] = strings("path", "ref")

    @classmethod
    def parse(cls, data: Mapping[str, Any], base: Path) -> GitTree:
        return cls(located(data["path"], base), data["ref"])

    def slot(self) -> Json:
        return [self.KIND, str(self.path)]

    def resolve(self, store: Store) -> _GitContent:
        del store
        if not self.path.is_dir():
            raise UserError(f"the git tree {self.path} does not exist; correct source.git.path")
        # A work tree has .git (a directory, or a file for `git worktree`); a bare repository is its own.
        found = command.run(
            ["git", "-c", "safe.directory=*", "-C", self.path, "rev-parse", "--absolute-git-dir"],
            timeout_s=60,
            check=False,
        )
        if found.returncode:
            raise UserError(f"{self.path} is not a git repository: {found.stdout.strip()}")
        git_dir = Path(found.stdout.strip())
        names = [self._revision(git_dir, kind) for kind in ("commit", "tree")]
        return _GitContent(git_dir, self.path, self.ref, *names)

    def _revision(self, git_dir: Path, kind: str) -> str:
        done = git(
            *("rev-parse", "--verify", "--quiet", f"{self.ref}^{{{kind}}}"),
            git_dir=git_dir,
            work_tree=self.path,
            check=False,
        )
        if done.returncode:
            raise UserError(
                f"{self.path} has no ref {self.ref!r}; `git -C {self.path} fetch` it, or correct it"
            )
        return done.stdout.strip()


class _GitContent:
    replaces = False

    def __init__(self, git_dir: Path, path: Path, ref: str, commit: str, tree: str) -> None:
        self.git_dir = git_dir
        self.path = path
        self.ref = ref
        self.commit = commit
        self.tree = tree
        self.identity: dict[str, Json] = {"tree": tree}
        self.label = f"{path.name} {ref} ({commit[:12]})"

    def fill(self, tree: Path, state: Path, log: Path) -> dict[str, Json]:
        tree.mkdir(parents=True, exist_ok=True)
        git(
            *("read-tree", "-u", "--reset", self.commit),
            git_dir=self.git_dir,
            work_tree=tree,
            index=state / "index",
            log=log,
            timeout_s=UNPACK_TIMEOUT_S,
        )
        return {
            "path": str(self.path),
            "ref": self.ref,
            "commit": self.commit,
            "tree": self.tree,
            "url": self._url(),
        }

    def _url(self) -> str:
        """Where others find the repository: its remote's address, empty without one that they can read."""
        words = ("config", "--get", "remote.origin.url")
        done = git(*words, git_dir=self.git_dir, work_tree=self.path, check=False)
        found = done.stdout.strip()
        return found if not done.returncode and found.startswith("https://") and "@" not in found else ""


@dataclass(frozen=True)
class Directory:
    """A directory with sources, copied; build products and what git ignores are left behind."""

    path: Path

    KIND: ClassVar[str] = "directory"
    SCHEMA: ClassVar[Mapping[str, Any]] = strings("path")

    @classmethod
    def parse(cls, data: Mapping[str, Any], base: Path) -> Directory:
        return cls(located(data["path"], base))

    def slot(self) -> Json:
        return [self.KIND, str(self.path)]

    def resolve(self, store: Store) -> Resolved:
        del store
        if not self.path.is_dir():
            raise UserError(f"the directory {self.path} does not exist; correct source.directory.path")
        return _DirectoryContent(self.path)


class _DirectoryContent:
    replaces = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listing = Listing.of(path)
        self.identity: dict[str, Json] = {"sha256": self.listing.digest()}
        self.label = str(path)

    def fill(self, tree: Path, state: Path, log: Path) -> dict[str, Json]:
        changed = self.listing.copy(self.path, tree, state / "listing.json")
        with log.open("a", encoding="utf-8") as stream:
            stream.write(f"copied {changed} changed files from {self.path}\n")
        return {"path": str(self.path), **self.identity}
