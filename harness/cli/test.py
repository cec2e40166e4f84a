# SPDX-License-Identifier: GPL-2.0-only
"""Run nvh's own tests: the fast ones, and those that boot the real machine.

examples:
  ./nvh test                  everything: builds first, then pytest over tests/ and scenarios/
  ./nvh test --fast           only the tests that need no QEMU (seconds)
  ./nvh test -- -k timeline   what follows -- goes to pytest
"""

from __future__ import annotations

import argparse
import os
import sys

from harness.artefacts.kernel import load_kernel
from harness.artefacts.kernel.archives import DebianSource
from harness.artefacts.uefi import PACKAGE
from harness.cli import images
from harness.host.cache import Store
from harness.host.paths import checkout

EXTRA = ["kernel:nv-mutants", "kernel:debian", f"uefi:{PACKAGE}"]
"""Artefacts that the tests need and the default scenarios do not."""
PATCHED = "nv-previous"
"""The kernel of which tests need the source alone, to see that the series applies."""


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("--fast", action="store_true", help="only tests that need neither QEMU nor artefacts")
    parser.set_defaults(rest=[])


def main(arguments: argparse.Namespace) -> int:
    """Build, then become pytest, without downloads: signals to this process end the tests."""
    root = checkout("tests")
    words = [sys.executable, "-m", "pytest"]
    if arguments.fast:
        words += ["-m", "not real", "tests"]
    else:
        images.main(argparse.Namespace(action="build", names=[]))
        images.main(argparse.Namespace(action="build", names=EXTRA))
        _fetch_source(PATCHED)
        words += ["tests", "scenarios"]
    environment = {**os.environ, "NVH_OFFLINE": "1"}
    sys.stdout.flush()
    os.chdir(root)
    os.execve(sys.executable, [*words, *arguments.rest], environment)


def _fetch_source(kernel: str) -> None:
    source = load_kernel(kernel).source
    if isinstance(source, DebianSource):
        source.fetch(Store())
