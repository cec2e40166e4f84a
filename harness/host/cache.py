# SPDX-License-Identifier: GPL-2.0-only
"""The content-addressed store of built artefacts.

An artefact is a directory ``<root>/<kind>/<digest>/`` with a ``manifest.json``. The digest is taken over
everything that went into it (its *key*), so an artefact never changes and never goes stale: a changed
input has another digest. It is built in ``<root>/tmp`` and published by one rename, so that a crash at
any moment leaves either a whole artefact or none; a lock per digest lets several harnesses share a store.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from harness.errors import InfraError, UserError

FORMAT = 1
MANIFEST = "manifest.json"
LOCK_TIMEOUT_S = 3600

Json = Any


@dataclass(frozen=True, slots=True)
class Artefact:
    """A published artefact: its directory, the digest of its key, and what its builder recorded."""

    kind: str
    digest: str
    path: Path
    manifest: Mapping[str, Json]


def digest_of(value: Json) -> str:
    """Return the first 16 hex digits of SHA-256 over the canonical JSON of ``value``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_tree(root: Path, pattern: str = "**/*", leave_out: Sequence[str] = ()) -> str:
    """Return one SHA-256 over the names, modes and contents of the regular files below ``root``.

    ``leave_out`` are entries of ``root`` itself that do not count.
    """
    total = hashlib.sha256()
    for path in sorted(p for p in root.glob(pattern) if p.is_file()):
        if path.relative_to(root).parts[0] in leave_out:
            continue
        mode = "x" if os.access(path, os.X_OK) else "-"
        total.update(f"{path.relative_to(root)}\0{mode}\0{sha256_file(path)}\n".encode())
    return total.hexdigest()


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` so that a reader sees the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def default_root() -> Path:
    """Return ``$NVH_CACHE``, else ``$XDG_CACHE_HOME/nvh``, else ``~/.cache/nvh``."""
    if chosen := os.environ.get("NVH_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nvh"


def load_artefact(path: Path) -> Artefact:
    """Return the artefact in directory ``path``; ``InfraError`` when it is gone or not whole."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        return Artefact(str(manifest["kind"]), str(manifest["digest"]), path, manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InfraError(f"{path} is not a complete artefact: {error}; run `./nvh images build`") from error


class Store:
    """The artefact store below ``root``. Safe for several processes at once."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or default_root()).absolute()
        try:
            for name in ("tmp", "locks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> UserError:
        return UserError(
            f"the cache {self.root} cannot be used: {error.strerror}; set NVH_CACHE to a writable directory"
        )

    def directory(self, name: str) -> Path:
        """Return a private working directory of the store (apt states, build trees), made if absent."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the store's lock of that name; ``InfraError`` when another process keeps it for an hour."""
        lock = filelock.FileLock(self.root / "locks" / f"{name.replace('/', '_')}.lock")
        try:
            lock.acquire(timeout=LOCK_TIMEOUT_S, poll_interval=0.1)
        except filelock.Timeout as error:
            raise InfraError(f"another process has held {lock.lock_file} for an hour") from error
        except OSError as error:
            raise self._unusable(error) from error
        try:
            yield
        finally:
            lock.release()

    def place(self, kind: str, key: Mapping[str, Json]) -> Path:
        """Return the directory of the artefact of ``key``, whether there is one or not."""
        return self.root / kind / digest_of({"format": FORMAT, "kind": kind, "key": dict(key)})

    def find(self, kind: str, key: Mapping[str, Json]) -> Artefact | None:
        """Return the artefact of ``key`` if it is whole, and note that it was used."""
        path = self.place(kind, key)
        try:
            found = load_artefact(path)
        except InfraError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return found

    def get_or_build(
        self, kind: str, key: Mapping[str, Json], build: Callable[[Path], Mapping[str, Json]]
    ) -> Artefact:
        """Return the artefact of ``key``, building it when absent.

        ``build(directory)`` fills an empty directory and returns what the manifest should record beside
        the key. Whatever it raises passes through, and its ``*.log`` files are kept in ``failed/``.
        """
        if found := self.find(kind, key):
            return found
        final = self.place(kind, key)
        digest = final.name
        with self.lock(f"{kind}-{digest}"):
            if found := self.find(kind, key):
                return found
            work = self.root / "tmp" / f"{kind}-{digest}-{os.getpid()}"
            shutil.rmtree(work, ignore_errors=True)
            try:
                work.mkdir(parents=True)
            except OSError as error:
                raise self._unusable(error) from error
            started = time.monotonic()
            try:
                recorded = build(work)
                manifest = {
                    "format": FORMAT,
                    "kind": kind,
                    "digest": digest,
                    "key": dict(key),
                    **recorded,
                    "build_seconds": round(time.monotonic() - started, 1),
                }
                (work / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
                final.parent.mkdir(parents=True, exist_ok=True)
                if final.exists():  # a leftover without a readable manifest
                    shutil.rmtree(final)
                work.rename(final)
            except OSError as error:
                raise InfraError(f"building {kind} {digest} failed: {error}") from error
            finally:
                if work.exists():
                    self._keep_logs(work, f"{kind}-{digest}")
                    shutil.rmtree(work, ignore_errors=True)
        found = self.find(kind, key)
        if found is None:
            raise InfraError(
                f"{final} vanished right after it was built; is the disk full or another gc running?"
            )
        return found

    def _keep_logs(self, work: Path, name: str) -> None:
        kept = self.root / "failed" / name
        logs = list(work.rglob("*.log"))
        if logs:
            kept.mkdir(parents=True, exist_ok=True)
        for log in logs:
            with contextlib.suppress(OSError):
                shutil.copy2(log, kept / log.name)

    def artefacts(self) -> list[Artefact]:
        """Return every whole artefact, the least recently used first."""
        return [artefact for _, artefact in self._by_age()]

    def _by_age(self) -> list[tuple[float, Artefact]]:
        found: list[tuple[float, Artefact]] = []
        for path in self.root.glob(f"*/*/{MANIFEST}"):
            if path.parts[-3] == "tmp":  # a build that is about to be published
                continue
            with contextlib.suppress(OSError, InfraError):
                found.append((path.parent.stat().st_mtime, load_artefact(path.parent)))
        return sorted(found, key=lambda pair: pair[0])

    def collect(self, max_age_s: float, budget_bytes: int | None = None) -> list[tuple[Artefact, int]]:
        """Delete artefacts unused for ``max_age_s`` seconds, then the oldest ones above the disk budget.

        Also removes what dead builders left in ``tmp``. Returns what was deleted with its size in bytes.
        """
        self._sweep_tmp()

        def doomed(_: Artefact, age_s: float, total: int) -> bool:
            return age_s >= max_age_s or (budget_bytes is not None and total > budget_bytes)

        return self._drop(self._by_age(), doomed)

    def trim(self, kind: str, budget_bytes: int, unused_s: float) -> list[tuple[Artefact, int]]:
        """Delete the least recently used artefacts of ``kind`` until they take no more than the budget.

        Those used in the last ``unused_s`` seconds stay. Returns what was deleted with its size in bytes.
        """

        def doomed(_: Artefact, age_s: float, total: int) -> bool:
            return total > budget_bytes and age_s >= unused_s

        return self._drop([entry for entry in self._by_age() if entry[1].kind == kind], doomed)

    def _drop(
        self, entries: list[tuple[float, Artefact]], doomed: Callable[[Artefact, float, int], bool]
    ) -> list[tuple[Artefact, int]]:
        """Delete, the oldest first, what is ``doomed`` by its age in seconds and the bytes that are left."""
        sizes = [tree_bytes(artefact.path) for _, artefact in entries]
        total = sum(sizes)
        gone: list[tuple[Artefact, int]] = []
        for (mtime, artefact), size in zip(entries, sizes, strict=True):
            if doomed(artefact, time.time() - mtime, total) and self.remove(artefact):
                total -= size
                gone.append((artefact, size))
        return gone

    def remove(self, artefact: Artefact) -> bool:
        """Delete an artefact; whether it was there. Who has its files open keeps them."""
        with self.lock(f"{artefact.kind}-{artefact.digest}"):
            doomed = self.root / "tmp" / f"gc-{artefact.digest}-{os.getpid()}"
            try:
                artefact.path.rename(doomed)
            except OSError:
                return False
            shutil.rmtree(doomed, ignore_errors=True)
        return True

    def _sweep_tmp(self) -> None:
        for path in (self.root / "tmp").iterdir():
            owner = path.name.rsplit("-", 1)[-1]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                shutil.rmtree(path, ignore_errors=True)


def tree_bytes(root: Path) -> int:
    """Return the disk space that the files below ``root`` occupy, in bytes (holes do not count)."""
    total = 0
    for directory, _, names in os.walk(root):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(directory) / name).lstat().st_blocks * 512
    return total
