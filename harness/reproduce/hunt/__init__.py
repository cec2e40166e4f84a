# SPDX-License-Identifier: GPL-2.0-only
"""Generated programs: made by a seed, judged by a reference model, run by nvh-litmus, shrunk and kept."""
