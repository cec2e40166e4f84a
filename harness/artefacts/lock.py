# SPDX-License-Identifier: GPL-2.0-only
"""Runs on the same inputs as before: a file that pins every artefact's packages, sources and programs.

``nvh images lock`` writes it from artefacts that are built. A run with ``--locked FILE`` or ``NVH_LOCK`` uses
exactly those versions, each checked by its SHA-256, from the cache or the archive. What is gone from both is
named with the nearest version that there is.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.document.data_files import load_document
from harness.errors import UserError, closest
from harness.host import command
from harness.host.cache import Artefact, Json, Store, digest_of, write_atomic

VARIABLE = "NVH_LOCK"
SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["format", "artefacts"],
    "additionalProperties": False,
    "properties": {
        "format": {"const": 1},
        "artefacts": {
            "type": "object",
            "propertyNames": {"pattern": "^(model|kernel|rootfs|uefi):."},
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {
                    "packages": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": {
                            "type": "object",
                            "required": ["version", "sha256"],
                            "additionalProperties": False,
                            "properties": {"version": {"type": "string"}, "sha256": SHA256},
                        },
                    },
                    "commit": {"type": "string", "pattern": "^[0-9a-f]{40,64}$"},
                    "sha256": SHA256,
                },
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Pins:
    """What one artefact is made of.

    ``packages``  name → (version, SHA-256 of the .deb), with everything they depend on
    ``commit``    of a kernel's git source
    ``sha256``    of a tarball, of a directory's content, or of a model's program given by path
    """

    subject: str
    file: Path
    packages: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    commit: str = ""
    sha256: str = ""

    def versions(self) -> dict[str, str]:
        """Return the version of each package."""
        return {name: version for name, (version, _) in self.packages.items()}

    def only_package(self) -> str:
        """Return the name of the one package that is pinned; ``UserError`` for none or several."""
        if len(self.packages) != 1:
            raise UserError(
                f"{self.file} pins {self.subject} not by one package, as its source is now; {self._again()}"
            )
        return next(iter(self.packages))

    def check_sha256(self, what: str, found: str) -> None:
        """Raise ``UserError`` unless ``found`` is the SHA-256 that was locked."""
        if self.sha256 and found != self.sha256:
            raise UserError(
                f"{self.subject}: {what} has SHA-256 {found}, {self.file} pins {self.sha256}; {self._again()}"
            )

    def check_package(self, name: str, found: str) -> None:
        """Raise ``UserError`` unless a downloaded package has the SHA-256 that was locked."""
        if name in self.packages and self.packages[name][1] != found:
            version, wanted = self.packages[name]
            raise UserError(
                f"{self.subject}: {name} {version} has SHA-256 {found}, {self.file} pins {wanted}: another "
                f"build of the same version; {self._again()}"
            )

    def gone(self, name: str, where: str, offered: Collection[str]) -> UserError:
        """Return the error for a pinned package that neither the cache nor the archive has."""
        version = self.packages[name][0]
        near = nearest(version, offered)
        hint = f"the nearest there is {near}" if near else f"there is no {name} at all"
        return UserError(
            f"{self.subject}: {self.file} pins {name} {version}, which is gone from {where} and not in the "
            f"cache; {hint}; {self._again()}"
        )

    def _again(self) -> str:
        return f"run without the lock, or make it again with ./nvh images lock {self.subject}"


def nearest(version: str, offered: Collection[str]) -> str:
    """Return the oldest of the offered Debian versions that is newer, else the newest; "" for none."""

    def order(a: str, b: str) -> int:
        if a == b:
            return 0
        done = command.run(["dpkg", "--compare-versions", a, "lt", b], timeout_s=30, check=False)
        return -1 if done.returncode == 0 else 1

    ordered = sorted(offered, key=functools.cmp_to_key(order))
    newer = [each for each in ordered if order(each, version) >= 0]
    return (newer or ordered[-1:] or [""])[0]


_current: contextvars.ContextVar[Pins | None] = contextvars.ContextVar("nvh-pins", default=None)


def current() -> Pins | None:
    """Return what the artefact that is being built is pinned to; None without a lock."""
    return _current.get()


def use(path: Path) -> None:
    """Put a lock into force for this process and those that it starts; raises what reading it does."""
    _load(path.absolute())
    os.environ[VARIABLE] = str(path.absolute())


@contextlib.contextmanager
def pinned(kind: str, name: str) -> Iterator[Pins | None]:
    """Build the artefact ``kind:name`` on the versions of the lock in force, if one is.

    ``UserError`` when the lock has no such artefact.
    """
    chosen = os.environ.get(VARIABLE)
    token = _current.set(_load(Path(chosen)).pins(f"{kind}:{name}") if chosen else None)
    try:
        yield _current.get()
    finally:
        _current.reset(token)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file: pins by ``KIND:NAME``."""

    file: Path
    artefacts: Mapping[str, Pins]

    def pins(self, subject: str) -> Pins:
        """Return the pins of an artefact; ``UserError`` names the closest."""
        if subject not in self.artefacts:
            near = closest(subject, self.artefacts)
            hint = f"; did you mean {near!r}?" if near else ""
            raise UserError(
                f"{self.file} does not pin {subject} ({', '.join(self.artefacts)}){hint}; add it with "
                f"./nvh images lock --out {self.file} {' '.join((*self.artefacts, subject))}"
            )
        return self.artefacts[subject]


@functools.cache
def _load(path: Path) -> Lock:
    if path.is_dir():
        raise UserError(f"the lock {path} is a directory; name a file of ./nvh images lock")
    if not path.is_file():
        raise UserError(f"the lock {path} does not exist; make it with ./nvh images lock --out {path}")
    return load(path)


def load(path: Path) -> Lock:
    """Read a lock file; ``InputError`` with file:line:col for what it should not hold."""
    rows = load_document(path, SCHEMA)["artefacts"]
    return Lock(
        path,
        {
            subject: Pins(
                subject,
                path,
                {name: (p["version"], p["sha256"]) for name, p in row.get("packages", {}).items()},
                row.get("commit", ""),
                row.get("sha256", ""),
            )
            for subject, row in rows.items()
        },
    )


def write(path: Path, rows: Mapping[str, Mapping[str, Json]]) -> None:
    """Write a lock file of ``rows``: ``KIND:NAME`` → what ``row`` returns."""
    heading = "# Made by `nvh images lock`: runs with --locked use exactly these.\n"
    data = {"format": 1, "artefacts": {subject: dict(row) for subject, row in rows.items()}}
    write_atomic(path, heading + yaml.safe_dump(data, sort_keys=True, width=110))


def row(manifest: Mapping[str, Any]) -> dict[str, Json]:
    """Return what pins the artefact of a manifest: a model's, a kernel's or a root file system's."""
    source = manifest.get("source", manifest)
    if "packages" in source:
        return {"packages": _packages(source["packages"])}
    if "commit" in source:
        return {"commit": source["commit"]}
    if "version" in source:
        return {"packages": _packages([source])}
    return {"sha256": source["sha256"]}


def _packages(records: list[dict[str, str]]) -> Json:
    return {each["name"]: {"version": each["version"], "sha256": each["sha256"]} for each in records}


def get_or_build(
    store: Store, kind: str, key: Mapping[str, Json], build: Callable[[Path], Mapping[str, Json]]
) -> Artefact:
    """``Store.get_or_build`` for artefacts whose key leaves dependencies out: a lock pins those too."""
    pins = current()
    if pins is None:
        return store.get_or_build(kind, key, build)
    found = store.find(kind, key)
    if found is not None:
        records = found.manifest.get("packages", [])
        if {each["name"]: (each["version"], each["sha256"]) for each in records} == dict(pins.packages):
            return found
    locked = digest_of({name: list(pin) for name, pin in pins.packages.items()})
    return store.get_or_build(kind, {**key, "locked": locked}, build)
