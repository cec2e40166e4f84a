# SPDX-License-Identifier: GPL-2.0-only
"""Print the manual page, made from the options of every verb.

examples:
  ./nvh man > nvh.1                      for a package, in man/man1
  ./nvh man | man -l -                   to read it now
"""

from __future__ import annotations

import argparse

from harness.cli.manpage import page


def options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options (none)."""


def main(_: argparse.Namespace) -> int:
    """Print; returns the exit status."""
    from harness.cli.parser import parser

    print(page(parser()), end="")
    return 0
