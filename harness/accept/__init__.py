# SPDX-License-Identifier: GPL-2.0-only
"""Acceptance of a patch series: does it build, does it break anything, what of it ran, what does it cost."""
