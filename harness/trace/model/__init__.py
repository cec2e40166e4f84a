# SPDX-License-Identifier: GPL-2.0-only
"""The hardware model's own trace: what the plugin ``nvh-trace`` recorded (docs/model-trace.md)."""
