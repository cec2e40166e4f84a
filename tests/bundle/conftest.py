# SPDX-License-Identifier: GPL-2.0-only
"""The runner built for this machine, as tests/ktap has it."""

from tests.ktap.conftest import runner

__all__ = ["runner"]
