# SPDX-License-Identifier: GPL-2.0-only
"""nvh: checks the TLB handling of arm64 nested virtualisation on a real QEMU machine."""

__version__ = "0.1.0"
