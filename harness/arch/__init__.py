# SPDX-License-Identifier: GPL-2.0-only
"""The architecture's rules: one reference in C (images/payloads/arch), the data that it is built from,
Python's way in."""
