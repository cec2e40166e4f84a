# SPDX-License-Identifier: GPL-2.0-only
"""Which changed lines of a series the model executed at L0, from its own trace and the kernel's DWARF."""
