# SPDX-License-Identifier: GPL-2.0-only
"""Programs on several CPUs under schedules: where each CPU of L0 is held, and until what (docs/races.md)."""
