# SPDX-License-Identifier: GPL-2.0-only
"""Which cells a series is run on when nobody names any: what it touches, what reaches that, and the time."""
