# SPDX-License-Identifier: GPL-2.0-only
"""Campaigns of random programs: run by nvh-litmus, judged by the reference model, shrunk and kept."""
