# SPDX-License-Identifier: GPL-2.0-only
"""Which litmus cases the default run has: a covering selection of all that nvh-litmus knows."""
