# SPDX-License-Identifier: GPL-2.0-only
"""Programs that people write: checked on the host, judged by the reference model, run, shrunk and kept."""
