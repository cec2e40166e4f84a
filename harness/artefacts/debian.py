# SPDX-License-Identifier: GPL-2.0-only
"""Packages from a Debian archive, without root and without touching the machine's own apt state.

The mirror is the machine's own (``apt-get indextargets``) or ``NVH_DEBIAN_MIRROR``. Packages are verified
by apt against Debian's archive keyring. ``NVH_OFFLINE=1`` forbids every download: tests run that way.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts import lock
from harness.errors import InfraError, UserError, closest
from harness.host import command
from harness.host.cache import Store, digest_of, sha256_file

UPDATE_MAX_AGE_S = 12 * 3600
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
STABLE_BACKPORTS = "stable-backports"
SOURCE = "source"
"""In place of an architecture: the source packages (harness/artefacts/debian_source.py)."""


@dataclass(frozen=True, slots=True)
class Package:
    """One binary package as the archive offers it."""

    name: str
    version: str
    suite: str


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One downloaded .deb; ``sha256`` is of the file."""

    name: str
    version: str
    sha256: str
    path: Path

    def record(self) -> dict[str, str]:
        """Return what a manifest keeps of the package."""
        return {"name": self.name, "version": self.version, "sha256": self.sha256}


def offline() -> bool:
    """Return whether downloads are forbidden (``NVH_OFFLINE``)."""
    return os.environ.get("NVH_OFFLINE", "") not in ("", "0")


@functools.cache
def mirror() -> str:
    """Return the URI of the Debian archive to use; ``UserError`` when the machine names none."""
    if chosen := os.environ.get("NVH_DEBIAN_MIRROR"):
        return chosen
    result = command.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        timeout_s=60,
        check=False,
    )
    for line in result.stdout.splitlines():
        uri, _, release = line.partition(" ")
        if uri.startswith(("http", "file")) and "security" not in uri and re.fullmatch(r"[a-z]+", release):
            return uri
    raise UserError(
        "no Debian mirror in this machine's apt configuration; set NVH_DEBIAN_MIRROR to the URI of one"
    )


class Archive:
    """The packages of some suites for one architecture.

    ``suites`` are codenames, or ``stable`` and ``stable-backports``, which are resolved first: mirrors
    refresh the codenames sooner than the aliases.
    """

    def __init__(self, store: Store, suites: Sequence[str], arch: str) -> None:
        self.store = store
        self.arch = arch
        self.suites = tuple(resolve_suite(store, suite) for suite in suites)
        self.state = AptState(store, self.suites, arch)

    def candidate(self, name: str, suite: str | None = None) -> Package:
        """Return the newest version of package ``name``, in ``suite`` only when given."""
        pins = lock.current()
        if pins and name in pins.packages:
            return self._pinned(pins, name)
        versions = self._versions(name)
        if suite is not None:
            suite = resolve_suite(self.store, suite)
            versions = [package for package in versions if package.suite == suite]
        if not versions:
            near = closest(name, self.names(f"^{re.escape(name[:4])}"))
            hint = f"; the closest name is {near}" if near else ""
            raise UserError(f"no package {name} for {self.arch} in {', '.join(self.suites)}{hint}")
        return versions[0]

    def _pinned(self, pins: lock.Pins, name: str) -> Package:
        version = pins.packages[name][0]
        if self._in_pool(f"{name}={version}"):
            return Package(name, version, self.suites[-1])
        offered = self._versions(name)
        for package in offered:
            if package.version == version:
                return package
        raise pins.gone(name, f"{', '.join(self.suites)} ({self.arch})", [each.version for each in offered])

    def names(self, regex: str) -> list[str]:
        """Return the package names that match ``regex``, in version order of the name (oldest first)."""
        self.state.refresh()
        output = self.state.apt("apt-cache", "pkgnames").stdout
        return sorted(filter(re.compile(regex).search, output.split()), key=version_key)

    def download(self, packages: Sequence[Package]) -> list[PackageFile]:
        """Download exactly these packages (no dependencies)."""
        return self._fetch([f"{p.name}={p.version}" for p in packages])

    def closure(self, names: Sequence[str], target: str | None = None) -> list[PackageFile]:
        """Download ``names`` with everything they depend on, preferring the suite ``target``.

        Under a lock that is what the lock names.
        """
        if pins := lock.current():
            return self.download([self._pinned(pins, name) for name in pins.packages])
        self.state.refresh()
        prefer = ["-t", resolve_suite(self.store, target)] if target else []
        result = self.state.apt("apt-get", "-s", "-y", "--no-install-recommends", *prefer, "install", *names)
        lines = re.findall(r"^Inst (\S+) \(?(?:\[\S+\] )?\(?(\S+)", result.stdout, re.M)
        if not lines:
            raise InfraError(f"apt found nothing to install for {' '.join(names)}", result.stdout)
        return self._fetch([f"{name.partition(':')[0]}={version}" for name, version in lines])

    def depends(self, package: Package) -> list[str]:
        """Return the names in the package's Depends field, first alternative each."""
        output = self.state.apt("apt-cache", "show", f"{package.name}={package.version}").stdout
        field = re.search(r"^Depends: (.*)$", output, re.M)
        return [re.split(r"[ (|:]", word.strip())[0] for word in field[1].split(",")] if field else []

    def _versions(self, name: str) -> list[Package]:
        self.state.refresh()
        output = self.state.apt("apt-cache", "madison", name).stdout
        found = []
        for line in output.splitlines():
            columns = [column.strip() for column in line.split("|")]
            if len(columns) == 3 and columns[0] == name and "Packages" in columns[2]:
                found.append(Package(name, columns[1], columns[2].split()[1].partition("/")[0]))
        return found

    def _fetch(self, wanted: Sequence[str]) -> list[PackageFile]:
        pool = self.state.pool
        with self.store.lock(f"apt-pool-{self.arch}"):
            missing = [word for word in wanted if not self._in_pool(word)]
            if missing and offline():
                raise UserError(
                    f"NVH_OFFLINE is set and {missing[0]} is not in the cache; run ./nvh images build"
                )
            if missing:
                self.state.refresh()
                # apt-get download checks each file against the signed index.
                command.run(
                    ["apt-get", "download", "-qq", *missing],
                    timeout_s=1800,
                    cwd=pool,
                    env=self.state.environment,
                )
        files, pins = [], lock.current()
        for word in wanted:
            path = self._in_pool(word)
            if path is None:
                raise InfraError(f"apt-get download did not leave {word} in {pool}")
            name, _, version = word.partition("=")
            files.append(PackageFile(name, version, sha256_file(path), path))
            if pins:
                pins.check_package(name, files[-1].sha256)
        return files

    def _in_pool(self, word: str) -> Path | None:
        name, _, version = word.partition("=")
        escaped = version.replace(":", "%3a")
        for arch in (self.arch, "all"):
            path = self.state.pool / f"{name}_{escaped}_{arch}.deb"
            if path.is_file():
                return path
        return None


class AptState:
    """A private apt configuration, index and package pool below the store.

    ``arch`` is an architecture, or ``source`` for the index of source packages.
    """

    def __init__(self, store: Store, suites: Sequence[str], arch: str) -> None:
        self.store = store
        self.suites = tuple(suites)
        uri = mirror()
        self.root = store.directory(f"apt/{arch}-{digest_of([uri, *self.suites])}")
        self.pool = store.directory(f"apt/pool-{arch}")
        self.config = self.root / "apt.conf"
        self.environment = {"APT_CONFIG": str(self.config)}
        if not self.config.exists():
            self._write(uri, arch)

    def _write(self, uri: str, arch: str) -> None:
        for name in ("etc", "state/lists/partial", "cache/archives/partial"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "state/status").touch()
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        kind = "deb-src" if arch == SOURCE else "deb"
        lines = [f"{kind} {signed}{uri} {suite} main\n" for suite in self.suites]
        (self.root / "etc/sources.list").write_text("".join(lines))
        settings = {
            "Dir::Etc": self.root / "etc",
            "Dir::Etc::sourcelist": self.root / "etc/sources.list",
            "Dir::Etc::sourceparts": "/nonexistent",
            "Dir::State": self.root / "state",
            "Dir::State::status": self.root / "state/status",
            "Dir::Cache": self.root / "cache",
            "APT::Architecture": "arm64" if arch == SOURCE else arch,
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        text = "".join(f'{key} "{value}";\n' for key, value in settings.items())
        self.config.write_text(text + f'APT::Architectures {{ "{settings["APT::Architecture"]}"; }};\n')

    def apt(self, *words: str) -> subprocess.CompletedProcess[str]:
        return command.run(words, timeout_s=300, env=self.environment)

    def refresh(self) -> None:
        """Fetch the index unless it is fresh enough; keep an older one when the mirror is not reachable."""
        stamp = self.root / "updated"
        if stamp.exists() and (offline() or time.time() - stamp.stat().st_mtime < _max_age_s()):
            return
        if offline():
            raise UserError("NVH_OFFLINE is set and no package index is cached; run ./nvh images build first")
        with self.store.lock(f"apt-{self.root.name}"):
            if stamp.exists() and time.time() - stamp.stat().st_mtime < _max_age_s():
                return
            try:
                command.run(
                    ["apt-get", "update", "-qq", "-o", "APT::Update::Error-Mode=any"],
                    timeout_s=600,
                    env=self.environment,
                )
            except InfraError as error:
                if stamp.exists():
                    return
                raise UserError(
                    f"the Debian mirror {mirror()} did not deliver {', '.join(self.suites)}; "
                    f"check the network or set NVH_DEBIAN_MIRROR\n{error.output}"
                ) from error
            stamp.touch()


def _max_age_s() -> float:
    return float(os.environ.get("NVH_APT_MAX_AGE", UPDATE_MAX_AGE_S))


def resolve_suite(store: Store, suite: str) -> str:
    """Return the codename behind ``stable`` and ``stable-backports``; other names pass unchanged."""
    if suite not in ("stable", STABLE_BACKPORTS):
        return suite
    state = AptState(store, ["stable"], "arm64")
    state.refresh()
    for path in (state.root / "state/lists").glob("*Release"):
        if match := re.search(r"^Codename: (\S+)$", path.read_text(errors="replace"), re.M):
            return match[1] + ("-backports" if suite == STABLE_BACKPORTS else "")
    raise InfraError(f"{mirror()} does not say which release is stable")


def version_key(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key that orders embedded numbers by value."""
    words = re.findall(r"\d+|\D+", text)
    return [(1, int(word), "") if word.isdigit() else (0, 0, word) for word in words]


def unpack(files: Sequence[PackageFile], target: Path) -> None:
    """Unpack the packages into ``target`` without running maintainer scripts and without root."""
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        command.run(["dpkg-deb", "-x", file.path, target], timeout_s=600)
