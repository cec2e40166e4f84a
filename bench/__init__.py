# SPDX-License-Identifier: GPL-2.0-only
"""Benchmarks: figures as ratios, measured side by side in one run. Never part of the tests."""
