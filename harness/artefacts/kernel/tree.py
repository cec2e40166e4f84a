# SPDX-License-Identifier: GPL-2.0-only
"""A build tree that is used again: a changed patch or option recompiles what depends on it, no more.

Layout below the slot: ``src`` (sources with the series applied), ``out`` (make's O=), ``pristine`` (the
originals of every file that some series has touched), ``state`` (what the source keeps) and
``tree.json``. The caller holds the slot's lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.artefacts.kernel import config, series, warnings
from harness.artefacts.kernel.make import ARCH, make
from harness.artefacts.kernel.source_kind import KernelSource, Resolved
from harness.errors import InfraError, UserError
from harness.host.cache import Json, Store, digest_of, tree_bytes, write_atomic

ORPHAN_TIMEOUT_S = 900
TREES = "kernel-trees"  # the store's directory of slots


@contextlib.contextmanager
def owned(
    source: KernelSource, store: Store, log: Path, progress: Callable[[str], None]
) -> Iterator[BuildTree]:
    """Own the build tree of ``source`` in ``store``; what runs in it is appended to ``log``."""
    slot = f"{source.KIND}-{digest_of([source.slot(), ARCH])}"
    log.touch()
    with store.lock(f"kernel-tree-{slot}"):
        tree = BuildTree(store.directory(TREES) / slot, log, progress)
        with tree.held():
            yield tree


class BuildTree:
    """The build tree in directory ``slot``."""

    def __init__(self, slot: Path, log: Path, progress: Callable[[str], None]) -> None:
        self.slot = slot
        self.log = log
        self.progress = progress
        self.src = slot / "src"
        self.out = slot / "out"
        self.pristine = slot / "pristine"
        self.memory = slot / "tree.json"
        self.before: dict[str, tuple[bytes, int]] = {}
        self.lock: int | None = None
        self.compiled: set[str] = set()
        self.warnings: dict[str, list[str]] = {}

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Own the tree, also against the make of a builder that was killed.

        The store's lock goes with the builder's process; a make that survives it holds this one, which it
        inherited, until its last compiler has ended. ``InfraError`` when that takes ``ORPHAN_TIMEOUT_S``.
        """
        self.slot.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.slot.with_name(f".{self.slot.name}.busy"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            deadline = time.monotonic() + ORPHAN_TIMEOUT_S
            while not _locked(descriptor):
                if time.monotonic() > deadline:
                    raise InfraError(f"a make from an earlier build still runs in {self.slot}; end it")
                self.progress("waiting for the make of a build that was killed")
                time.sleep(1)
            self.lock = descriptor
            yield
        finally:
            self.lock = None
            os.close(descriptor)

    def fill(self, source: Resolved) -> dict[str, Json]:
        """Make ``src`` hold the source, reusing what is there. Returns the source's provenance."""
        state = self._remembered()
        if state.get("identity") == source.identity:
            return dict(state["provenance"])
        if source.replaces or "identity" not in state:
            shutil.rmtree(self.slot, ignore_errors=True)
        else:
            self._note_patched()
            self._restore(set())
            shutil.rmtree(self.pristine, ignore_errors=True)
        self.memory.unlink(missing_ok=True)
        for path in (self.src, self.out, self.slot / "state"):
            path.mkdir(parents=True, exist_ok=True)
        self.progress(f"unpacking {source.label}")
        provenance = source.fill(self.src, self.slot / "state", self.log)
        self._remember({"identity": source.identity, "provenance": provenance, "absent": []})
        return provenance

    def patch(self, patches: series.Series, target: str) -> None:
        """Apply the series to the pristine source; only files whose content changes are written."""
        self._keep_originals(patches.paths())
        with tempfile.TemporaryDirectory(prefix="nvh-patched-") as directory:
            result = Path(directory)
            series.apply(patches, self._original, target, result, self.log)
            touched = {path for path in patches.paths() if (result / path).exists()}
            for path in touched:
                _update(result / path, self.src / path)
            self._restore(touched)
        for path, (data, stamp) in self.before.items():
            if (self.src / path).is_file() and (self.src / path).read_bytes() == data:
                os.utime(self.src / path, ns=(stamp, stamp))
        self.before.clear()

    def configure(self, fragments: str) -> dict[str, str]:
        """Run ``allnoconfig`` with the fragments on top. Returns the options that ended up set."""
        wanted = self.slot / "nvh.config"
        wanted.write_text(fragments, encoding="utf-8")
        self.make("allnoconfig", f"KCONFIG_ALLCONFIG={wanted}")
        return config.read(self.out / ".config")

    def make(self, *words: str, files: int = 0) -> None:
        """Run make on the tree; ``compiled`` are the objects made so far, ``warnings`` those of all.

        ``files``: about how many a tree without any compiles.
        """
        command = [f"O={self.out}", *words]
        start = self.log.stat().st_size if self.log.exists() else 0
        try:
            expected = 0 if (self.out / "vmlinux").exists() else files
            tell, lock = self.progress, self.lock
            make(self.src, command, log=self.log, progress=tell, base=self.slot, held=lock, files=expected)
        finally:  # also what a build made before it failed is not made again
            with self.log.open("rb") as stream:
                stream.seek(start)
                said = stream.read().decode("utf-8", "replace")
            made = warnings.parse(said, self.src)
            self.compiled |= made.objects.keys()
            self.warnings = warnings.remember(self.slot, made)

    def release(self) -> str:
        """Return what ``uname -r`` will say."""
        return (self.out / "include/config/kernel.release").read_text().strip()

    def _remembered(self) -> dict[str, Json]:
        try:
            state: dict[str, Json] = json.loads(self.memory.read_text())
        except (OSError, ValueError):
            return {}
        return state

    def _remember(self, state: dict[str, Json]) -> None:
        write_atomic(self.memory, json.dumps(state))

    def _keep_originals(self, paths: list[str]) -> None:
        """Save the files before any series changes them for the first time."""
        state = self._remembered()
        absent = set(state["absent"])
        for path in paths:
            kept = self.pristine / path
            if path in absent or kept.exists():
                continue
            source = self.src / path
            if source.is_symlink() or source.is_dir():
                raise UserError(f"the series patches {path}, which is not a regular file in the source")
            if source.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                temporary = kept.with_name(kept.name + ".nvh-new")
                shutil.copy2(source, temporary)
                temporary.rename(kept)
            else:
                absent.add(path)
        self._remember({**state, "absent": sorted(absent)})

    def _note_patched(self) -> None:
        """Note content and time of the patched files: those that come out the same are not recompiled."""
        kept = [str(path.relative_to(self.pristine)) for path in self.pristine.rglob("*") if path.is_file()]
        for path in (*kept, *self._remembered()["absent"]):
            if (file := self.src / path).is_file():
                self.before[path] = (file.read_bytes(), file.stat().st_mtime_ns)

    def _original(self, path: str) -> Path | None:
        kept = self.pristine / path
        return kept if kept.exists() else None

    def _restore(self, keep: set[str]) -> None:
        """Give every file outside ``keep`` that a series once touched its original content back."""
        for kept in filter(Path.is_file, self.pristine.rglob("*")):
            path = str(kept.relative_to(self.pristine))
            if path not in keep and not path.endswith(".nvh-new"):
                _update(kept, self.src / path)
        for path in set(self._remembered().get("absent", ())) - keep:
            (self.src / path).unlink(missing_ok=True)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def prune(store: Store, max_age_s: float) -> list[tuple[str, int]]:
    """Delete the build trees that no build has used for ``max_age_s`` seconds; return names and bytes."""
    gone = []
    for slot in sorted(store.directory(TREES).glob("[!.]*")):
        with store.lock(f"kernel-tree-{slot.name}"):
            memory = slot / "tree.json"
            used = memory.stat().st_mtime if memory.exists() else 0.0
            if time.time() - used >= max_age_s:
                gone.append((slot.name, tree_bytes(slot)))
                shutil.rmtree(slot, ignore_errors=True)
    return gone


def _update(new: Path, target: Path) -> None:
    """Copy unless the content is the same already: a new time stamp would recompile its users."""
    if target.exists() and filecmp.cmp(new, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(new, target)
