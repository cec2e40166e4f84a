# SPDX-License-Identifier: GPL-2.0-only
"""QEMU built from the source of Debian's own package with a patch of ours: a model that is wrong on request.

Nothing here is built unless it is asked for: it takes some nine minutes of CPU time without ccache. The patch
(images/models/faults) adds faults of which the environment variable ``VARIABLE`` switches one on.
"""

from __future__ import annotations

import bz2
import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.artefacts.debian_source import SourceArchive, SourcePackage
from harness.artefacts.model import QEMU
from harness.errors import InfraError, UserError
from harness.host import command
from harness.host.cache import Artefact, Store, sha256_file
from harness.host.paths import IMAGES

VARIABLE = "NVH_FAULT"
FAULTS = IMAGES / "models" / "faults"
PATCH = FAULTS / "faults.patch"
PYTHON = FAULTS / "python.txt"
PACKAGE = "qemu"
SUITES = ("trixie",)
"""The suite of the model ``qemu-10.0``, for whose source the patch is written."""
RELEVANT = re.compile(r"^\+\+\+ \S*?/(?:accel|target|hw/arm|hw/intc)/", re.M)
"""Debian's patches to what is emulated are applied; those to packaging and firmware are not."""
BLOBS = (
    *("aarch64-code", "arm-code", "arm-vars", "riscv-code", "riscv-vars"),
    *("i386-code", "i386-secure-code", "i386-vars", "x86_64-code", "x86_64-secure-code"),
    *("loongarch64-code", "loongarch64-vars"),
)
"""Firmware that the build unpacks and Debian's source lacks; no machine here uses any."""
NEEDED = {
    "ninja": "ninja-build",
    "pkg-config": "pkg-config",
    "/usr/include/glib-2.0/glib.h": "libglib2.0-dev",
    "/usr/include/libfdt.h": "libfdt-dev",
}
"""Program or file → Debian package; also in images/system-packages.txt."""
CONFIGURE = (
    "--target-list=aarch64-softmmu",
    "--without-default-features",
    *("--enable-tcg", "--enable-system", "--enable-fdt=system", "--enable-plugins"),
    *("--disable-werror", "--disable-docs", "--disable-install-blobs", "--disable-debug-info"),
)
TOOL_TIMEOUT_S = 600
BUILD_TIMEOUT_S = 5400
POLL_S = 1.0
_STEP = re.compile(rb"^\[([0-9]+)/([0-9]+)\] ", re.M)


def build_faulty(store: Store, progress: Callable[[str], None], patch: Path = PATCH) -> Artefact:
    """Return the artefact whose file ``QEMU`` is the patched model.

    ``UserError`` names what the machine lacks, a source that is not available, or a patch that does not fit;
    ``InfraError`` has the end of the log when the build fails.
    """
    require_tools()
    source = SourceArchive(store, SUITES).fetch(PACKAGE)
    for version in source.gone:
        progress(f"the mirror has no tarball of {PACKAGE} {version}; {source.version} is the nearest")
    key = {
        "source": source.record(),
        "patch": sha256_file(patch),
        "python": sha256_file(PYTHON),
        "configure": list(CONFIGURE),
        "toolchain": toolchain(),
    }

    def build(work: Path) -> dict[str, Any]:
        log = work / "build.log"
        tree = work / "source"
        applied = unpack(source, tree, log)
        apply(patch, tree, log)
        for name in BLOBS:
            path = tree / f"pc-bios/edk2-{name}.fd.bz2"
            if not path.exists():
                path.write_bytes(bz2.compress(b""))
        progress(f"QEMU {source.version} with {patch.name}: configure")
        python = environment_of(work / "python", log)
        place = work / "build"
        place.mkdir()
        words = [str(tree / "configure"), f"--python={python}", *CONFIGURE]
        if shutil.which("ccache"):
            words.append("--cc=ccache gcc")
        command.run(words, timeout_s=TOOL_TIMEOUT_S, cwd=place, env=ccache(work), log=log)
        ninja(
            place,
            log,
            lambda text: progress(f"QEMU {source.version} with {patch.name}: {text}"),
            ccache(work),
        )
        shutil.copy2(place / QEMU, work / QEMU)
        command.run(["strip", work / QEMU], timeout_s=TOOL_TIMEOUT_S, log=log)
        for left in (tree, place, work / "python"):
            shutil.rmtree(left)
        return {"version": source.version, "debian_patches": applied, "sha256": sha256_file(work / QEMU)}

    return store.get_or_build("model-source", key, build)


def require_tools(needed: Mapping[str, str] = NEEDED) -> None:
    """Raise ``UserError`` with the packages that the machine lacks for the build."""
    missing = [
        package
        for item, package in needed.items()
        if not (Path(item).exists() if item.startswith("/") else shutil.which(item))
    ]
    if missing:
        raise UserError(f"building QEMU needs more packages: apt-get install {' '.join(missing)}")


def toolchain() -> str:
    """Return the compiler's own description."""
    return command.run(["gcc", "--version"], timeout_s=30).stdout.splitlines()[0]


def unpack(source: SourcePackage, tree: Path, log: Path) -> list[str]:
    """Unpack a source package into ``tree``; returns Debian's patches that were applied (``RELEVANT``)."""
    packaging = tree.parent / "packaging"
    for tarball, target, strip in ((".orig.tar", tree, 1), (".debian.tar", packaging, 0)):
        target.mkdir()
        words = ["tar", "-xf", str(source.file(tarball)), f"--strip-components={strip}", "--no-same-owner"]
        command.run([*words, "-C", str(target)], timeout_s=TOOL_TIMEOUT_S, env={"XZ_OPT": "-T0"}, log=log)
    patches = packaging / "debian/patches"
    series = (
        (patches / "series").read_text(encoding="utf-8").splitlines() if (patches / "series").exists() else []
    )
    applied = []
    for line in series:
        name = line.partition("#")[0].strip().partition(" ")[0]
        if name and RELEVANT.search((patches / name).read_text(encoding="utf-8", errors="replace")):
            apply(patches / name, tree, log)
            applied.append(name)
    shutil.rmtree(packaging)
    return applied


def apply(patch: Path, tree: Path, log: Path) -> None:
    """Apply ``patch`` to ``tree``, each hunk where its context stands; ``UserError`` if one has no place."""
    words = ["patch", "-p1", "--forward", "--batch", "--fuzz=0", "-d", str(tree), "-i", str(patch.absolute())]
    done = command.run(words, timeout_s=TOOL_TIMEOUT_S, log=log, check=False)
    if done.returncode:
        lost = [line for line in done.stdout.splitlines() if "FAILED" in line or "can't find" in line]
        raise UserError(
            f"{patch} does not fit this source ({'; '.join(lost[:3]) or command.tail(done.stdout, 1)}); "
            "write its hunks anew for that version (docs/model-check.md)"
        )


def environment_of(place: Path, log: Path) -> Path:
    """Make the Python environment that configure wants; returns its interpreter."""
    command.run(["python3", "-m", "venv", place], timeout_s=TOOL_TIMEOUT_S, log=log)
    python = place / "bin/python"
    words = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    command.run([*words, "--require-hashes", "-r", str(PYTHON)], timeout_s=TOOL_TIMEOUT_S, log=log)
    return python


def ccache(work: Path) -> dict[str, str]:
    """Return the environment with which builds in different directories share what they compiled."""
    return {"CCACHE_BASEDIR": str(work), "CCACHE_NOHASHDIR": "1"}


def ninja(place: Path, log: Path, progress: Callable[[str], None], environment: Mapping[str, str]) -> None:
    """Build QEMU in ``place``; ``progress`` gets ``412 of 1873 objects`` every second.

    ``InfraError`` with the compiler's first errors, or when it does not end within ``BUILD_TIMEOUT_S``.
    """
    words = ["ninja", "-C", str(place), f"-j{len(os.sched_getaffinity(0))}", QEMU]
    with log.open("ab") as stream:
        start = stream.tell()
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C", **environment},
            start_new_session=True,
        )
    end = time.monotonic() + BUILD_TIMEOUT_S
    try:
        while process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_S)
            progress(steps(log.read_bytes()[start:]))
    finally:
        if late := process.poll() is None:
            command.end_group(process)
    if late:
        raise InfraError(f"{' '.join(words)} did not end within {BUILD_TIMEOUT_S} s")
    if process.returncode:
        said = log.read_bytes()[start:].decode("utf-8", "replace")
        errors = [line for line in said.splitlines() if re.search(r"\berror: |undefined reference", line)]
        why = "\n".join(errors[:10]) or command.tail(said)
        raise InfraError(
            f"{' '.join(words)} ended with status {process.returncode}\n{why}", command.tail(said)
        )


def steps(said: bytes) -> str:
    """Return how far ninja is, from what it has printed: ``412 of 1873 objects``."""
    found = _STEP.findall(said)
    return f"{int(found[-1][0])} of {int(found[-1][1])} objects" if found else "begins"
