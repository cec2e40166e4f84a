# SPDX-License-Identifier: GPL-2.0-only
"""Read-only ext4 images from a directory tree, without root and without mounting."""

from __future__ import annotations

import os
from pathlib import Path

from harness.host import command
from harness.host.cache import tree_bytes

SPARE_MIB = 16
FIXED_TIME = "1767225600"  # 2026-01-01


def pack(tree: Path, image: Path, identity: str, log: Path) -> None:
    """Make ``image`` from ``tree``; ``identity`` is its UUID. Equal trees give equal metadata layout."""
    size_mib = tree_bytes(tree) * 11 // 10 // (1 << 20) + SPARE_MIB
    features = "^has_journal,^metadata_csum,^resize_inode"
    options = f"hash_seed={identity},root_owner=0:0,lazy_itable_init=0"
    words: list[str | Path] = [
        "mke2fs",
        "-q",
        "-t",
        "ext4",
        "-d",
        tree,
        "-U",
        identity,
        "-m",
        "0",
        "-b",
        "4096",
    ]
    command.run(
        [*words, "-O", features, "-E", options, "-L", "nvh", image, f"{size_mib}M"],
        timeout_s=300,
        log=log,
        env={"E2FSPROGS_FAKE_TIME": FIXED_TIME, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
