# SPDX-License-Identifier: GPL-2.0-only
"""Cases that ran without nvh: the log that a bundle prints, and what it is worth (docs/anywhere.md)."""
