# SPDX-License-Identifier: GPL-2.0-only
"""``nvh bundle``: the directory, from artefacts that ordinary runs use as well."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import __version__
from harness.artefacts import cpio
from harness.artefacts.payloads import build_payloads
from harness.bundle import parts
from harness.bundle.bare import BARE_IMAGE, build_bare, identified, load_board
from harness.bundle.commands import commands
from harness.check.answers import GROUPS
from harness.covering.artefact import build_covering
from harness.errors import UserError
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file
from harness.ktap.manifest import CASES, FORMAT, LISTS, MANIFEST, cases_text
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.run import commit

IMAGE, INITRD, TREE, BARE = "Image", "initrd", "tree", "bare"
HOME = "nvh"
"""Where the initrd has the programs."""
ARCHIVE = ".tar.zst"
PACK_DEADLINE_S = 120


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """What it is to be: ``kernel`` boots at L0, ``mutant`` is the fault that its commands switch on.

    ``board``: a name or a path, of what the bare image runs on. ``lists``: more lists, cases by name.
    """

    out: Path
    kernel: str
    mutant: str = ""
    archive: bool = True
    board: str = "virt"
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle that was made: its id, its directory, the archive if any, and the sizes of both in bytes."""

    id: str
    directory: Path
    archive: Path | None
    bytes: int
    archive_bytes: int


def make(wanted: BundleSpec, store: Store, progress: Progress) -> Made:
    """Build what is missing and write the directory; ``UserError`` when there is something already."""
    archive = wanted.out.with_name(wanted.out.name + ARCHIVE) if wanted.archive else None
    for path in (wanted.out, archive):
        if path is not None and path.exists():
            raise UserError(f"{path}: there is one already; remove it, or name another with --out")
    if archive is not None and not shutil.which("zstd"):
        raise UserError("there is no zstd to make the archive with: apt-get install zstd, or --no-archive")
    board = load_board(wanted.board)
    builder = Builder(store, progress)
    kernel = builder.kernel(wanted.kernel)
    payloads = build_payloads(store, progress.note)
    runner = parts.build_runner(store, progress.note)
    bare = build_bare(store, board, progress.note)
    known, described = parts.known_cases(payloads)
    lists = {**parts.lists_of(build_covering(store, payloads, progress.note), described), **wanted.lists}
    work = wanted.out.with_name(f".{wanted.out.name}.making")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        identity = _fill(work, kernel, payloads, runner, bare, cases_text(known), lists)
        manifest = {
            "format": FORMAT,
            "id": identity,
            "nvh": {"version": __version__, "commit": commit()},
            "kernel": {
                "name": str(kernel.manifest["name"]),
                "release": str(kernel.manifest["release"]),
                "sha256": sha256_file(work / IMAGE),
                "mutant": wanted.mutant,
            },
            "files": _files(work),
            "cases": {
                "all": parts.population(name for name, case in known.items() if not case.provoked),
                "families": parts.families(known),
            },
            "lists": {name: parts.population(names) for name, names in lists.items()},
            "bare": {"board": board.name, "groups": list(GROUPS)},
            "commands": commands(wanted.mutant),
        }
        (work / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        work.rename(wanted.out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if archive is not None:
        pack(wanted.out, archive)
    size = sum(each["bytes"] for each in _files(wanted.out).values())
    return Made(identity, wanted.out, archive, size, archive.stat().st_size if archive else 0)


def _fill(
    work: Path,
    kernel: Artefact,
    payloads: Artefact,
    runner: Artefact,
    bare: Artefact,
    cases: str,
    lists: Mapping[str, tuple[str, ...]],
) -> str:
    """Write everything but the manifest; returns the bundle's id, a digest of what it contains."""
    programs = {
        parts.RUNNER: runner.path / parts.RUNNER,
        "nvh-litmus": payloads.path / "nvh-litmus",
        "nvh-kvm": payloads.path / "nvh-kvm",
    }
    texts = {name: "".join(f"{case}\n" for case in names) for name, names in lists.items()}
    image = kernel.path / "Image"
    content = {
        "format": str(FORMAT),
        "kernel": sha256_file(image),
        BARE: sha256_file(bare.path / BARE_IMAGE),
        "cases": hashlib.sha256(cases.encode()).hexdigest(),
        **{name: sha256_file(path) for name, path in programs.items()},
        **{f"list {name}": hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
    }
    identity = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    shutil.copyfile(image, work / IMAGE)
    (work / CASES).write_bytes(gzip.compress(cases.encode(), mtime=0))
    for place in (work / LISTS, work / TREE / LISTS):
        place.mkdir(parents=True)
        for name, text in texts.items():
            (place / name).write_text(text, encoding="utf-8")
    for name, path in {**programs, parts.RUN_SH: parts.RUNNER_SOURCES / parts.RUN_SH}.items():
        shutil.copyfile(path, work / TREE / name)
        (work / TREE / name).chmod(0o755)
    (work / BARE).mkdir()
    (work / BARE / BARE_IMAGE).write_bytes(identified((bare.path / BARE_IMAGE).read_bytes(), identity))
    (work / TREE / "id").write_text(f"{identity}\n", encoding="utf-8")
    archive = io.BytesIO()
    cpio.write(archive, cpio.with_parents(_members(work / TREE)))
    (work / INITRD).write_bytes(gzip.compress(archive.getvalue(), compresslevel=6, mtime=0))
    return identity


def _members(tree: Path) -> Iterator[cpio.CpioMember]:
    yield cpio.directory(".")
    for name in ("dev", "proc", "sys", "tmp"):
        yield cpio.directory(name)
    for path in sorted(tree.rglob("*")):
        if path.is_file():
            mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            yield cpio.regular(f"{HOME}/{path.relative_to(tree)}", path, mode)
    yield cpio.CpioMember("init", 0o120777, f"{HOME}/{parts.RUNNER}".encode())


def _files(directory: Path) -> dict[str, dict[str, Any]]:
    return {
        str(path.relative_to(directory)): {"sha256": sha256_file(path), "bytes": path.stat().st_size}
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def pack(directory: Path, archive: Path) -> None:
    """Make the archive; owners and times are fixed, so that equal bundles give equal bytes."""
    words = ["tar", "--zstd", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]
    command.run([*words, "-cf", archive, "-C", directory.parent, directory.name], timeout_s=PACK_DEADLINE_S)
