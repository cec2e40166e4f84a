# SPDX-License-Identifier: GPL-2.0-only
"""Which cells an acceptance runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.accept.lab import selected
from harness.errors import UserError
from harness.host.paths import SCENARIOS
from harness.scenario.scenario import NO_OVERRIDES

PLACE = SCENARIOS / "vmid"


def ids(*paths: Path, patterns: tuple[str, ...] = ()) -> set[str]:
    return {cell.id for cell in selected((paths, patterns), NO_OVERRIDES)}


def test_a_directory_and_a_pattern_add_up() -> None:
    alone, other = ids(PLACE), ids(patterns=("tlbi-e1-*",))
    assert alone
    assert other
    assert ids(PLACE, patterns=("tlbi-e1-*",)) == alone | other
    assert len(selected(((PLACE,), (*alone,)), NO_OVERRIDES)) == len(alone)  # each once


def test_a_pattern_without_a_match_is_told_beside_a_directory() -> None:
    with pytest.raises(UserError, match="tbli"):
        ids(PLACE, patterns=("tbli-*",))
