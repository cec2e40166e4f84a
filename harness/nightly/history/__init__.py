# SPDX-License-Identifier: GPL-2.0-only
"""What cells concluded over many runs: one SQLite file, and what is asked of it (docs/nightly.md)."""
