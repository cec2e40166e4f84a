# SPDX-License-Identifier: GPL-2.0-only
"""Programs of L1 and L2 actions: the language, the reference model of what they observe, random ones."""
