# SPDX-License-Identifier: GPL-2.0-only
"""Root file systems: Debian packages plus our payloads in a read-only ext4 image, built without root.

``mmdebstrap --mode=chrootless --variant=extract`` unpacks packages and runs no maintainer script, so no
foreign-architecture code runs on this machine. ``mke2fs -d`` makes the image from the tree.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.artefacts import lock
from harness.artefacts.debian import Archive, offline, unpack
from harness.artefacts.ext4 import pack
from harness.artefacts.payloads import payload_names
from harness.document.data_files import Document
from harness.errors import UserError
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree
from harness.host.paths import IMAGES, find_data_file

ARCH = "arm64"
IMAGE = "rootfs.ext4"
TREE = "tree"
INIT = "sbin/nvh-init"
PRUNE = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/icons",
    "usr/share/applications",
    "var/cache",
    "var/lib/apt",
    "var/log",
)
SHARE = "usr/share/nvh"
NO_DATA: Mapping[str, Path] = {}
MOUNT_POINTS = ("proc", "sys", "dev", "run", "tmp", "var", "mnt", "root", "etc")
APPLETS = """
ash awk base64 basename cat chmod chrt cmp cp cut date dd df dirname dmesg du echo env expr false find free
grep gunzip gzip head hexdump hostname id insmod ip kill killall ln ls lsmod mkdir mkfifo mknod mkswap mount
mv nproc pgrep pidof pkill poweroff printf ps pwd readlink reboot rm rmdir rmmod sed seq setsid sh sha256sum
sleep sort stat swapoff swapon sync sysctl tail tar taskset tee test time timeout touch tr true truncate
umount uname uniq uptime usleep vi wc xargs yes zcat
"""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["rootfs", "summary", "suites", "packages", "payloads"],
    "additionalProperties": False,
    "properties": {
        "rootfs": {"type": "string"},
        "summary": {"type": "string"},
        "suites": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "packages": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "payloads": {"type": "array", "items": {"type": "string"}},
        "data": {"type": "array", "items": {"type": "string"}},
        "remove": {"type": "array", "items": {"type": "string"}},
        "selftests": {"type": "string", "minLength": 1},
    },
}


@dataclass(frozen=True, slots=True)
class RootfsSpec:
    """A root file system: packages of Debian ``suites`` (a later suite is preferred) and payload names.

    ``data`` names directories that ``build_rootfs`` is given, for /usr/share/nvh.
    ``remove`` are globs of files that the packages bring and nothing here uses.
    ``selftests`` is a kernel, by name or path: KVM's selftests of its source are in /usr/share/nvh/selftests.
    """

    name: str
    summary: str
    suites: tuple[str, ...]
    packages: tuple[str, ...]
    payloads: tuple[str, ...]
    remove: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    selftests: str = ""


SELFTESTS = "selftests"
"""The data of a root file system with ``selftests``, beside what ``data`` names."""


def load_rootfs(name: str) -> RootfsSpec:
    """Load ``images/rootfs/<name>.yaml`` or the file at a path; ``InputError`` names every defect."""
    document = Document(find_data_file("rootfs", name), SCHEMA)
    known = payload_names()
    for node in document.rows("payloads"):
        if node.text not in known:
            document.unknown(node, "payload", known)
    data = document.checked()
    return RootfsSpec(
        data["rootfs"],
        data["summary"],
        tuple(data["suites"]),
        tuple(data["packages"]),
        tuple(data["payloads"]),
        tuple(data.get("remove", ())),
        (*data.get("data", ()), *([SELFTESTS] if "selftests" in data else ())),
        _kernel(data.get("selftests", ""), document.root.where.path),
    )


def _kernel(name: str, path: str) -> str:
    """A kernel's path, which counts from the file, made absolute; a name as it is."""
    return str((Path(path).parent / name).absolute()) if "/" in name else name


def build_rootfs(
    spec: RootfsSpec,
    store: Store,
    payloads: Artefact,
    progress: Callable[[str], None],
    data: Mapping[str, Path] = NO_DATA,
) -> Artefact:
    """Return ``spec`` as an ext4 image, ``rootfs.ext4``, and as the directory ``tree``.

    ``data``: each directory that the spec names. The key is the newest version of every named package
    (dependencies follow from the same archive state), the payloads, the data and our init.
    """
    if missing := [name for name in spec.data if name not in data]:
        raise UserError(
            f"root file system {spec.name}: no data {', '.join(missing)}; there are {', '.join(sorted(data))}"
        )
    with lock.pinned("rootfs", spec.name):
        return _build(spec, store, payloads, progress, data)


def _build(
    spec: RootfsSpec,
    store: Store,
    payloads: Artefact,
    progress: Callable[[str], None],
    data: Mapping[str, Path],
) -> Artefact:
    archive = Archive(store, spec.suites, ARCH)
    versions = {name: archive.candidate(name).version for name in spec.packages}
    sources = IMAGES / "payloads/rootfs"
    key = {
        "packages": versions,
        "suites": archive.suites,
        "payloads": {name: sha256_file(payloads.path / name) for name in spec.payloads},
        "data": {name: sha256_tree(data[name]) for name in spec.data},
        "remove": list(spec.remove),
        "sources": sha256_tree(sources),
    }

    def build(work: Path) -> dict[str, Any]:
        progress(f"root file system {spec.name}: {len(versions)} packages")
        tree = work / TREE
        packages = _extract(archive, spec, tree, work / "build.log")
        _shrink(tree, spec.remove)
        _install(tree, spec, payloads.path, sources)
        for name in spec.data:
            shutil.copytree(data[name], tree / SHARE / name)
        pack(tree, work / IMAGE, str(uuid.uuid5(uuid.NAMESPACE_OID, spec.name)), work / "build.log")
        return {"name": spec.name, "packages": packages, "sha256": sha256_file(work / IMAGE)}

    return lock.get_or_build(store, "rootfs", key, build)


def _extract(archive: Archive, spec: RootfsSpec, tree: Path, log: Path) -> list[dict[str, str]]:
    if lock.current():  # mmdebstrap would take the newest of what the lock pins
        files = archive.closure(spec.packages)
        unpack(files, tree)
        return sorted((file.record() for file in files), key=lambda record: record["name"])
    if offline():
        raise UserError(f"NVH_OFFLINE is set and {spec.name} is not built; run ./nvh images build")
    sources = (archive.state.root / "etc/sources.list").read_text()
    command.run(
        [
            "mmdebstrap",
            "--mode=chrootless",
            "--variant=extract",
            f"--arch={ARCH}",
            f"--include={','.join(spec.packages)}",
            '--aptopt=APT::Install-Recommends "false"',
            f'--aptopt=APT::Default-Release "{archive.suites[-1]}"',
            "--skip=cleanup/apt",
            archive.suites[0],
            tree,
            "-",
        ],
        timeout_s=1200,
        log=log,
        stdin=sources,
    )
    return [_record(deb) for deb in sorted((tree / "var/cache/apt/archives").glob("*.deb"))]


def _record(deb: Path) -> dict[str, str]:
    name, version, _ = deb.name.split("_")
    return {"name": name, "version": version.replace("%3a", ":"), "sha256": sha256_file(deb)}


def _shrink(tree: Path, remove: tuple[str, ...]) -> None:
    for name in PRUNE:
        shutil.rmtree(tree / name, ignore_errors=True)
    shutil.rmtree(tree / "tmp", ignore_errors=True)
    for gconv in tree.glob("usr/lib/*/gconv"):
        shutil.rmtree(gconv)
    for path in [path for pattern in remove for path in tree.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _install(tree: Path, spec: RootfsSpec, payloads: Path, sources: Path) -> None:
    """Add what maintainer scripts would have made and what is ours.

    Debian's packages are unpacked into a merged /usr, whose aliases base-files would have created.
    """
    for name in MOUNT_POINTS:
        (tree / name).mkdir(exist_ok=True)
    for name in ("bin", "sbin", "lib"):
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (tree / name).exists():
            (tree / name).symlink_to(f"usr/{name}")
    shutil.copy2(sources / "init", tree / INIT)
    (tree / INIT).chmod(0o755)
    (tree / "etc/nvh").mkdir(exist_ok=True)
    shutil.copy2(sources / "fstab", tree / "etc/nvh/fstab")
    (tree / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n"
    )
    (tree / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (tree / "etc/mtab").unlink(missing_ok=True)
    (tree / "etc/mtab").symlink_to("../proc/self/mounts")
    for name in spec.payloads:
        shutil.copy2(payloads / name, tree / "usr/sbin" / name)
        (tree / "usr/sbin" / name).chmod(0o755)
    for applet in APPLETS.split():
        link = tree / "usr/bin" / applet
        if not link.exists() and not (tree / "usr/sbin" / applet).exists():
            link.symlink_to("busybox")
