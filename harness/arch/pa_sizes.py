# SPDX-License-Identifier: GPL-2.0-only
"""Sizes of physical addresses, by the code that registers have for them."""

from __future__ import annotations

OUTPUT_BITS = (32, 36, 40, 42, 44, 48)
"""What VTCR_EL2.PS, TCR_EL1.IPS and ID_AA64MMFR0_EL1.PARange name, by value (Arm ARM D24.2, M.a.a)."""
