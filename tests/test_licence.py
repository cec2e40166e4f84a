# SPDX-License-Identifier: GPL-2.0-only
"""Every tracked source file says its licence in its first lines."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.host.paths import ROOT

TAG = "SPDX-License-Identifier: GPL-2.0-only"
SOURCE = re.compile(
    r"\.(py|sh|yaml|yml|toml|ini|config|mk|example|c|h|S|ld|lds|js|css|j2|nvl)$"
    r"|(^|/)(nvh|Makefile|Kbuild|init|fstab|update|run|\.editorconfig|\.clang-format|\.yamllint|\.gitignore|MANIFEST\.in"
    r"|\.importlinter|system-packages\.txt)$"
)
OTHER = re.compile(
    r"(^|/)(corpus|data|splats|bad|good|wrong)/|^locks/.*\.txt$|^images/kernels/series/"
    r"|\.(md|json|jsonl|csv|txt|patch|l[012]|stdout)$|^LICENSE$|/ON-REQUEST$|/py\.typed$"
)
"""Recorded data and inputs of tests, whose bytes and line numbers count; generated files; texts."""


def lacks(name: str, text: str) -> str:
    """Return what is wrong with a file; "" for nothing."""
    source = SOURCE.search(name)
    if not source and not OTHER.search(name):
        return f"{name}: tests/test_licence.py does not know this kind of file"
    special = name.endswith("system-packages.txt")
    if not source or (OTHER.search(name) and not special):
        return ""
    return "" if any(TAG in line for line in text.splitlines()[:4]) else f"{name}: lacks {TAG!r}"


def test_every_source_file_says_its_licence() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files are ours")
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert len(names) > 500
    wrong = [lacks(name, Path(ROOT / name).read_text(encoding="utf-8", errors="replace")) for name in names]
    assert not [each for each in wrong if each]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("harness/a.py", '"""No licence."""\n', "lacks"),
        ("harness/a.py", f"# {TAG}\n", ""),
        ("nvh", f"#!/bin/sh\n# {TAG}\n", ""),
        ("images/payloads/a.c", f"// {TAG.removesuffix('-only')}\n", "lacks"),
        ("images/a.yaml", "\n" * 9 + f"# {TAG}\n", "lacks"),
        ("tests/scenario/bad/a.yaml", "x", ""),
        ("docs/a.md", "x", ""),
        ("images/a.rs", "x", "does not know"),
    ],
)
def test_a_file_that_lacks_it_is_found(name: str, text: str, found: str) -> None:
    assert bool(lacks(name, text)) == bool(found)
    assert found in lacks(name, text)
