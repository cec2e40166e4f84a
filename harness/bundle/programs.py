# SPDX-License-Identifier: GPL-2.0-only
"""What a console model's command may be made of that nvh itself has: a shipped QEMU, UEFI for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.artefacts.model import build_model, load_model
from harness.artefacts.uefi import FIRMWARE, build_uefi
from harness.bundle.console_model import ConsoleModel
from harness.host.cache import Store

UEFI = "{uefi}"


@dataclass(frozen=True, slots=True)
class Programs:
    """``launcher`` is what ``{qemu}`` stands for, ``uefi`` the file that ``{uefi}`` stands for.

    ``version`` and ``sha256`` are the launcher's, ``timings`` the options of each timing, one of which
    ``{timing}`` stands for. Everything is empty of what a model does not name.
    """

    launcher: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    sha256: str = ""
    uefi: str = ""
    timings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


NONE = Programs()


def programs_of(
    model: ConsoleModel, store: Store, progress: Callable[[str], None] = lambda _: None
) -> Programs:
    """Return what the model's commands name, built if need be; raises what building it raises."""
    uefi = ""
    if any(UEFI in word for words in (model.command, model.power_on, model.power_off) for word in words):
        uefi = str(build_uefi(store, progress).path / FIRMWARE)
    if not model.qemu:
        return Programs(uefi=uefi)
    qemu = build_model(load_model(model.qemu), store, progress)
    version = f"QEMU {qemu.version}"
    return Programs(qemu.launcher, qemu.environment, version, qemu.sha256, uefi, qemu.spec.timings)
