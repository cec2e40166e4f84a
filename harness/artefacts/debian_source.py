# SPDX-License-Identifier: GPL-2.0-only
"""Source packages from the same Debian archive as the binary ones (harness/artefacts/debian.py).

apt checks every file against the signed index of sources.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts import debian
from harness.errors import InfraError, UserError
from harness.host import command
from harness.host.cache import Json, Store, sha256_file

DOWNLOAD_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class SourcePackage:
    """A source package: its .dsc and what that names; ``gone``: newer versions that the archive has not."""

    name: str
    version: str
    files: tuple[Path, ...]
    gone: tuple[str, ...] = ()

    def file(self, part: str) -> Path:
        """Return the one file whose name has ``part``, such as ``.orig.tar``; ``InfraError`` for none."""
        found = [path for path in self.files if part in path.name]
        if len(found) != 1:
            raise InfraError(f"{self.name} {self.version} has {len(found)} files like {part}")
        return found[0]

    def record(self) -> dict[str, Json]:
        """Return what a manifest keeps of it: the version, and SHA-256 by file."""
        files = {path.name: sha256_file(path) for path in self.files}
        return {"name": self.name, "version": self.version, "files": files}


class SourceArchive:
    """The source packages of some suites; ``suites`` as in ``debian.Archive``."""

    def __init__(self, store: Store, suites: Sequence[str]) -> None:
        self.store = store
        self.suites = tuple(debian.resolve_suite(store, suite) for suite in suites)
        self.state = debian.AptState(store, self.suites, debian.SOURCE)

    def versions(self, name: str) -> list[str]:
        """Return the versions of source package ``name``, the newest first."""
        self.state.refresh()
        found = []
        for line in self.state.apt("apt-cache", "madison", name).stdout.splitlines():
            columns = [column.strip() for column in line.split("|")]
            if len(columns) == 3 and columns[0] == name and columns[2].endswith("Sources"):
                found.append(columns[1])
        return list(dict.fromkeys(found))

    def fetch(self, name: str) -> SourcePackage:
        """Download the newest version whose files the mirror has.

        A mirror may list a version and answer 404 for its tarball. ``UserError`` when there is none at all.
        """
        offered, refused = self.versions(name), dict[str, str]()
        for version in offered:
            place = self.state.pool / f"{name}_{version.replace(':', '%3a')}"
            if not (place / "whole").exists():
                if debian.offline():
                    refused[version] = "NVH_OFFLINE is set"
                    continue
                try:
                    self._download(f"{name}={version}", place)
                except InfraError as error:
                    said = re.search(r"^E: (?:Failed to fetch \S+ +)?(.*)$", error.output, re.M)
                    refused[version] = said[1].strip() if said else "apt-get failed"
                    continue
            files = sorted(path for path in place.iterdir() if path.name != "whole")
            return SourcePackage(name, version, tuple(files), tuple(refused))
        why = "; ".join(f"{version}: {text}" for version, text in refused.items()) or "no such source package"
        raise UserError(
            f"{debian.mirror()} has no source of {name} in {', '.join(self.suites)} ({why}); "
            "set NVH_DEBIAN_MIRROR to a mirror that has it"
        )

    def _download(self, word: str, place: Path) -> None:
        with self.store.lock(f"apt-source-{place.name}"):
            place.mkdir(parents=True, exist_ok=True)
            command.run(
                ["apt-get", "source", "-qq", "--download-only", "--only-source", word],
                timeout_s=DOWNLOAD_TIMEOUT_S,
                cwd=place,
                env=self.state.environment,
            )
            (place / "whole").touch()
