"""Where kernel sources come from. A new kind is one class and one row in SOURCES."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from harness.build import command
from harness.build.cache import Json, Store, sha256_file
from harness.build.debian import Archive, Package, unpack
from harness.build.kernel.git import git
from harness.build.kernel.listing import Listing
from harness.errors import UserError

UNPACK_TIMEOUT_S = 1200


class Resolved(Protocol):
    """A source whose exact content is known.

    ``identity`` goes into the cache key; ``label`` is for people. ``replaces`` says that ``fill`` needs an
    empty directory; otherwise it updates the one it filled last time and touches only what changed.
    """

    identity: dict[str, Json]
    label: str
    replaces: bool

    def fill(self, tree: Path, state: Path, log: Path) -> dict[str, Json]:
        """Put the content into ``tree``; ``state`` is a directory kept beside it. Returns provenance."""
        ...


class Source(Protocol):
    """What a kernel file's ``source:`` says; ``resolve`` finds out the exact content."""

    KIND: ClassVar[str]
    SCHEMA: ClassVar[Mapping[str, Any]]

    @classmethod
    def parse(cls, data: Mapping[str, Any], base: Path) -> Source:
        """Build from the checked YAML mapping; relative paths are relative to ``base``."""
        ...

    def slot(self) -> Json:
        """Return what identifies the build tree that this source reuses."""
        ...

    def resolve(self, store: Store) -> Resolved:
        """Find out the exact content; ``UserError`` when there is none."""
        ...


def located(text: str, base: Path) -> Path:
    """Return the path written in a file of directory ``base``."""
    return (base / Path(text).expanduser()).absolute()


def strings(*required: str, **optional: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a mapping with string values and some other optional keys."""
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": {**{name: {"type": "string", "minLength": 1} for name in required}, **optional},
    }


SUITES = {"type": "array", "minItems": 1, "items": {"type": "string"}}


@dataclass(frozen=True)
class DebianSource:
    """The newest ``linux-source-*`` package of some suites, or the one ``older`` steps before it."""

    suites: tuple[str, ...]
    package: str
    older: int

    KIND: ClassVar[str] = "debian-source"
    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["suites"],
        "additionalProperties": False,
        "properties": {
            "suites": SUITES,
            "package": {"type": "string", "minLength": 1},
            "older": {"type": "integer", "minimum": 0},
        },
    }

    @classmethod
    def parse(cls, data: Mapping[str, Any], base: Path) -> DebianSource:
        """``package`` is a regular expression over package names."""
        del base
        return cls(
            tuple(data["suites"]), data.get("package", r"^linux-source-[0-9.]+$"), data.get("older", 0)
        )

    def slot(self) -> Json:
        return [self.KIND, self.suites, self.package, self.older]

    def resolve(self, store: Store) -> Resolved:
        archive = Archive(store, self.suites, "arm64")
        names = archive.names(self.package)
        if len(names) <= self.older:
            found = ", ".join(names) or "none"
            raise UserError(
                f"the suites {', '.join(archive.suites)} offer {len(names)} packages like {self.package} "
                f"({found}); the kernel file asks for number {self.older + 1} from the newest"
            )
        return _DebianContent(archive, archive.candidate(names[-1 - self.older]))


class _DebianContent:
    replaces = True

    def __init__(self, archive: Archive, package: Package) -> None:
        self.archive = archive
        self.package = package
        self.identity: dict[str, Json] = {"package": package.name, "version": package.version}
        self.label = f"{package.name} {package.version}"

    def fill(self, tree: Path, state: Path, log: Path) -> dict[str, Json]:
        files = self.archive.download([self.package])
        unpacked = state / "package"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpack(files, unpacked)
        tarballs = sorted(unpacked.glob("usr/src/*.tar.*"))
        if len(tarballs) != 1:
            raise UserError(f"{self.label} is no kernel source: it holds {len(tarballs)} tarballs")
        untar(tarballs[0], tree, log)
        shutil.rmtree(unpacked)
        return {**files[0].record(), "suite": self.package.suite}


def untar(tarball: Path, tree: Path, log: Path) -> None:
    """Unpack a source tarball without its top directory."""
    tree.mkdir(parents=True, exist_ok=True)
    command.run(
        ["tar", "-xf", tarball, "--strip-components=1", "--no-same-owner", "-C", tree],
        timeout_s=UNPACK_TIMEOUT_S,
        env={"XZ_OPT": "-T0"},
        log=log,
    )


@dataclass(frozen=True)
class Tarball:
    """A source tarball on this machine; ``sha256`` is checked when given."""

    path: Path
    sha256: str

    KIND: ClassVar[str] = "tarball"
    SCHEMA: ClassVar[Mapping[str, Any]] = strings(
        "path", sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"}
    )

    @classmethod
    def parse(cls, data: Mapping[str, Any], base: Path) -> Tarball:
        return cls(located(data["path"], base), data.get("sha256", ""))

    def slot(self) -> Json:
        return [self.KIND, str(self.path)]

    def resolve(self, store: Store) -> Resolved:
        del store
        if not self.path.is_file():
            raise UserError(f"the kernel source {self.path} does not exist; correct source.tarball.path")
        return _TarballContent(self.path, self._checked())

    def _checked(self) -> str:
        found = sha256_file(self.path)
        if self.sha256 and found != self.sha256:
            raise UserError(
                f"{self.path} has SHA-256 {found}, the kernel file wants {self.sha256}; download it again"
            )
        return found


class _TarballContent:
    replaces = True

    def __init__(self, path: Path, sha256: str) -> None:
        self.path = path
        self.identity: dict[str, Json] = {"sha256": sha256}
        self.label = path.name

    def fill(self, tree: Path, state: Path, log: Path) -> dict[str, Json]:
        del state
        untar(self.path, tree, log)
        return {"path": str(self.path), **self.identity}


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

    def resolve(self, store: Store) -> Resolved:
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
            raise UserError(f"{self.path} is no git repository: {found.stdout.strip()}")
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
        return {"path": str(self.path), "ref": self.ref, "commit": self.commit}


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


SOURCES: tuple[type[Source], ...] = (DebianSource, Tarball, GitTree, Directory)
