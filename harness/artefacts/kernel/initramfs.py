# SPDX-License-Identifier: GPL-2.0-only
"""The initramfs for kernels with modular drivers: busybox, our /init, and modules in loading order."""

from __future__ import annotations

import gzip
import io
import lzma
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts import cpio
from harness.artefacts.kernel.image import filtered
from harness.errors import UserError

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_SOFTDEP = re.compile(rb"\0softdep=pre: ([^\0]*)\0")


@dataclass(frozen=True, slots=True)
class Module:
    """A kernel module: its name with underscores, and the uncompressed ELF file."""

    name: str
    data: bytes

    def depends(self) -> list[str]:
        """Return the modules that must be loaded before, from its .modinfo."""
        found = [name for match in _DEPENDS.findall(self.data) for name in match.decode().split(",")]
        return [canonical(name) for name in found if name]

    def wants(self) -> list[str]:
        """Return the modules that should be loaded before when they exist (softdep)."""
        found = [name for match in _SOFTDEP.findall(self.data) for name in match.decode().split()]
        return [canonical(name) for name in found if not name.endswith(":")]


def canonical(name: str) -> str:
    """Return a module's name as the kernel spells it."""
    return name.replace("-", "_")


class ModuleTree:
    """The modules below a ``lib/modules/RELEASE`` directory, compressed or not."""

    def __init__(self, root: Path) -> None:
        self.paths = {canonical(path.name.partition(".ko")[0]): path for path in root.rglob("*.ko*")}
        self.loaded: dict[str, Module] = {}

    def load(self, name: str) -> Module | None:
        """Return a module, or None when the kernel has no such module (it may be built in)."""
        if name not in self.loaded and (path := self.paths.get(name)):
            self.loaded[name] = Module(name, _uncompressed(path))
        return self.loaded.get(name)

    def ordered(self, names: Iterable[str]) -> list[Module]:
        """Return the modules ``names`` with all they depend on, each after its dependencies."""
        order: dict[str, Module] = {}

        def visit(name: str, above: tuple[str, ...]) -> None:
            module = self.load(name)
            if module is None or name in order or name in above:
                return
            for needed in (*module.wants(), *module.depends()):
                visit(needed, (*above, name))
            order[name] = module

        for name in names:
            visit(canonical(name), ())
        return list(order.values())


def _uncompressed(path: Path) -> bytes:
    data = path.read_bytes()
    match path.suffix:
        case ".xz":
            return lzma.decompress(data)
        case ".gz":
            return gzip.decompress(data)
        case ".zst":
            return filtered(["zstd", "-dc"], data)
        case ".ko":
            return data
    raise UserError(f"{path} is compressed in a way nvh does not know")


def initramfs(busybox: bytes, init: bytes, modules: Iterable[Module]) -> bytes:
    """Return a gzip-compressed initramfs whose /init loads ``modules`` in this order."""
    loaded = [cpio.regular(f"lib/modules/{module.name}.ko", module.data) for module in modules]
    order = "".join(f"/{entry.path}\n" for entry in loaded)
    entries = [
        cpio.regular("bin/busybox", busybox, 0o755),
        cpio.regular("init", init, 0o755),
        *loaded,
        cpio.regular("modules.order", order.encode()),
        *(cpio.directory(mount) for mount in ("proc", "sys", "dev", "root")),
    ]
    archive = io.BytesIO()
    cpio.write(archive, cpio.with_parents(entries))
    return gzip.compress(archive.getvalue(), 6, mtime=0)
