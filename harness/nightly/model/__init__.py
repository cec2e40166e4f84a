# SPDX-License-Identifier: GPL-2.0-only
"""A hardware model checked by itself first, without a kernel: the first use of nvh."""
