# SPDX-License-Identifier: GPL-2.0-only
"""The toy kernel as a fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.artefacts.kernel.toy import Toy


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """Return a fresh toy kernel with a store and a payload of its own."""
    return Toy(tmp_path)
