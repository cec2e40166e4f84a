# SPDX-License-Identifier: GPL-2.0-only
"""The artefacts of a cell on the machine where it runs: by content, whatever lies where.

The usual farm shares one cache directory. Where a worker has a cache of its own, what it lacks is named by
kind and digest, so that a backend can bring it, and the paths of a work order are made those of the
worker's cache.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.attempt.job import JOB, read_job
from harness.errors import InfraError
from harness.host.cache import Store, load_artefact, sha256_file, write_atomic
from harness.nightly.farm.messages import ArtefactNeed, AttemptOrder
from harness.runner.choice import Chooser, Start
from harness.runner.snapshots import Snapshots
from harness.stack.images import StackImages

CHUNK = 32 << 20
_SNAPSHOTS: dict[Path, Snapshots] = {}
_LOCK = threading.Lock()


def needs(images: StackImages) -> tuple[ArtefactNeed, ...]:
    """Return what a cell's images are in the cache."""
    found = [images.root, *images.kernels.values(), *images.rootfs.values()]
    if images.plugins:
        found.append(images.plugins.artefact)
    if images.mainloop:
        found.append(images.mainloop)
    if images.model.artefact:
        found.append(images.model.artefact)
    return tuple(dict.fromkeys(ArtefactNeed(each.kind, each.digest) for each in found))


def missing(order: AttemptOrder) -> list[ArtefactNeed]:
    """Return the needs that this machine's cache lacks; ``InfraError`` for a model's program that differs."""
    if order.program:
        program = Path(order.program)
        if not program.is_file():
            raise InfraError(
                f"the model's program {program} is not on this worker; put it on a shared file system"
            )
        if (found := _program_digest(program)) != order.program_sha256:
            raise InfraError(
                f"{program} is another program on this worker: SHA-256 {found}, not {order.program_sha256}"
            )
    if not order.needs:
        return []
    root = Store().root
    return [need for need in order.needs if not _whole(root / need.kind / need.digest)]


_DIGESTS: dict[tuple[str, int, int], str] = {}


def _program_digest(program: Path) -> str:
    state = program.stat()
    key = (str(program), state.st_mtime_ns, state.st_size)
    if key not in _DIGESTS:
        _DIGESTS[key] = sha256_file(program)
    return _DIGESTS[key]


def _whole(path: Path) -> bool:
    try:
        load_artefact(path)
    except InfraError:
        return False
    return True


def describe(order: AttemptOrder, lacking: Sequence[ArtefactNeed]) -> str:
    """Say what is missing and what to do."""
    names = ", ".join(map(str, lacking))
    return (
        f"this worker's cache {Store().root} lacks {names}; share the driver's cache ({order.cache}) with it "
        "and set NVH_CACHE, or run `./nvh images build` there"
    )


def relocate(order: AttemptOrder) -> None:
    """Make the paths of the work order those of this machine's cache, where they differ."""
    own = str(Store().root)
    if own == order.cache or not order.cache:
        return
    path = Path(order.directory) / JOB
    data = json.loads(path.read_text(encoding="utf-8"))
    data["images"] = _moved(data["images"], order.cache, own)
    write_atomic(path, json.dumps(data, indent=1, sort_keys=True))


def _moved(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return new + value[len(old) :] if value == old or value.startswith(f"{old}/") else value
    if isinstance(value, list):
        return [_moved(item, old, new) for item in value]
    if isinstance(value, dict):
        return {key: _moved(item, old, new) for key, item in value.items()}
    return value


def choose_snapshot(order: AttemptOrder, say: Callable[[str], None]) -> None:
    """Leave the snapshot that the cell begins from in its directory, made now if there is none."""
    if order.fresh:
        return
    store = Store()
    with _LOCK:
        snapshots = _SNAPSHOTS.setdefault(store.root, Snapshots(store, say))
    directory = Path(order.directory)
    Chooser(snapshots, Start()).choose(read_job(directory), directory, say)


def pack(need: ArtefactNeed, root: Path) -> Iterator[bytes]:
    """Yield an artefact of the cache ``root`` as the chunks of a tar archive; ``InfraError`` without it."""
    artefact = load_artefact(root / need.kind / need.digest)
    pipe = _Chunks()
    with tarfile.open(fileobj=pipe, mode="w|", bufsize=CHUNK) as archive:
        for path in sorted(artefact.path.rglob("*")):
            archive.add(path, str(path.relative_to(artefact.path)), recursive=False)
            yield from pipe.whole()
    yield from pipe.whole(last=True)


class _Chunks(io.RawIOBase):
    """Collects what tarfile writes until a chunk is whole."""

    def __init__(self) -> None:
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._data += data
        return len(data)

    def whole(self, *, last: bool = False) -> Iterator[bytes]:
        """Yield the chunks that are whole, and the rest after the last one."""
        while len(self._data) >= CHUNK or (last and self._data):
            yield bytes(self._data[:CHUNK])
            del self._data[:CHUNK]


def receive(need: ArtefactNeed, number: int, chunk: bytes) -> None:
    """Add one chunk to what this machine has received of an artefact; chunk 0 begins anew."""
    path = _incoming(need)
    with path.open("wb" if number == 0 else "ab") as out:
        out.write(chunk)


def complete(need: ArtefactNeed, digest: str) -> None:
    """Publish a received artefact; ``InfraError`` when its archive is not what was sent."""
    store = Store()
    path = _incoming(need)
    found = sha256_file(path)
    if found != digest:
        path.unlink()
        raise InfraError(f"{need} arrived damaged: SHA-256 {found} instead of {digest}")
    work = store.root / "tmp" / f"receive-{need.digest}-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    with tarfile.open(path) as archive:
        archive.extractall(work, filter="tar")
    path.unlink()
    artefact = load_artefact(work)
    if (artefact.kind, artefact.digest) != (need.kind, need.digest):
        raise InfraError(f"what arrived as {need} is {artefact.kind}/{artefact.digest}")
    final = store.root / need.kind / need.digest
    with store.lock(f"{need.kind}-{need.digest}"):
        if _whole(final):
            shutil.rmtree(work)
            return
        shutil.rmtree(final, ignore_errors=True)
        final.parent.mkdir(parents=True, exist_ok=True)
        work.rename(final)


def _incoming(need: ArtefactNeed) -> Path:
    return Store().root / "tmp" / f"incoming-{need.kind}-{need.digest}-{os.getpid()}"
