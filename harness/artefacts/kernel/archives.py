# SPDX-License-Identifier: GPL-2.0-only
"""Sources that come in one file: Debian's linux-source packages and tarballs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.artefacts import lock
from harness.artefacts.debian import Archive, Package, unpack
from harness.artefacts.kernel.source_kind import SUITES, UNPACK_TIMEOUT_S, Resolved, located, strings
from harness.errors import UserError
from harness.host import command
from harness.host.cache import Json, Store, sha256_file


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
        return self._content(store)

    def fetch(self, store: Store) -> None:
        """Download the package and unpack nothing; raises what ``resolve`` does."""
        content = self._content(store)
        content.archive.download([content.package])

    def _content(self, store: Store) -> _DebianContent:
        archive = Archive(store, self.suites, "arm64")
        if pins := lock.current():
            return _DebianContent(archive, archive.candidate(pins.only_package()))
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
            raise UserError(f"{self.label} is not a kernel source: it holds {len(tarballs)} tarballs")
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
