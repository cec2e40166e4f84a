# SPDX-License-Identifier: GPL-2.0-only
"""A ready Debian ``linux-image``: nothing is compiled but our module.

Since 7.3 Debian splits the image: linux-image depends on linux-binary (vmlinuz), linux-modules and
linux-base (config, System.map); before, linux-image held all of it. Both are found by following Depends.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from harness.artefacts import lock
from harness.artefacts.debian import Archive, Package, PackageFile, unpack
from harness.artefacts.kernel import initramfs
from harness.artefacts.kernel.headers import HeadersTree
from harness.artefacts.kernel.image import raw_image
from harness.artefacts.kernel.make import toolchain
from harness.artefacts.kernel.module import MODULE, build_module
from harness.artefacts.kernel.source_kind import SUITES
from harness.errors import InfraError, UserError
from harness.host import command
from harness.host.cache import Artefact, Json, Store, sha256_file
from harness.host.paths import IMAGES

FORMAT = 1
INIT = IMAGES / "kernels" / "initramfs" / "init"
MODULES = (
    "virtio_mmio",
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "virtio_net",
    "virtio_rng",
    "ext4",
    "loop",
    "zram",
)
_PARTS = re.compile(r"^linux-(?:image|binary|modules|base)-\d")


@dataclass(frozen=True)
class DebianImage:
    """A meta package such as ``linux-image-arm64``, and the suites that have it."""

    suites: tuple[str, ...]
    package: str

    KIND: ClassVar[str] = "debian-image"
    SCHEMA: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["suites"],
        "additionalProperties": False,
        "properties": {"suites": SUITES, "package": {"type": "string", "minLength": 1}},
    }

    @classmethod
    def parse(cls, data: Mapping[str, Any], base: Path) -> DebianImage:
        """Build from the checked YAML mapping."""
        del base
        return cls(tuple(data["suites"]), data.get("package", "linux-image-arm64"))


def build(
    source: DebianImage,
    store: Store,
    payload_dir: Path,
    payload: Mapping[str, Json],
    progress: Callable[[str], None],
) -> Artefact:
    """Return the artefact of a ready image: Image, config, initramfs.cpio.gz and modules/nvh.ko.

    When the module cannot be compiled against Debian's headers on this machine, the artefact goes
    without, and ``manifest["module"]["why_not"]`` says why.
    """
    archive = Archive(store, source.suites, "arm64")
    parts = _parts(archive, source.package)
    busybox = archive.candidate("busybox-static")
    key: dict[str, Json] = {
        "builder": FORMAT,
        "source": {
            "kind": source.KIND,
            "packages": {part.name: part.version for part in parts},
            "busybox": busybox.version,
        },
        "init": sha256_file(INIT),
        "modules": list(MODULES),
        "toolchain": toolchain(),
        "payload": dict(payload),
    }

    def fill(work: Path) -> dict[str, Any]:
        log = work / "build.log"
        log.touch()
        tree = work / "unpacked"
        progress(f"unpacking {parts[0].name} {parts[0].version}")
        files = archive.download([*parts, busybox])
        unpack(files, tree)
        release = _release(tree)
        vmlinuz = _only(tree, f"usr/lib/modules/{release}/vmlinuz", f"boot/vmlinuz-{release}")
        (work / "Image").write_bytes(raw_image(vmlinuz.read_bytes(), vmlinuz.name))
        shutil.copy(
            _only(tree, f"usr/lib/modules/{release}/config", f"boot/config-{release}"), work / "config"
        )
        progress("making the initramfs")
        loaded = _initramfs(tree, release, work / "initramfs.cpio.gz")
        shutil.rmtree(tree)
        why_not = _module(store, archive, release, payload_dir, work, progress)
        return {
            "name": source.package,
            "release": release,
            "source": _provenance(source, files),
            "series": {"name": "none", "sha256": "", "patches": []},
            "config_sha256": sha256_file(work / "config"),
            "toolchain": toolchain(),
            "sha256": sha256_file(work / "Image"),
            "initramfs_modules": loaded,
            "module": {"file": "" if why_not else f"modules/{MODULE}", "why_not": why_not},
        }

    return store.get_or_build("kernel", key, fill)


def _parts(archive: Archive, name: str) -> list[Package]:
    """Return the package and those of its dependencies that carry parts of the kernel."""
    if pins := lock.current():  # the meta package may name a newer kernel by now
        names = sorted(
            filter(_PARTS.match, pins.packages), key=lambda each: not each.startswith("linux-image-")
        )
        return [archive.candidate(each) for each in names]
    found: dict[str, Package] = {}
    queue = [name]
    while queue:
        package = archive.candidate(queue.pop())
        if package.name not in found:
            found[package.name] = package
            queue += [word for word in archive.depends(package) if _PARTS.match(word)]
    if len(found) < 2:
        raise UserError(
            f"{name} depends on no linux-image-VERSION; name a meta package like linux-image-arm64"
        )
    return list(found.values())[1:]


def _release(tree: Path) -> str:
    releases = {
        path.name for where in ("lib/modules", "usr/lib/modules") for path in (tree / where).glob("*")
    }
    if len(releases) != 1:
        raise InfraError(
            f"the kernel packages hold the modules of {len(releases)} kernels: {sorted(releases)}"
        )
    return releases.pop()


def _only(tree: Path, *places: str) -> Path:
    for place in places:
        if (tree / place).is_file():
            return tree / place
    raise InfraError(f"the kernel packages hold none of {', '.join(places)}")


def _initramfs(tree: Path, release: str, target: Path) -> list[str]:
    modules = [
        path for where in ("usr/lib/modules", "lib/modules") if (path := tree / where / release).is_dir()
    ]
    ordered = initramfs.ModuleTree(modules[0]).ordered(MODULES)
    busybox = _only(tree, "usr/bin/busybox", "bin/busybox")
    target.write_bytes(initramfs.initramfs(busybox.read_bytes(), INIT.read_bytes(), ordered))
    return [module.name for module in ordered]


def _provenance(source: DebianImage, files: list[PackageFile]) -> dict[str, Json]:
    image = files[0]
    return {
        "kind": source.KIND,
        "label": f"{image.name} {image.version}",
        **image.record(),
        "packages": [file.record() for file in files],
    }


def _module(
    store: Store,
    archive: Archive,
    release: str,
    payload_dir: Path,
    work: Path,
    progress: Callable[[str], None],
) -> str:
    """Compile the module against Debian's headers; return why not when that is impossible here."""
    progress(f"compiling {MODULE}")
    host = command.run(["dpkg", "--print-architecture"], timeout_s=30).stdout.strip()
    slot = work / "headers"
    tools = archive if host == "arm64" else Archive(store, archive.suites, host)
    try:
        tree = HeadersTree.unpacked(archive, tools, release, slot, work / "build.log", progress)
        build_module(tree, payload_dir, work / "modules")
    except InfraError as error:
        return f"{MODULE} could not be compiled against linux-headers-{release} with {toolchain()}: {error}"
    finally:
        shutil.rmtree(slot, ignore_errors=True)
    return ""
