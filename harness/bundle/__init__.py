# SPDX-License-Identifier: GPL-2.0-only
"""The cases in a directory that boots or runs without nvh, and what its logs are worth (docs/anywhere.md)."""
