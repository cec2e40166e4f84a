# SPDX-License-Identifier: GPL-2.0-only
"""Many cells on many machines: a plan, the backends that run it, and the driver between them
(docs/nightly.md).
"""
