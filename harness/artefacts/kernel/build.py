# SPDX-License-Identifier: GPL-2.0-only
"""From a kernel file to an artefact: Image, vmlinux, config, our module, and what all of it came from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.artefacts import lock
from harness.artefacts.kernel import config, debian_image, warnings
from harness.artefacts.kernel.make import ARCH, toolchain
from harness.artefacts.kernel.module import MODULE, build_module, generated
from harness.artefacts.kernel.series import Series
from harness.artefacts.kernel.source_kind import Resolved
from harness.artefacts.kernel.spec import KernelSpec
from harness.artefacts.kernel.tree import owned
from harness.artefacts.kernel.trees import GitTree
from harness.errors import InfraError, UserError
from harness.host.cache import Artefact, Json, Store, sha256_file, sha256_tree, write_atomic
from harness.host.remaining import under

KIND = "kernel"
FORMAT = 2  # of what build() puts into the artefact; a change rebuilds


def build_kernel(
    spec: KernelSpec, store: Store, payload_dir: Path, progress: Callable[[str], None]
) -> Artefact:
    """Return the kernel's artefact, built when its inputs changed.

    It holds ``Image``, ``config``, ``modules/nvh.ko``, ``build.log``; a built kernel also ``vmlinux``,
    ``System.map`` and ``warnings.json``, a ready Debian image ``initramfs.cpio.gz``.
    ``payload_dir`` has the module's sources.

    ``UserError`` for missing inputs and patches that do not apply, ``InfraError`` when make fails; the log
    is kept below the store's ``failed/`` and named in the message.
    """
    if not (payload_dir / "Kbuild").is_file():
        raise UserError(f"{payload_dir} holds no Kbuild; it should have the sources of {MODULE}")
    payload = {"sources": sha256_tree(payload_dir), "generated": generated()}
    with lock.pinned("kernel", spec.name) as pins:
        return _build(spec, store, payload_dir, payload, pins, progress)


class _NotBuilt(Exception):
    """Nothing is built where it is only asked for."""


class _FindStore(Store):
    """Finds what there is and builds nothing."""

    def get_or_build(
        self, kind: str, key: Mapping[str, Json], build: Callable[[Path], Mapping[str, Json]]
    ) -> Artefact:
        """Return the artefact; raises ``_NotBuilt`` where it would have to be built."""
        del build
        if found := self.find(kind, key):
            return found
        raise _NotBuilt


def built_kernel(spec: KernelSpec, store: Store, payload_dir: Path) -> Artefact | None:
    """Return the kernel if it is in ``store`` as its inputs are now; nothing is built for it."""
    try:
        return build_kernel(spec, _FindStore(store.root), payload_dir, lambda _: None)
    except (_NotBuilt, UserError, InfraError):
        return None


def _build(
    spec: KernelSpec,
    store: Store,
    payload_dir: Path,
    payload: dict[str, Json],
    pins: lock.Pins | None,
    progress: Callable[[str], None],
) -> Artefact:
    if isinstance(spec.source, debian_image.DebianImage):
        return debian_image.build(spec.source, store, payload_dir, payload, _named(spec, progress))
    wanted = spec.source
    if pins and pins.commit and isinstance(wanted, GitTree):
        wanted = replace(wanted, ref=pins.commit)
    source = wanted.resolve(store)
    if pins and "sha256" in source.identity:
        pins.check_sha256(source.label, str(source.identity["sha256"]))
    series = spec.series()
    fragments = config.join(spec.config)
    key: dict[str, Json] = {
        "builder": FORMAT,
        "source": {"kind": spec.source.KIND, **source.identity},
        "series": series.digest(),
        "config": hashlib.sha256(fragments.encode()).hexdigest(),
        "require": list(spec.require),
        "toolchain": toolchain(),
        "payload": payload,
    }

    def build(work: Path) -> dict[str, Any]:
        job = _Job(spec, store, source, series, fragments, payload_dir, _named(spec, progress))
        try:
            return job.run(work)
        except (UserError, InfraError) as error:
            kept = store.root / "failed" / work.name.rpartition("-")[0] / "build.log"
            error.args = (f"kernel {spec.name}: {error}\nlog: {kept}",)
            raise

    return store.get_or_build(KIND, key, build)


def _named(spec: KernelSpec, progress: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: progress(under(f"kernel {spec.name}", text))


class _Job:
    def __init__(
        self,
        spec: KernelSpec,
        store: Store,
        source: Resolved,
        series: Series,
        fragments: str,
        payload_dir: Path,
        progress: Callable[[str], None],
    ) -> None:
        self.spec = spec
        self.store = store
        self.source = source
        self.series = series
        self.fragments = fragments
        self.payload_dir = payload_dir
        self.progress = progress

    def run(self, work: Path) -> dict[str, Any]:
        """Fill ``work`` and return what the manifest records."""
        assert not isinstance(self.spec.source, debian_image.DebianImage)
        log = work / "build.log"
        with owned(self.spec.source, self.store, log, self.progress) as tree:
            provenance = tree.fill(self.source)
            tree.patch(self.series, self.source.label)
            self.progress("configuring")
            final = tree.configure(self.fragments)
            missing = config.unmet(self.fragments, final)
            if refused := [name for name in self.spec.require if name not in final]:
                raise UserError(
                    f"{self.source.label} does not offer {', '.join(refused)}, which {self.spec.path} "
                    "requires; choose a source that has it or look at the options it depends on"
                )
            self.progress("compiling")
            tree.make("Image", "modules", files=self.spec.files)
            self.progress(f"compiling {MODULE}")
            build_module(tree, self.payload_dir, work / "modules")
            self._collect(tree.out, work)
            release = tree.release()
        write_atomic(work / warnings.FILE, json.dumps(tree.warnings, indent=0, sort_keys=True))
        return {
            "name": self.spec.name,
            "release": release,
            "source": {"kind": self.spec.source.KIND, "label": self.source.label, **provenance},
            "series": {
                "name": self.series.name,
                "sha256": self.series.digest(),
                "patches": [patch.name for patch in self.series.patches],
            },
            "config_sha256": sha256_file(work / "config"),
            "config_unmet": missing,
            "toolchain": toolchain(),
            "compiled": sorted(tree.compiled),
            "sha256": sha256_file(work / "Image"),
            "module": {"file": f"modules/{MODULE}", "why_not": ""},
        }

    @staticmethod
    def _collect(out: Path, work: Path) -> None:
        places = {
            f"arch/{ARCH}/boot/Image": "Image",
            "vmlinux": "vmlinux",
            ".config": "config",
            "System.map": "System.map",
        }
        for built, name in places.items():
            shutil.copy(out / built, work / name)
