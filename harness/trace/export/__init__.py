# SPDX-License-Identifier: GPL-2.0-only
"""A timeline in the formats that others read. ``write`` and ``read`` are those of the one a cell keeps."""

from harness.trace.export.jsonl import read, sealed, write

__all__ = ["read", "sealed", "write"]
