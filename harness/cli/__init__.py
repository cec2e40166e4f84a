# SPDX-License-Identifier: GPL-2.0-only
"""The command line: one verb per module, no logic of its own."""
