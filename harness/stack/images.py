# SPDX-License-Identifier: GPL-2.0-only
"""Everything a stack is made of, built: the model, and the kernel and root file system of each level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.artefacts.initrd import IMAGE as INITRD
from harness.artefacts.mainloop import FILE as MAINLOOP
from harness.artefacts.model import PARANGES, Model
from harness.artefacts.plugin import Plugins
from harness.errors import InfraError
from harness.host.cache import Artefact
from harness.level import Level
from harness.machine.qemu import MachineSpec, Plugin
from harness.scenario.language import StackSpec
from harness.stack.vmm import kernel_cmdline

IDENTIFY = "nvh-identify"
TURNS = "nvh-turns"


@dataclass(frozen=True, slots=True)
class StackImages:
    """The artefacts of one stack. ``initrd`` is L0's root and the disks of the levels above it, None for a
    bare model.

    ``plugins`` are there when the model is to be watched, or where it runs its vCPUs in turns and can load
    them; ``mainloop`` when its time is counted in instructions.
    """

    model: Model
    kernels: Mapping[Level, Artefact]
    rootfs: Mapping[Level, Artefact]
    initrd: Artefact | None = None
    plugins: Plugins | None = None
    mainloop: Artefact | None = None

    @property
    def root(self) -> Artefact:
        """L0's initramfs; ``InfraError`` for images of a bare model, which has none."""
        if self.initrd is None:
            raise InfraError(f"no root file system was built for model {self.model.spec.name}")
        return self.initrd

    def has_initramfs(self, level: Level) -> bool:
        """Whether the kernel of ``level`` needs an initramfs to reach its root."""
        return (self.kernels[level].path / "initramfs.cpio.gz").exists()

    def machine(self, spec: StackSpec, seed: int | None = None) -> MachineSpec:
        """Return the machine that runs L0 of ``spec``; ``seed`` is the model's own random seed."""
        level = spec.levels[Level.L0]
        turns = self.model.deterministic(spec.timing)
        return MachineSpec(
            launcher=self.model.launcher,
            environment={**self.model.environment, **self._preload()},
            flags=self.model.flags(spec.timing, seed),
            cpus=level.cpus,
            memory_mib=level.memory_mib,
            kernel=self.kernels[Level.L0].path / "Image",
            cmdline=kernel_cmdline(Level.L0, level, self.has_initramfs(Level.L0), turns),
            turns=turns,
            initrd=self.root.path / INITRD,
            sandbox=self.model.spec.sandbox,
            plugins=(*self._identity(), *(self._yielding() if turns and level.cpus > 1 else ())),
        )

    def _identity(self) -> tuple[Plugin, ...]:
        """What has L0 find fewer bits of PA than the model's CPU has; it belongs to the model."""
        bits = self.model.spec.pa_bits
        if not bits:
            return ()
        if self.plugins is None:
            raise InfraError(f"model {self.model.spec.name} has pa-bits, and its plugins were not built")
        return (Plugin(self.plugins.file(IDENTIFY), (("parange", str(PARANGES[bits])),)),)

    def _yielding(self) -> tuple[Plugin, ...]:
        """What has a vCPU that waits give its turn away; without it a model is right, and slower."""
        return (Plugin(self.plugins.file(TURNS)),) if self.plugins else ()

    def _preload(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.mainloop.path / MAINLOOP)} if self.mainloop else {}

    def _source(self) -> dict[str, str]:
        """What L0's kernel was made from: its label, of a git repository commit, tree and address too."""
        kernel = self.kernels.get(Level.L0)
        source = kernel.manifest.get("source") if kernel else None
        if not isinstance(source, dict) or not source.get("label"):
            return {}
        named = [f"{name} {source[name]}" for name in ("commit", "tree", "url") if source.get(name)]
        return {"version": "; ".join([str(source["label"]), *named]), "sha256": str(source.get("sha256", ""))}

    def versions(self) -> dict[str, dict[str, str]]:
        """Return what ran: name to version and SHA-256, for the report."""
        found = {"model": {"version": f"QEMU {self.model.version}", "sha256": self.model.sha256}}
        if self.plugins:
            found["plugins"] = {
                "version": f"interface {self.plugins.api}, {self.plugins.artefact.digest}",
                "sha256": str(self.plugins.artefact.manifest["sha256"]),
            }
        if self.mainloop:
            found["main loop"] = {
                "version": self.mainloop.digest,
                "sha256": str(self.mainloop.manifest["sha256"]),
            }
        for level, kernel in self.kernels.items():
            found[f"kernel {level}"] = {
                "version": str(kernel.manifest.get("release", "")),
                "sha256": str(kernel.manifest.get("sha256", kernel.digest)),
            }
        if source := self._source():
            found["kernel l0 source"] = source
        for level, rootfs in self.rootfs.items():
            found[f"rootfs {level}"] = {
                "version": str(rootfs.manifest["name"]),
                "sha256": str(rootfs.manifest["sha256"]),
            }
        return found
