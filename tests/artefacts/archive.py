# SPDX-License-Identifier: GPL-2.0-only
"""A Debian archive in a directory: packages of one file each, as apt reads them."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

SUITE = "trixie"
ARCH = "arm64"


def deb(directory: Path, name: str, version: str, depends: str = "", text: str = "") -> Path:
    """Build a package whose one file, /usr/share/NAME, holds ``text`` or the version."""
    tree = directory / f"{name}-{version}.tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/share").mkdir(parents=True)
    (tree / "usr/share" / name).write_text(text or version)
    lines = [f"Package: {name}", f"Version: {version}", f"Architecture: {ARCH}", "Maintainer: nvh <n@v.h>"]
    lines += [f"Depends: {depends}"] if depends else []
    (tree / "DEBIAN/control").write_text("\n".join([*lines, "Description: for a test\n"]))
    path = directory / f"{name}_{version}_{ARCH}.deb"
    words = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return path


def publish(archive: Path, debs: list[Path]) -> None:
    """Make ``archive`` offer exactly these packages."""
    index = archive / f"dists/{SUITE}/main/binary-{ARCH}/Packages"
    index.parent.mkdir(parents=True, exist_ok=True)
    entries = []
    for path in debs:
        (archive / path.name).write_bytes(path.read_bytes())
        control = subprocess.run(["dpkg-deb", "-f", path], capture_output=True, text=True, check=True).stdout
        content = path.read_bytes()
        entries.append(
            f"{control.strip()}\nFilename: ./{path.name}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
        )
    index.write_text("\n".join(entries))
    found = index.read_bytes()
    (archive / f"dists/{SUITE}/Release").write_text(
        f"Suite: {SUITE}\nCodename: {SUITE}\nArchitectures: {ARCH}\nComponents: main\nSHA256:\n"
        f" {hashlib.sha256(found).hexdigest()} {len(found)} main/binary-{ARCH}/Packages\n"
    )
