# SPDX-License-Identifier: GPL-2.0-only
"""Our plugins for QEMU, built on the host from images/payloads/plugin, and which of them a model can load.

QEMU's plugin interface has versions that exclude each other, so every plugin is built once per version that
we know. Debian ships no header of it: ``qemu_plugin.h`` there is ours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.arch.header import headers, write_headers
from harness.arch.reference import ARCH
from harness.artefacts.model import Model
from harness.artefacts.payloads import LIB, PLUGIN_SOURCES, SOURCES, toolchain
from harness.errors import InfraError, UserError
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file, sha256_tree
from harness.host.command import HOSTCC

APIS = (7, 4)
PROBED = "nvh-trace"
PROBE_DEADLINE_S = 60
BUILD_DEADLINE_S = 120
_ANSWER = re.compile(rf"nvh-plugin: {PROBED}: api=(\d+) min=\d+")
_OFFER = re.compile(r"this QEMU supports only (?:up to|a minimum of|a minimum version of) (?:version )?(\d+)")


@dataclass(frozen=True, slots=True)
class Plugins:
    """The built plugins for one model: those of version ``api`` of QEMU's plugin interface."""

    artefact: Artefact
    api: int

    def file(self, name: str) -> Path:
        """Return the plugin ``name``; ``InfraError`` when there is none."""
        path = self.artefact.path / f"{name}-{self.api}.so"
        if not path.is_file():
            raise InfraError(f"{path} is missing; is {name} a row of images/payloads/plugin/Makefile?")
        return path


def build_plugins(store: Store, progress: Callable[[str], None]) -> Artefact:
    """Return the artefact that holds every plugin for every known version."""
    compiler = toolchain(HOSTCC)
    sources = {name: sha256_tree(SOURCES / name) for name in (*PLUGIN_SOURCES, ARCH, LIB)}
    key = {"sources": sources, "headers": dict(headers()), "toolchain": compiler}

    def build(work: Path) -> dict[str, Any]:
        progress("plugins")
        write_headers(work)
        command.run(
            ["make", "-C", SOURCES / "plugin", f"O={work}", f"GENERATED={work}", f"CC={HOSTCC}"],
            timeout_s=BUILD_DEADLINE_S,
            log=work / "build.log",
        )
        total = hashlib.sha256()
        for path in sorted(work.glob("*.so")):
            total.update(path.read_bytes())
        files = {path.name: sha256_file(path) for path in sorted(work.glob("*.so"))}
        return {"toolchain": compiler, "files": files, "sha256": total.hexdigest()}

    return store.get_or_build("plugin", key, build)


def plugins_for(model: Model, store: Store, progress: Callable[[str], None]) -> Plugins:
    """Return the plugins that ``model`` can load.

    The model's QEMU is asked, once. Raises ``UserError`` when it has no plugin interface or one of a version
    that we do not know.
    """
    artefact = build_plugins(store, progress)
    key = {"model": model.sha256, "launcher": list(model.launcher), "plugins": artefact.digest}

    def build(_: Path) -> dict[str, Any]:
        progress(f"plugin interface of model {model.spec.name}")
        return {"api": ask(model, artefact)}

    return Plugins(artefact, int(store.get_or_build("plugin-api", key, build).manifest["api"]))


def ask(model: Model, artefact: Artefact) -> int:
    """Return the version of the plugin interface that the model's QEMU reports; ``UserError`` as above."""
    said = []
    for api in APIS:
        argv = [*model.launcher, "-M", "none", "-display", "none", "-nodefaults", "-monitor", "none"]
        argv += ["-plugin", f"{artefact.path / f'{PROBED}-{api}.so'},probe=on"]
        output = command.run(
            argv, timeout_s=PROBE_DEADLINE_S, env=model.environment, check=False
        ).stdout.strip()
        answer = _ANSWER.search(output)
        if answer and int(answer[1]) == api:
            return api
        said.append(output)
    raise UserError(refusal(model.spec.name, model.version, said))


def refusal(name: str, version: str, said: list[str]) -> str:
    """Return why no plugin of ours fits, from what QEMU said to each of ``APIS``."""
    known = " and ".join(str(api) for api in sorted(APIS))
    offers = {int(number) for text in said for number in _OFFER.findall(text)}
    offers -= set(APIS)
    if any("-plugin" in text and ("invalid option" in text or "not supported" in text) for text in said):
        why = "has no plugin interface (it was built without --enable-plugins)"
    elif offers:
        why = f"has version {', '.join(map(str, sorted(offers)))} of QEMU's plugin interface"
    else:
        why = f"loads none of nvh's plugins: {' / '.join(dict.fromkeys(said))}"
    return (
        f"model {name}: QEMU {version} {why}; nvh knows versions {known}. Do without model.* events, "
        "use another model, or declare that version in images/payloads/plugin/qemu_plugin.h"
    )
