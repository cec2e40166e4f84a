# SPDX-License-Identifier: GPL-2.0-only
"""The questions of the reduced domain with the independent oracle's answers, worked out once."""

from __future__ import annotations

import pytest

from harness.arch.library import library
from tests.arch.domain import Group, Reference, expected, groups


@pytest.fixture(scope="session")
def answered() -> list[tuple[Group, bytes]]:
    """Every question of the reduced domain, answered by the independent oracle."""
    return [(group, expected(group)) for group in groups()]


@pytest.fixture(scope="session")
def reference() -> Reference:
    """The reference as everything else uses it."""
    return Reference(library())
